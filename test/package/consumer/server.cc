#include "server.h"

#include "chat.messi.h"

namespace {

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;

  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    client.send(chat::Welcome());
  }
  void on_message_ind(Client&, const chat::MessageInd& message) override { broadcast(message); }
};

}  // namespace

std::unique_ptr<chat::ChatServer> make_server(messi::EventLoop& loop) {
  return std::make_unique<Server>(loop, "tcp://127.0.0.1:0");
}

// A minimal server, with messages that are structs.
#include <cstdio>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;

  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    client.send(chat::ConnectRsp());
  }
  void on_message_ind(Client&, const chat::MessageInd& message) override { broadcast(message); }
};

}  // namespace

int main(int argc, char** argv) {
  messi::EpollLoop loop;
  Server server(loop, argc > 1 ? argv[1] : "tcp://127.0.0.1:6000");
  if (const messi::UserStatus status = server.start(); !status.ok()) {
    std::fprintf(stderr, "%s\n", status.message().c_str());
    return 1;
  }
  loop.run();
}

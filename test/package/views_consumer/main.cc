#include <iostream>
#include <optional>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;

  void on_connect_req(Client& client, const chat::ConnectReq& request) override {
    client.send(chat::MessageInd{request.user, "hello"});
  }
};

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  void on_connected() override { send(chat::ConnectReq{"erik"}); }
  void on_message_ind(const chat::MessageInd& message) override {
    std::cout << '<' << message.user << "> " << message.text << std::endl;
    stop();
  }
  std::optional<messi::Duration> on_connect_failure(const messi::UserStatus& error) override {
    std::cerr << error.message() << std::endl;
    return std::nullopt;
  }
};

}  // namespace

int main() {
  messi::EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  const messi::Status status = server.start();
  if (!status.ok()) {
    std::cerr << status.message() << std::endl;
    return 1;
  }
  Client client(loop, server.uri());
  client.start();
  loop.run_until([&] { return client.stopped(); });
}

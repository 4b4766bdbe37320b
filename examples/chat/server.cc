// A chat room: what one client says, all clients hear.

#include <chrono>
#include <iostream>
#include <string>

#include "../command_line.h"
#include "../signals.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;

  void on_connect_req(Client& client, const chat::ConnectReq& request) override {
    std::string& user = client.state<std::string>();
    user = request.user();
    std::cout << '<' << user << "> is here." << std::endl;
    client.send(chat::ConnectRsp());
  }

  void on_message_ind(Client&, const chat::MessageInd& message) override { broadcast(message); }

  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    std::cout << '<' << client.state<std::string>() << "> has gone: " << reason << std::endl;
  }
};

// What was said before a signal is heard. Then all clients go.
constexpr std::chrono::seconds kDrainDeadline(10);

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv);
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_server());
  Server server(loop, given.argument(0, "tcp://127.0.0.1:6000"));
  const Signals signals(loop, [&] { server.drain(kDrainDeadline); });
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  std::cout << "Listening at " << server.uri() << std::endl;
  loop.run_until([&] { return server.stopped(); });
}

// A chat room: what one client says, all clients hear.

#include <chrono>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>

#include "../command_line.h"
#include "../signals.h"
#include "absl/status/status.h"
#include "chat.messi.h"
#include "history.h"
#include "messages.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"
#include "messi/websocket.h"

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, const CommandLine& given)
      : ChatServer(loop, given.argument(0, "tcp://127.0.0.1:6000"), options_of(given)),
        history_(given.file("--history"), History::Side::kServer) {}

  void on_client_connected(Client& client) override { history_.connected(client.id()); }

  void on_connect_req(Client& client, const chat::ConnectReq& request) override {
    std::string& user = client.state<std::string>();
    user = user_of(request);
    std::cout << '<' << user << "> is here." << std::endl;
    history_.dispatched(client.id(), content_of(request));
    history_.named(client.id(), name_of(user, ++sessions_[user]));
    const chat::ConnectRsp response;
    history_.sending(client.id(), content_of(response));
    client.send(response);
  }

  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    history_.dispatched(client.id(), content_of(message));
    for (const Client& each : clients()) history_.sending(each.id(), content_of(message));
    broadcast(message);
  }

  void on_client_detached(Client& client, messi::DisconnectReason reason) override {
    history_.detached(client.id(), to_string(reason));
  }
  void on_client_resumed(Client& client, std::uint64_t replayed) override {
    history_.resumed(client.id(), replayed);
  }
  void on_client_session_lost(Client& client, const messi::SessionLoss& loss) override {
    history_.lost(client.id(), loss.first_unacked, loss.last_accepted, loss.peer_handled,
                  to_string(loss.reason));
  }

  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    history_.disconnected(client.id(), to_string(reason));
    std::cout << '<' << client.state<std::string>() << "> has gone: " << reason << std::endl;
  }

 private:
  // Clients without sessions may come too.
  static messi::ServerOptions options_of(const CommandLine& given) {
    messi::ServerOptions options;
    if (given.has("--session")) options.session = messi::SessionMode::kPrefer;
    return options;
  }

  History history_;
  std::map<std::string, int> sessions_;  // of each user
};

// What was said before a signal is heard. Then all clients go.
constexpr std::chrono::seconds kDrainDeadline(10);

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv, {"--history"}, {"--session"});
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_server());
  const messi::websocket::Network ws(loop);
  const messi::websocket::Network wss(loop, {}, "wss", "tls");
  Server server(loop, given);
  const Signals signals(loop, [&] { server.drain(kDrainDeadline); });
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  std::cout << "Listening at " << server.uri() << std::endl;
  loop.run_until([&] { return server.stopped(); });
}

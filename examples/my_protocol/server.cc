// The server of the sequence diagram in README.md: prints one line per step.

#include <chrono>
#include <iostream>
#include <thread>

#include "../command_line.h"
#include "../signals.h"
#include "absl/status/status.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"
#include "my_protocol.messi.h"

class Server final : public my_protocol::MyProtocolServer {
 public:
  using MyProtocolServer::MyProtocolServer;

  void on_client_connected(Client& client) override {
    std::cout << "1. Client connected from " << client.peer_address() << '.' << std::endl;
    std::cout << "2. Its pings are answered in the background." << std::endl;
  }

  void on_foo_req(Client&, const my_protocol::FooReq&) override {
    std::cout << "3. Got FooReq, replying with FooRsp." << std::endl;
    reply(my_protocol::FooRsp());
  }

  void on_bar_ind(Client& client, const my_protocol::BarInd&) override {
    if (++client.state<Session>().bar_inds < 2) return;
    std::cout << "4. Got BarInd twice." << std::endl;
    client.send(my_protocol::FieReq());
  }

  void on_fie_rsp(Client&, const my_protocol::FieRsp&) override {
    std::cout << "5. Sent FieReq, got FieRsp. Falling silent for 6 s." << std::endl;
    // A hook should return soon. This one does not, so pings that arrive now are not answered.
    std::this_thread::sleep_for(std::chrono::seconds(6));
  }

  void on_client_disconnected(Client&, messi::DisconnectReason reason) override {
    std::cout << "6. Client disconnected: " << reason << std::endl;
    stop();
  }

 private:
  // The state of one client.
  struct Session {
    int bar_inds = 0;
  };
};

// What was sent before a signal arrives. Then the client goes.
constexpr std::chrono::seconds kDrainDeadline(10);

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv);
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_server());
  Server server(loop, given.argument(0, "tcp://127.0.0.1:7840"));
  const Signals signals(loop, [&] { server.drain(kDrainDeadline); });
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  std::cout << "Listening at " << server.uri() << std::endl;
  loop.run_until([&] { return server.stopped(); });
}

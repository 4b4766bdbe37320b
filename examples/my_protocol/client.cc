// The client of the sequence diagram in README.md: prints one line per step.

#include <chrono>
#include <iostream>
#include <optional>

#include "../command_line.h"
#include "absl/status/status.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"
#include "my_protocol.messi.h"

class Client final : public my_protocol::MyProtocolClient {
 public:
  using MyProtocolClient::MyProtocolClient;

  void on_connected() override {
    std::cout << "1. Connected to " << uri() << '.' << std::endl;
    std::cout << "2. From now on the server is pinged in the background." << std::endl;
    send(my_protocol::FooReq());
  }

  void on_foo_rsp(const my_protocol::FooRsp&) override {
    std::cout << "3. Sent FooReq, got FooRsp." << std::endl;
    std::cout << "4. Sending BarInd twice." << std::endl;
    send(my_protocol::BarInd());
    send(my_protocol::BarInd());
  }

  void on_fie_req(const my_protocol::FieReq&) override {
    std::cout << "5. Got FieReq, sending FieRsp." << std::endl;
    send(my_protocol::FieRsp());
  }

  // The client would reconnect by itself, but the example ends here.
  void on_disconnected(messi::DisconnectReason reason) override {
    std::cout << "6. Disconnected: " << reason << std::endl;
    stop();
  }

  // It would also try again by itself.
  std::optional<messi::Duration> on_connect_failure(const absl::Status& error) override {
    std::cerr << error.message() << '\n';
    failed_ = true;
    return std::nullopt;
  }

  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

int main(int argc, char* argv[]) {
  messi::ClientOptions options;
  options.ping_interval = std::chrono::milliseconds(500);  // by default 2 s
  options.pong_timeout = std::chrono::seconds(1);          // by default 4 s

  const CommandLine given(argc, argv);
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_client());
  Client client(loop, given.argument(0, "tcp://127.0.0.1:7840"), options);
  client.start();
  loop.run_until([&] { return client.stopped(); });
  return client.failed() ? 1 : 0;
}

// Sends back what it is sent. Runs on Linux, and prints its port.
#include <iostream>

#include "absl/status/status.h"
#include "echo.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

class Server final : public echo::EchoServer {
 public:
  using EchoServer::EchoServer;

  void on_say_req(Client& client, const echo::SayReq& request) override {
    echo::SayRsp response;
    response.set_number(request.number());
    response.set_text(request.text());
    client.send(response);
  }
};

}  // namespace

int main() {
  messi::EpollLoop loop;
  messi::ServerOptions options;
  options.session = messi::SessionMode::kPrefer;
  options.max_payload_before_accept = options.max_payload_size;  // of a client without a session
  Server server(loop, "tcp://127.0.0.1:0", options);
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cerr << status.message() << '\n';
    return 1;
  }
  std::cout << server.port() << std::endl;
  loop.run();
}

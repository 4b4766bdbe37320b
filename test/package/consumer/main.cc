#include <chrono>
#include <iostream>
#include <string>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"
#include "server.h"

namespace {

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  void on_connected() override {
    chat::ConnectReq request;
    request.mutable_user()->set_name("erik");
    call(request, std::chrono::seconds(5), [this](messi::CallResult<chat::Welcome> welcome) {
      chat::MessageInd message;
      message.set_text(welcome.ok() ? "hello" : "not welcome");
      send(message);
    });
  }
  void on_message_ind(const chat::MessageInd& message) override { heard_ = message.text(); }

  const std::string& heard() const { return heard_; }

 private:
  std::string heard_;
};

}  // namespace

int main() {
  messi::EpollLoop loop;
#ifdef CONSUMER_TLS
  if (!has_tls(loop)) return 1;
#endif
  const auto server = make_server(loop);
  if (const absl::Status status = server->start(); !status.ok()) {
    std::cerr << status << '\n';
    return 1;
  }
  Client client(loop, "tcp://127.0.0.1:" + std::to_string(server->port()));
  client.start();

  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (client.heard().empty() && std::chrono::steady_clock::now() < deadline) {
    loop.poll(std::chrono::milliseconds(100));
  }
  std::cout << "heard: " << client.heard() << '\n';
  return client.heard() == "hello" ? 0 : 1;
}

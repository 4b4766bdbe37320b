// usage: client <uri of a server>
// Runs on Windows: sends many messages, and ends with 0 when all have come back in order.
#include <asio/io_context.hpp>
#include <cstdint>
#include <iostream>
#include <string>

#include "echo.messi.h"
#include "messi/io/asio_loop.h"

namespace {

constexpr std::uint32_t kMessages = 1000;
// Some are larger than what a read takes, or a socket.
std::string text_of(std::uint32_t number) {
  return std::string(number % 100 == 0 ? 500000 : number, static_cast<char>('a' + number % 26));
}

class Client final : public echo::EchoClient {
 public:
  using EchoClient::EchoClient;

  void on_connected() override { say(); }
  void on_say_rsp(const echo::SayRsp& message) override {
    if (message.number() != answers_ || message.text() != text_of(answers_)) return stop_now();
    if (++answers_ == kMessages) return stop();
    say();
  }

  bool all() const { return answers_ == kMessages; }

 private:
  void say() {
    echo::SayReq message;
    message.set_number(answers_);
    message.set_text(text_of(answers_));
    send(message);
  }

  std::uint32_t answers_ = 0;
};

}  // namespace

int main(int, char* argv[]) {
  asio::io_context context;
  messi::AsioLoop loop(context);
  Client client(loop, argv[1]);
  client.start();
  context.run();
  std::cout << (client.all() ? "All messages came back in order." : "Some messages are missing.")
            << std::endl;
  return client.all() ? 0 : 1;
}

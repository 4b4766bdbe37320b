// usage: views_client <uri of a server>
// Runs on Windows, over a link that breaks: makes many calls in a session, with messages that are
// structs, and ends with 0 when all are answered and the session has outlived connections.
#include <asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <string>

#include "echo.messi.h"
#include "messi/io/asio_loop.h"

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kCalls = 2000;
constexpr std::uint32_t kOpen = 8;
std::string text_of(std::uint32_t number) {
  return std::string(number % 100 == 0 ? 100000 : number, static_cast<char>('a' + number % 26));
}

class Client final : public echo::EchoClient {
 public:
  Client(messi::EventLoop& loop, const char* uri) : EchoClient(loop, uri, options()) {}

  void on_connected() override {
    while (asked_ < kOpen) ask();
  }
  void on_resumed(std::uint64_t /*replayed*/) override { ++resumed_; }

  bool all() const { return answers_ == kCalls; }
  int resumed() const { return resumed_; }

 private:
  static messi::ClientOptions options() {
    messi::ClientOptions options;
    options.session = messi::SessionMode::kRequired;
    options.ping_interval = 300ms;
    options.pong_timeout = 1s;
    options.connect_timeout = 2s;
    options.backoff.initial = options.backoff.quick = 10ms;
    options.backoff.max = 100ms;
    return options;
  }

  void ask() {
    const std::uint32_t number = asked_++;
    const std::string text = text_of(number);
    call(echo::SayReq{number, text}, messi::Duration::max(),
         [this, number](messi::CallResult<echo::SayRsp> result) { answered(number, result); });
  }
  void answered(std::uint32_t number, const messi::CallResult<echo::SayRsp>& result) {
    if (stopped()) return;
    if (!result.ok() || result->number != number || result->text != text_of(number)) {
      std::cout << "Call " << number << ": " << result.status().message() << std::endl;
      return stop_now();
    }
    if (++answers_ == kCalls) return stop();
    if (asked_ < kCalls) ask();
  }

  std::uint32_t asked_ = 0;
  std::uint32_t answers_ = 0;
  int resumed_ = 0;
};

}  // namespace

int main(int, char* argv[]) {
  asio::io_context context;
  messi::AsioLoop loop(context);
  Client client(loop, argv[1]);
  client.start();
  context.run();
  std::cout << (client.all() ? "All calls were answered" : "Some calls were not answered")
            << ", and the session was resumed " << client.resumed() << " times." << std::endl;
  return client.all() && client.resumed() > 0 ? 0 : 1;
}

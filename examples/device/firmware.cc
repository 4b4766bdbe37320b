// A member of a chat that says again what it hears: firmware for the board lm3s6965evb, whose first
// serial line is the link.

#include <chrono>
#include <string_view>

#include "board.h"
#include "chat.messi.h"

namespace {

constexpr std::string_view kUser = "board";
constexpr std::size_t kMostAnswer = 128;

class Member final : public chat::ChatDevice {
 public:
  using ChatDevice::ChatDevice;

 private:
  void on_connected() override { (void)try_send(chat::ConnectReq{kUser}); }
  void on_connect_rsp(const chat::ConnectRsp& /*response*/) override {
    (void)try_send(chat::MessageInd{kUser, "here"});
  }
  // There is room: the main loop sees to it.
  void on_message_ind(const chat::MessageInd& message) override {
    if (message.user != kUser) (void)try_send(chat::MessageInd{kUser, message.text});
  }
};

char memory_for_input[128];
char memory_for_output[2 * kMostAnswer];
Member member({memory_for_input, sizeof memory_for_input},
              {memory_for_output, sizeof memory_for_output});

// Never goes back, as 32 bits of milliseconds would after 49 days.
messi::TimePoint now() {
  static messi::TimePoint time;
  return time += std::chrono::milliseconds(board::milliseconds());
}

}  // namespace

int main() {
  board::start();
  while (true) {
    member.link_up(now());  // a serial line is always there
    while (member.connected()) {
      member.handle_time(now());
      const std::string_view waiting = member.output();
      if (!waiting.empty() && board::write(waiting.front())) member.handle_written(1);
      char byte;
      if (waiting.size() <= kMostAnswer && board::read(byte)) {
        member.handle_bytes({&byte, 1}, now());
      }
    }
  }
}

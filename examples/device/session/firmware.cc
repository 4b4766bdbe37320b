// The same member of a chat with a session: it loses nothing when its connection is cut. Its serial
// line goes to a modem, which makes connections: modem.py.

#include <chrono>
#include <string_view>

#include "board.h"
#include "chat.messi.h"
#include "modem.h"

namespace {

constexpr std::string_view kUser = "board";

class Member final : public chat::ChatDevice {
 public:
  using ChatDevice::ChatDevice;

 private:
  void on_connected() override { (void)try_send(chat::ConnectReq{kUser}); }
  void on_connect_rsp(const chat::ConnectRsp& /*response*/) override { say("here"); }
  // There is room for all answers to what the server may have sent before the board acknowledges.
  void on_message_ind(const chat::MessageInd& message) override {
    if (message.user != kUser) say(message.text);
  }

  void say(std::string_view text) { (void)try_send(chat::MessageInd{kUser, text}); }
};

char memory_for_input[128];
char memory_for_output[64];
char memory_for_kept[4096];
Member member({memory_for_input, sizeof memory_for_input},
              {memory_for_output, sizeof memory_for_output},
              {memory_for_kept, sizeof memory_for_kept});

// Never goes back, as 32 bits of milliseconds would after 49 days.
messi::TimePoint now() {
  static messi::TimePoint time;
  return time += std::chrono::milliseconds(board::milliseconds());
}

}  // namespace

int main() {
  board::start();
  while (true) {
    modem::connect();
    member.link_up(now());
    while (member.linked()) {
      member.handle_time(now());
      const std::string_view waiting = member.output();
      if (!waiting.empty() && modem::write(waiting.front())) member.handle_written(1);
      char byte;
      switch (modem::read(byte)) {
        case modem::Read::kByte:
          member.handle_bytes({&byte, 1}, now());
          break;
        case modem::Read::kLost:
          member.link_down();
          break;
        case modem::Read::kNothing:
          break;
      }
    }
  }
}

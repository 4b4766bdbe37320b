// The same member of a chat with a session and a call: the answer comes although connections are
// cut. If it does not in time, the board asks again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "board.h"
#include "chat.messi.h"
#include "session/modem.h"

namespace {

constexpr std::string_view kUser = "board";
constexpr std::chrono::seconds kPatience(2);

// Never goes back, as 32 bits of milliseconds would after 49 days.
messi::TimePoint now() {
  static messi::TimePoint time;
  return time += std::chrono::milliseconds(board::milliseconds());
}

class Member final : public chat::ChatDevice {
 public:
  using ChatDevice::ChatDevice;

 private:
  void on_connected() override { ask(); }
  void on_connect_req_result(std::uintptr_t /*context*/,
                             const messi::DeviceResult<chat::ConnectRsp>& result) override {
    if (result.ok()) {
      say("here");
    } else if (result.code() == messi::StatusCode::kDeadlineExceeded) {
      ask();
    }
  }
  // There is room for all answers to what the server may have sent before the board acknowledges.
  void on_message_ind(const chat::MessageInd& message) override {
    if (message.user != kUser) say(message.text);
  }

  void ask() { (void)call(chat::ConnectReq{kUser}, now() + kPatience); }
  void say(std::string_view text) { (void)try_send(chat::MessageInd{kUser, text}); }
};

char memory_for_input[128];
char memory_for_output[64];
char memory_for_kept[4096];
messi::DeviceCall memory_for_calls[4];
Member member({memory_for_input, sizeof memory_for_input},
              {memory_for_output, sizeof memory_for_output},
              {memory_for_kept, sizeof memory_for_kept}, {memory_for_calls, 4});

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

// The same member of a chat, which asks to be let in by a call: if there is no answer in time, it
// asks again.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "board.h"
#include "chat.messi.h"

namespace {

constexpr std::string_view kUser = "board";
constexpr std::size_t kMostAnswer = 128;
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
      (void)try_send(chat::MessageInd{kUser, "here"});
    } else if (result.code() == messi::StatusCode::kDeadlineExceeded) {
      ask();
    }
  }
  // There is room: the main loop sees to it.
  void on_message_ind(const chat::MessageInd& message) override {
    if (message.user != kUser) (void)try_send(chat::MessageInd{kUser, message.text});
  }

  void ask() { (void)call(chat::ConnectReq{kUser}, now() + kPatience); }
};

char memory_for_input[128];
char memory_for_output[2 * kMostAnswer];
messi::DeviceCall memory_for_calls[4];
static_assert(sizeof(messi::DeviceCall) == 32, "doc/devices.md says so");
Member member({memory_for_input, sizeof memory_for_input},
              {memory_for_output, sizeof memory_for_output}, {memory_for_calls, 4});

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

// Whatever is in a server's CLOSE, it is read or too short, and its text can be printed. A CLOSE
// that this side writes, for any reason and with any text, is within its bounds and is read as it
// was meant.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/harmless.h"
#include "messi/base/utf8.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"
#include "test/fuzz/fuzzed_input.h"

namespace {

using messi::DisconnectReason;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
namespace connection = messi::connection;
namespace wire = messi::wire;

void check_printable(const std::string& text) {
  require(messi::is_utf8(text), "what is printed is UTF-8");
  require(std::all_of(text.begin(), text.end(),
                      [](char byte) {
                        const auto value = static_cast<unsigned char>(byte);
                        return value >= 0x20 && value != 0x7f;
                      }),
          "what is printed has no control characters");
  require(messi::harmless(text) == text, "what is harmless stays as it is");
}

void check_read(std::string_view payload) {
  const std::optional<wire::CloseFrame> frame = wire::read_close(payload);
  require(frame.has_value() == (payload.size() >= wire::kCloseFixedSize),
          "only a CLOSE that is too short is none");
  if (!frame) return;
  require(frame->text.size() <= wire::kMostCloseText, "a text is not too long");
  check_printable(messi::harmless(frame->text));
  (void)connection::reason_of(frame->code);
}

void check_written(DisconnectReason reason, std::string_view text, std::size_t max_payload_size) {
  const std::optional<wire::CloseFrame> frame =
      connection::farewell(reason, text, max_payload_size);
  if (!frame) return;
  const std::size_t size = wire::close_size(*frame);
  require(size <= std::min(wire::kMostCloseSize, wire::kHeaderSize + max_payload_size),
          "a CLOSE is not too long");
  require(text.substr(0, frame->text.size()) == frame->text, "a text is only cut");
  require(!messi::is_utf8(text) || messi::is_utf8(frame->text), "a character is not cut");
  std::vector<std::uint8_t> bytes(size);
  wire::write_close(bytes.data(), *frame);
  const auto* const header = reinterpret_cast<const char*>(bytes.data());
  require(wire::read_type(header) == wire::FrameType::kClose &&
              wire::read_size(header) == size - wire::kHeaderSize,
          "a CLOSE is a frame");
  const std::optional<wire::CloseFrame> read =
      wire::read_close({header + wire::kHeaderSize, size - wire::kHeaderSize});
  require(read && read->code == frame->code && read->retry_after_ms == frame->retry_after_ms &&
              read->text == frame->text,
          "a CLOSE is read as it was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedInput input(data, size);
  const auto reason = static_cast<DisconnectReason>(input.byte());
  const std::size_t max_payload_size = input.below(200);
  // A copy of the exact size, so that the sanitizer sees any read past the end.
  const std::vector<char> exact(input.rest().begin(), input.rest().end());
  const std::string_view bytes(exact.data(), exact.size());
  check_read(bytes);
  check_written(reason, bytes, max_payload_size);
  return 0;
}

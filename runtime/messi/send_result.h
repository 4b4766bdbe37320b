#ifndef MESSI_SEND_RESULT_H_
#define MESSI_SEND_RESULT_H_

#include <cstdint>
#include <string_view>

namespace messi {

/// Whether `try_send` has accepted a message. If not, nothing was sent, and the connection goes on.
enum class [[nodiscard]] SendResult : std::uint8_t{
    kOk,            ///< It is sent, as by `send`.
    kFull,          ///< Too much is waiting: `max_pending_bytes`, `max_total_pending_bytes`.
    kTooBig,        ///< It is larger than `max_payload_size`.
    kNotConnected,  ///< There is no connection.
    kInvalid,       ///< A required field is missing, or text is not UTF-8 (then stderr has a line).
};

/// For people: "too much is waiting".
constexpr std::string_view to_string(SendResult result) {
  switch (result) {
    case SendResult::kOk:
      return "ok";
    case SendResult::kFull:
      return "too much is waiting";
    case SendResult::kTooBig:
      return "the message is too big";
    case SendResult::kNotConnected:
      return "not connected";
    case SendResult::kInvalid:
      return "the message cannot be encoded";
  }
  return "?";
}

}  // namespace messi

#endif  // MESSI_SEND_RESULT_H_

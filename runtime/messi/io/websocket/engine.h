#ifndef MESSI_IO_WEBSOCKET_ENGINE_H_
#define MESSI_IO_WEBSOCKET_ENGINE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/harmless.h"
#include "messi/base/utf8.h"
#include "messi/io/websocket/frame.h"
#include "messi/io/websocket/frame_reader.h"
#include "messi/io/websocket/frame_writer.h"

namespace messi::websocket {

inline const char* to_string(Side side) {
  return side == Side::kClient ? "the client" : "the server";
}
inline Side other(Side side) { return side == Side::kClient ? Side::kServer : Side::kClient; }

/// What a close frame says. Text from the network is harmless.
struct Closing {
  CloseCode code = CloseCode::kNone;
  std::string reason;

  /// Nothing if the payload is not one.
  static inline std::optional<Closing> parse(std::string_view payload, Violation& violation);
};

/// One side of a WebSocket after the upgrade, as a machine without sockets and without a clock:
/// what messages carry is a stream of bytes, and their boundaries have no meaning. It keeps no
/// bytes of messages, in neither direction.
class Engine {
 public:
  explicit Engine(Side side) : side_(side), reader_(side), writer_(side) {}

  // In

  /// The first `size` bytes of the spaces are what has come. They become what it carries, whose
  /// size is returned. What is left when the input has ended is dropped.
  inline std::size_t read(const Space* spaces, std::size_t count, std::size_t size);
  /// The same for who wants to know messages: takes all of `input`, and calls `handle` with their
  /// events.
  template <typename Handle>
  void take(std::string_view input, Handle&& handle);
  /// Copies a piece of a message, as FrameReader::copy does.
  void copy(char* out, const FrameReader::Event& piece) const { reader_.copy(out, piece); }
  /// Breaks off, and tells the other side why.
  inline void refuse(const Violation& violation);
  /// Nothing more can be read: the other side has closed, or broken the rules.
  bool ended() const { return peer_closed_ || broken_; }
  /// The input has ended without a close.
  void handle_cut() {
    if (ended()) return;
    why_ended_ =
        "The connection was cut off; " + std::string(to_string(other(side_))) + " did not end it.";
  }
  /// Why it has ended, as a sentence; "" if that was in order.
  const std::string& why_ended() const { return why_ended_; }

  // Out

  FrameWriter& writer() { return writer_; }
  bool can_write() const { return !closes_; }
  /// Nothing more will be written; the other side is told.
  void finish() {
    if (!closes_) close(peer_closed_ ? peer_code_ : CloseCode::kNormal, "");
  }
  /// Whether a control frame is to be written, and may be now.
  bool wants_control() const {
    return writer_.between_frames() && !close_written_ && (closes_ || pong_wanted_);
  }
  /// Hands it to the writer.
  inline void write_control(MaskKey key);
  /// Whether something is to be written that does not wait for the rest of a message.
  bool has_output() const { return !writer_.output().empty() || wants_control(); }
  /// Whether nothing will be said any more: the close frame is on its way.
  bool closed() const { return close_written_ && writer_.output().empty(); }

 private:
  inline void handle_control(const FrameReader::Event& frame);
  inline void handle_close(std::string_view payload);
  void close(CloseCode code, std::string_view reason) {
    closes_ = true;
    close_code_ = code;
    close_reason_ = reason;
  }

  const Side side_;
  bool peer_closed_ = false;
  bool broken_ = false;
  bool closes_ = false;         // the close frame is the next one
  bool close_written_ = false;  // the writer has it
  bool pong_wanted_ = false;
  std::uint8_t ping_size_ = 0;
  char ping_[kMostControl] = {};  // of the last ping; pongs that are late are left out
  CloseCode peer_code_ = CloseCode::kNone;
  CloseCode close_code_ = CloseCode::kNone;
  std::string_view close_reason_;  // a literal
  FrameReader reader_;
  FrameWriter writer_;
  std::string why_ended_;
};

// ---------------------------------------------------------------------------------------------

inline std::optional<Closing> Closing::parse(std::string_view payload, Violation& violation) {
  if (payload.empty()) return Closing{};
  const auto wrong = [&](CloseCode answer, const char* what) {
    violation = {answer, what};
    return std::nullopt;
  };
  if (payload.size() == 1) return wrong(CloseCode::kProtocolError, "half of a close code");
  const int code =
      static_cast<std::uint8_t>(payload[0]) << 8 | static_cast<std::uint8_t>(payload[1]);
  const bool standard =
      code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
  const bool registered = code >= 3000 && code <= 4999;
  if (!standard && !registered) {
    return wrong(CloseCode::kProtocolError, "a close code that nobody may send");
  }
  const std::string_view reason = payload.substr(2);
  if (!is_utf8(reason)) return wrong(CloseCode::kInvalidText, "a close reason that is not UTF-8");
  return Closing{static_cast<CloseCode>(code), harmless(reason)};
}

template <typename Handle>
void Engine::take(std::string_view input, Handle&& handle) {
  while (!ended()) {
    const FrameReader::Event event = reader_.next(input);
    if (event.kind == FrameReader::Kind::kNothing) return;
    if (event.kind == FrameReader::Kind::kWrong) {
      refuse(reader_.violation());
    } else if (event.kind == FrameReader::Kind::kControl) {
      handle_control(event);
    } else {
      handle(event);
    }
  }
}

// Pieces move to the front, behind each other. They never overtake the input, since each frame has
// a header.
inline std::size_t Engine::read(const Space* spaces, std::size_t count, std::size_t size) {
  std::size_t done = 0;
  const Space* out = spaces;
  std::size_t at = 0;  // in `out`
  const auto handle = [&](FrameReader::Event event) {
    if (event.kind == FrameReader::Kind::kBegin && event.opcode == Opcode::kText) {
      return refuse({CloseCode::kUnsupportedData, "a message is text"});
    }
    while (!event.data.empty()) {
      if (at == out->size) {
        ++out;
        at = 0;
        continue;
      }
      FrameReader::Event piece = event;
      piece.data = piece.data.substr(0, out->size - at);
      copy(out->data + at, piece);
      at += piece.data.size();
      done += piece.data.size();
      event.at += piece.data.size();
      event.data.remove_prefix(piece.data.size());
    }
  };
  for (std::size_t i = 0; i < count && size > 0; ++i) {
    const std::size_t some = std::min(size, spaces[i].size);
    size -= some;
    take({spaces[i].data, some}, handle);
  }
  return done;
}

inline void Engine::handle_control(const FrameReader::Event& frame) {
  if (frame.opcode == Opcode::kClose) return handle_close(frame.data);
  if (frame.opcode == Opcode::kPong) return;
  std::copy(frame.data.begin(), frame.data.end(), ping_);
  ping_size_ = static_cast<std::uint8_t>(frame.data.size());
  pong_wanted_ = true;
}

inline void Engine::handle_close(std::string_view payload) {
  Violation violation;
  const std::optional<Closing> closing = Closing::parse(payload, violation);
  if (!closing) return refuse(violation);
  peer_closed_ = true;
  peer_code_ = closing->code;
  if (peer_code_ == CloseCode::kNormal || peer_code_ == CloseCode::kGoingAway ||
      peer_code_ == CloseCode::kNone) {
    return;
  }
  why_ended_ = "Closed by " + std::string(to_string(other(side_))) + " with code " +
               std::to_string(static_cast<int>(peer_code_));
  why_ended_ += closing->reason.empty() ? "." : ": " + closing->reason;
}

inline void Engine::refuse(const Violation& violation) {
  broken_ = true;
  why_ended_ = "Not the WebSocket that we speak: ";
  why_ended_.append(violation.what).append(".");
  if (!closes_) close(violation.code, violation.what);
}

inline void Engine::write_control(MaskKey key) {
  if (!closes_) {
    pong_wanted_ = false;
    return writer_.write_control(Opcode::kPong, {ping_, ping_size_}, key);
  }
  close_written_ = true;
  char payload[kMostControl];
  std::size_t size = 0;
  if (close_code_ != CloseCode::kNone) {
    const int code = static_cast<int>(close_code_);
    payload[size++] = static_cast<char>(code >> 8);
    payload[size++] = static_cast<char>(code & 0xff);
    size += close_reason_.copy(payload + size, kMostControl - size);
  }
  writer_.write_control(Opcode::kClose, {payload, size}, key);
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_ENGINE_H_

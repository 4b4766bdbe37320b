#ifndef MESSI_IO_TLS_TLS_STREAM_H_
#define MESSI_IO_TLS_TLS_STREAM_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/buffering_stream.h"
#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/io/tls/engine.h"
#include "messi/io/tls/records.h"

namespace messi::tls {

/// What the streams of one network share.
class Workshop {
 public:
  explicit Workshop(EventLoop& loop) : loop_(loop), next_turn_(loop, [this] { steps_ = 0; }) {}
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  EventLoop& loop() { return loop_; }

  /// Memory to read ciphertext into, for the time of a call.
  Space input() { return {input_.get(), kInputSize}; }

  /// Whether one more step of a handshake may be made in this turn: each takes up to a millisecond.
  /// Input that is left to the next turn is reported again then.
  bool may_step() {
    if (steps_ == kMostSteps) return false;
    if (steps_++ == 0) next_turn_.schedule();
    return true;
  }

 private:
  static constexpr std::size_t kInputSize = std::size_t{64} * 1024;
  static constexpr int kMostSteps = 8;

  EventLoop& loop_;
  const std::unique_ptr<char[]> input_{new char[kInputSize]};
  int steps_ = 0;
  Task next_turn_;
};

/// A TLS stream between two loops.
struct MovingTls final : MovingBuffer {
  std::unique_ptr<Engine> engine;
};

/// An engine over another stream.
class TlsStream final : public BufferingStream {
 public:
  /// `engine_arguments` are those of Engine.
  template <typename... EngineArguments>
  TlsStream(std::unique_ptr<messi::Stream> inner, Workshop& workshop,
            EngineArguments&&... engine_arguments)
      : BufferingStream(std::move(inner), workshop.loop()),
        workshop_(workshop),
        engine_(std::make_unique<Engine>(std::forward<EngineArguments>(engine_arguments)...)) {}
  TlsStream(std::unique_ptr<messi::Stream> inner, Workshop& workshop, MovingTls& moving)
      : BufferingStream(std::move(inner), workshop.loop(), moving),
        workshop_(workshop),
        begun_(true),
        open_(true),
        engine_(std::move(moving.engine)) {
    report_again();
  }

  inline IoResult read(const Space* spaces, std::size_t count) override;
  inline IoResult write(const Slice* slices, std::size_t count, bool more) override;
  inline void finish() override;
  inline std::unique_ptr<MovingStream> move_out() override;
  bool holds_output() const override { return !engine_->output().empty() && !inner_gone_; }

  PeerInfo peer() const override {
    PeerInfo info = WrappingStream::peer();
    info.certificate = engine_->peer_certificate();
    return info;
  }
  std::string_view why_ended() const override {
    return engine_->why_ended().empty() ? WrappingStream::why_ended() : engine_->why_ended();
  }

 private:
  inline std::optional<Status> shake() override;
  inline void handle_writable() override;
  inline IoResult read_inner(std::size_t most, std::string_view& input);
  inline bool flush(bool more);
  bool holds_input() const override { return engine_->holds_input(); }

  Workshop& workshop_;
  bool begun_ = false;
  bool open_ = false;               // the handshake is over
  bool finishing_ = false;          // the inner stream is finished after what is left
  std::unique_ptr<Engine> engine_;  // null if it has moved out
};

// ---------------------------------------------------------------------------------------------

inline IoResult TlsStream::read_inner(std::size_t most, std::string_view& input) {
  Space space = workshop_.input();
  space.size = std::min(space.size, most);
  const IoResult result = inner().read(&space, 1);
  inner_over_ = result.kind == IoResult::Kind::kEnd;
  input = {space.data, result.size};
  return result;
}

inline std::optional<Status> TlsStream::shake() {
  std::string_view input;
  if (begun_) {
    if (!flush(/*more=*/false) && !inner_gone_) return std::nullopt;
    if (!workshop_.may_step()) return std::nullopt;
    constexpr std::size_t kMostAtOnce = std::size_t{16} * 1024;
    if (read_inner(kMostAtOnce, input).kind == IoResult::Kind::kAgain) return std::nullopt;
    if (inner_over_) return engine_->cut_short();
  }
  begun_ = true;
  std::optional<Status> outcome = engine_->shake(input);
  flush(/*more=*/false);
  open_ = outcome && outcome->ok();
  if (open_) report_again();
  return outcome;
}

// The plaintext of a whole record may be larger than the input that completes it. With enough room
// for it, nothing has to be held.
inline IoResult TlsStream::read(const Space* spaces, std::size_t count) {
  std::string_view input;
  if (!engine_->holds_input() && !inner_over_) {
    std::size_t room = 0;
    for (std::size_t i = 0; i < count; ++i) room += spaces[i].size;
    read_inner(room > 2 * Records::kMost ? room - Records::kMost : room, input);
  }
  const bool waiting = !engine_->output().empty();
  const IoResult result = engine_->read(input, spaces, count);
  if (inner_over_ && !engine_->holds_input()) engine_->handle_end();
  if (!waiting) flush(/*more=*/false);
  if (result.kind == IoResult::Kind::kEnd) {
    want_input(false);
    inner_over_ = true;
  } else {
    report_again();
  }
  return result;
}

inline IoResult TlsStream::write(const Slice* slices, std::size_t count, bool more) {
  owes_room_ = false;
  const bool flushed = flush(more);
  if (inner_gone_ || !engine_->can_write()) return {0, IoResult::Kind::kEnd};
  if (!flushed) {
    owes_room_ = true;
    return {0, IoResult::Kind::kAgain};
  }
  Records records(slices, count);
  std::size_t size = 0;
  while (!records.done()) {
    const std::size_t some = engine_->write(records);
    if (some == 0) return {size, IoResult::Kind::kEnd};
    size += some;
    if (!flush(more || !records.done())) {
      owes_room_ = !records.done();
      break;
    }
  }
  return {size, IoResult::Kind::kSome};
}

/// Passes the output on; false if the inner stream has not taken all of it. While output waits for
/// room, only `handle_writable` and `write` may call this: the inner stream reports the room for
/// which a write was refused only if it has not been used in the meantime.
inline bool TlsStream::flush(bool more) {
  while (!engine_->output().empty()) {
    if (inner_gone_) return false;
    const std::string_view output = engine_->output();
    const Slice slice{output.data(), output.size()};
    const IoResult result = inner().write(&slice, 1, more);
    engine_->handle_written(result.size);
    if (result.kind == IoResult::Kind::kEnd) inner_gone_ = true;
    if (result.size < output.size()) return false;
  }
  if (std::exchange(finishing_, false)) inner().finish();
  return !inner_gone_;
}

inline void TlsStream::finish() {
  const bool waiting = !engine_->output().empty();
  engine_->finish();
  finishing_ = true;
  if (!waiting) flush(/*more=*/false);
}

inline std::unique_ptr<MovingStream> TlsStream::move_out() {
  auto moving = std::make_unique<MovingTls>();
  if (!move_into(*moving)) return nullptr;
  moving->engine = std::move(engine_);
  return moving;
}

inline void TlsStream::handle_writable() {
  if (!open_) return WrappingStream::handle_writable();
  const bool finishing = finishing_;
  if (!flush(/*more=*/false) && !(finishing && inner_gone_)) return;
  if (std::exchange(owes_room_, false) || finishing) WrappingStream::handle_writable();
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_TLS_STREAM_H_

#ifndef MESSI_IO_WEBSOCKET_WEBSOCKET_STREAM_H_
#define MESSI_IO_WEBSOCKET_WEBSOCKET_STREAM_H_

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
#include "messi/io/slice_cursor.h"
#include "messi/io/stream.h"
#include "messi/io/websocket/engine.h"
#include "messi/io/websocket/frame.h"
#include "messi/io/websocket/mask_keys.h"
#include "messi/io/websocket/upgrade.h"

namespace messi::websocket {

/// A WebSocket between two loops.
struct MovingWebSocket final : MovingBuffer {
  explicit MovingWebSocket(Engine its_engine) : engine(std::move(its_engine)) {}

  Engine engine;
  std::string early;
};

/// An engine over another stream, after the upgrade.
class WebSocketStream final : public BufferingStream {
 public:
  /// A client has `keys`, which must outlive it; a server has null.
  WebSocketStream(std::unique_ptr<Stream> inner, EventLoop& loop, std::unique_ptr<Upgrade> upgrade,
                  MaskKeys* keys)
      : BufferingStream(std::move(inner), loop),
        keys_(keys),
        upgrade_(std::move(upgrade)),
        engine_(keys != nullptr ? Side::kClient : Side::kServer) {}
  WebSocketStream(std::unique_ptr<Stream> inner, EventLoop& loop, MovingWebSocket& moving)
      : BufferingStream(std::move(inner), loop, moving),
        keys_(nullptr),
        early_(std::move(moving.early)),
        engine_(std::move(moving.engine)) {
    report_again();
  }

  inline IoResult read(const Space* spaces, std::size_t count) override;
  inline IoResult write(const Slice* slices, std::size_t count, bool more) override;
  inline void finish() override;
  inline std::unique_ptr<MovingStream> move_out() override;
  bool holds_output() const override {
    return (engine_.has_output() && !inner_gone_) || WrappingStream::holds_output();
  }
  std::string_view why_ended() const override {
    const std::string_view below = WrappingStream::why_ended();
    return engine_.ended() || below.empty() ? engine_.why_ended() : below;
  }

 private:
  // What a client masks at once.
  static constexpr std::size_t kMostMasked = std::size_t{16} * 1024;
  // Others may keep a message until it is whole, so it is not long. Its length takes two bytes.
  static constexpr std::size_t kMostInMessage = 0xffff;

  inline std::optional<Status> shake() override;
  inline void handle_writable() override;
  inline std::size_t write_run(SliceCursor& left, bool more);
  inline bool flush(bool more);
  inline bool flush_upgrade();
  inline void end_below();
  MaskKey next_key() { return keys_ != nullptr ? keys_->next() : MaskKey{}; }
  bool holds_input() const override { return !told_ && (!early_.empty() || engine_.ended()); }

  MaskKeys* const keys_;
  std::unique_ptr<Upgrade> upgrade_;  // during the handshake
  std::string early_;                 // came with the last bytes of the handshake
  Engine engine_;
  bool told_ = false;         // `read` has returned kEnd
  bool inner_ended_ = false;  // it was finished
  bool blocked_ = false;      // it will say when there is room
  bool finished_ = false;
};

// ---------------------------------------------------------------------------------------------

inline std::optional<Status> WebSocketStream::shake() {
  if (!flush_upgrade() && !inner_gone_) return std::nullopt;
  if (!upgrade_->outcome()) {
    char bytes[2048];
    const Space space{bytes, sizeof(bytes)};
    const IoResult result = inner().read(&space, 1);
    if (result.kind == IoResult::Kind::kAgain) return std::nullopt;
    if (result.kind == IoResult::Kind::kEnd) return upgrade_->cut_short();
    upgrade_->take({bytes, result.size});
    if (!upgrade_->outcome()) return std::nullopt;
    if (!flush_upgrade() && !inner_gone_) return std::nullopt;
  }
  const Status outcome = *upgrade_->outcome();
  if (!outcome.ok()) {
    inner().finish();
    return outcome;
  }
  early_ = upgrade_->take_rest();
  upgrade_.reset();
  report_again();
  return outcome;
}

/// False if it waits for room.
inline bool WebSocketStream::flush_upgrade() {
  while (!upgrade_->output().empty()) {
    const std::string_view output = upgrade_->output();
    const Slice slice{output.data(), output.size()};
    const IoResult result = inner().write(&slice, 1, /*more=*/false);
    upgrade_->handle_written(result.size);
    if (result.kind == IoResult::Kind::kEnd) inner_gone_ = true;
    if (result.size < slice.size) return false;
  }
  return true;
}

inline IoResult WebSocketStream::read(const Space* spaces, std::size_t count) {
  std::size_t size = 0;
  if (!early_.empty()) {
    for (std::size_t i = 0; i < count && size < early_.size(); ++i) {
      size += early_.copy(spaces[i].data, spaces[i].size, size);
    }
    early_.erase(0, size);
    if (early_.empty()) early_.shrink_to_fit();
  } else if (!engine_.ended() && !inner_over_) {
    const IoResult result = inner().read(spaces, count);
    size = result.size;
    if (result.kind == IoResult::Kind::kEnd) {
      inner_over_ = true;
      engine_.handle_cut();
    }
  }
  size = engine_.read(spaces, count, size);
  if (!blocked_) flush(/*more=*/false);
  report_again();
  if (size > 0) return {size, IoResult::Kind::kSome};
  if (!engine_.ended() && (!inner_over_ || !early_.empty())) return {0, IoResult::Kind::kAgain};
  told_ = true;
  want_input(false);
  inner_over_ = true;
  return {0, IoResult::Kind::kEnd};
}

inline IoResult WebSocketStream::write(const Slice* slices, std::size_t count, bool more) {
  owes_room_ = blocked_ = false;
  if (inner_gone_ || !engine_.can_write()) return {0, IoResult::Kind::kEnd};
  SliceCursor left(slices, count);
  std::size_t size = 0;
  while (!blocked_ && !inner_gone_) {
    if (engine_.writer().owed() == 0 && !flush(more)) break;
    if (left.done()) break;
    size += write_run(left, more);
  }
  owes_room_ = !left.done() && !inner_gone_;
  if (size > 0 || left.done()) return {size, IoResult::Kind::kSome};
  return {0, inner_gone_ ? IoResult::Kind::kEnd : IoResult::Kind::kAgain};
}

/// One write of the inner stream, with bytes of one message; returns how many were taken.
inline std::size_t WebSocketStream::write_run(SliceCursor& left, bool more) {
  constexpr std::size_t kMostSlices = 64;
  FrameWriter& writer = engine_.writer();
  if (writer.owed() == 0) writer.begin_message(left.size(kMostInMessage), next_key());
  Slice run[kMostSlices];
  const std::string_view header = writer.output();
  run[0] = {header.data(), header.size()};
  const bool masks = keys_ != nullptr;
  const std::size_t most = masks ? std::min(writer.owed(), kMostMasked) : writer.owed();
  std::size_t count = left.next(run + 1, kMostSlices - 1, most);
  std::size_t size = 0;
  char masked[kMostMasked];
  for (std::size_t i = 1; i <= count; ++i) {
    if (masks) writer.mask(masked + size, run[i].data, run[i].size, size);
    size += run[i].size;
  }
  if (masks) {
    run[1] = {masked, size};
    count = 1;
  }
  const std::size_t skipped = header.empty() ? 1 : 0;
  const bool last = size == left.size(size + 1);
  const IoResult result = inner().write(run + skipped, count + 1 - skipped, more || !last);
  const std::size_t of_header = std::min(result.size, header.size());
  writer.handle_output(of_header);
  writer.handle_message(result.size - of_header);
  left.take(result.size - of_header);
  blocked_ = result.size < header.size() + size;
  if (result.size == 0) writer.take_back_message();
  if (result.kind == IoResult::Kind::kEnd) inner_gone_ = true;
  return result.size - of_header;
}

/// Writes control frames, and the rest of one that was cut; false if some of it waits. While the
/// inner stream owes us room, only `handle_writable` and `write` may call this: it reports the room
/// for which a write was refused only if it has not been used in the meantime.
inline bool WebSocketStream::flush(bool more) {
  for (;;) {
    if (inner_gone_) return false;
    if (engine_.wants_control()) engine_.write_control(next_key());
    const std::string_view output = engine_.writer().output();
    if (output.empty()) break;
    const Slice slice{output.data(), output.size()};
    const IoResult result = inner().write(&slice, 1, more);
    engine_.writer().handle_output(result.size);
    if (result.kind == IoResult::Kind::kEnd) inner_gone_ = true;
    blocked_ = result.size < slice.size;
    if (blocked_) return false;
  }
  end_below();
  return true;
}

/// The inner stream ends when both sides have closed, or if the end cannot be said in order.
inline void WebSocketStream::end_below() {
  const bool cut = finished_ && engine_.writer().owed() > 0;
  const bool both = engine_.closed() && (engine_.ended() || inner_over_);
  if ((cut || both) && !std::exchange(inner_ended_, true)) inner().finish();
}

inline void WebSocketStream::finish() {
  finished_ = true;
  engine_.finish();
  if (!blocked_) flush(/*more=*/false);
  if (engine_.writer().owed() > 0) end_below();
}

inline std::unique_ptr<MovingStream> WebSocketStream::move_out() {
  auto moving = std::make_unique<MovingWebSocket>(engine_);
  if (!move_into(*moving)) return nullptr;
  moving->early = std::move(early_);
  return moving;
}

inline void WebSocketStream::handle_writable() {
  if (upgrade_ != nullptr) return WrappingStream::handle_writable();
  blocked_ = false;
  if (!flush(/*more=*/false) && !(finished_ && inner_gone_)) return;
  if (std::exchange(owes_room_, false) || finished_) WrappingStream::handle_writable();
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_WEBSOCKET_STREAM_H_

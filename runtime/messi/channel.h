#ifndef MESSI_CHANNEL_H_
#define MESSI_CHANNEL_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/io/stream.h"
#include "messi/session/connection.h"
#include "messi/session/disconnect_reason.h"
#include "messi/session/time.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/send_queue.h"

namespace messi {

/// A connection on its stream: what a client has one of, and a server one per client.
// A server has thousands, so members are few; as a base, Connection shares its padding.
class Channel : private Connection {
 public:
  Channel(const ConnectionSettings& settings, wire::BufferPool& pool,
          std::unique_ptr<Stream> stream, TimePoint now)
      : Connection(settings, pool, now), stream_(std::move(stream)) {}

  using Connection::close;
  using Connection::closed;
  using Connection::deadline;
  using Connection::handle_time;
  using Connection::proved;
  using Connection::reason;
  using Connection::retract;
  using Connection::spare;

  bool start(StreamHandler& handler) { return stream_->start(handler); }

  /// Input of the stream, see StreamHandler::handle_bytes. Nothing is dispatched once closed.
  template <typename Dispatch>
  void handle_input(std::size_t in_spare, std::string_view bytes, TimePoint now,
                    Dispatch&& dispatch) {
    if (!closed() && in_spare > 0) handle_spare(in_spare, now, dispatch);
    if (!closed() && !bytes.empty()) handle_bytes(bytes, now, dispatch);
  }
  void handle_room() { blocked_ = false; }

  /// See Connection::reserve. Writes first if much is waiting, so that a stream of messages within
  /// one turn goes out in the meantime.
  std::uint8_t* reserve(std::size_t payload_size) {
    make_room(wire::kHeaderSize + payload_size);
    return Connection::reserve(payload_size);
  }
  /// As `reserve`, for a payload that lies in pieces, at slices[1] to slices[count - 1]; slices[0]
  /// is the header's. With nothing waiting before it the frame is written from where it lies, and
  /// copied only if the stream does not take it whole.
  void send_gathered(wire::Slice* slices, std::size_t count, std::size_t payload_size);

  bool share(wire::Buffer& buffer, std::uint32_t begin, std::uint32_t end) {
    make_room(end - begin);
    return Connection::share(buffer, begin, end);
  }

  /// Writes what the stream takes; with `more`, something is about to be added.
  void flush(bool more = false);

  /// True once after much was waiting and much of it has gone.
  bool poll_writable() {
    if (!was_high_ || pending_bytes() > high_mark()) return false;
    was_high_ = false;
    return true;
  }

  /// True if there is something to write that the stream may take, or to clean up.
  bool needs_attention() const { return closed() || (!blocked_ && !queue().empty()); }

  /// Whether the owner has put it on its list of channels to write and clean up.
  bool unsettled() const { return unsettled_; }
  void set_unsettled(bool unsettled) { unsettled_ = unsettled; }

  std::size_t pending_bytes() const { return queue().pending(); }
  std::string peer_address() const { return stream_->peer_address(); }

 private:
  // Enough for a system call to be worth its price.
  static constexpr std::size_t kWorthWriting = 64 * 1024;
  std::size_t high_mark() const { return settings().max_pending_bytes / 2; }

  // Only who does not take what is offered is a slow reader.
  void make_room(std::size_t frame_size) {
    const bool too_much = pending_bytes() + frame_size > settings().max_pending_bytes;
    if (too_much || pending_bytes() >= kWorthWriting) flush(/*more=*/true);
  }

  bool unsettled_ = false;
  bool blocked_ = false;   // the stream took less than it was given: handle_room will come
  bool was_high_ = false;  // more than the high mark was waiting since the last poll_writable
  std::unique_ptr<Stream> stream_;
};

// ---------------------------------------------------------------------------------------------

inline void Channel::flush(bool more) {
  static constexpr std::size_t kSlices = 64;
  wire::Slice slices[kSlices];
  if (pending_bytes() > high_mark()) was_high_ = true;
  while (!blocked_ && !queue().empty()) {
    const std::size_t count = queue().gather(slices, kSlices);
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) size += slices[i].size;
    const std::size_t written = stream_->write(slices, count, more);
    queue().consume(written);
    blocked_ = written < size;
  }
}

inline void Channel::send_gathered(wire::Slice* slices, std::size_t count,
                                   std::size_t payload_size) {
  flush(/*more=*/true);
  if (!accept(payload_size)) return;
  const std::size_t frame_size = wire::kHeaderSize + payload_size;
  std::uint8_t header[wire::kHeaderSize];
  wire::write_header(header, settings().outgoing(), payload_size);
  slices[0] = {reinterpret_cast<const char*>(header), wire::kHeaderSize};
  std::size_t written = 0;
  if (!blocked_ && queue().empty()) {
    written = stream_->write(slices, count, /*more=*/false);
    if (written == frame_size) return;
    blocked_ = true;
  }
  // Whole, since the queue holds whole frames.
  std::uint8_t* out = queue().append(frame_size);
  for (std::size_t i = 0; i < count; ++i) {
    std::memcpy(out, slices[i].data, slices[i].size);
    out += slices[i].size;
  }
  queue().consume(written);
}

}  // namespace messi

#endif  // MESSI_CHANNEL_H_

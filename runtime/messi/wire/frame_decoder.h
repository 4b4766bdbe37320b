#ifndef MESSI_WIRE_FRAME_DECODER_H_
#define MESSI_WIRE_FRAME_DECODER_H_

// From bytes to frames. Whole frames are handed out in place; only a cut frame is copied, into a
// buffer that exists until the frame is complete. That buffer grows with the bytes that have
// arrived, not with the size in the header.

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"

namespace messi::wire {

enum class DecodeResult {
  kNeedMore,  ///< All input was used; give more when there is more.
  kPaused,    ///< The frame handler wants no more for now; the rest of the input was kept.
  kStopped,   ///< The frame handler wants no more at all; the rest of the input was dropped.
  kTooBig,    ///< A header announces more than the limit; nothing further can be decoded.
};

/// The answer of a frame handler.
enum class Next {
  kGoOn,
  kPause,
  kKeep,  ///< As kPause, and this frame comes again.
  kStop,
};

/// One per connection; a new connection starts with a new decoder.
class FrameDecoder {
 public:
  /// A frame of which this much has arrived may get a large buffer at once; before that, a small
  /// one.
  static constexpr std::size_t kTrusted = 2 * 1024;

  /// `pool` must outlive the decoder. Payloads over `max_payload_size` bytes are refused; see
  /// `set_max_payload_size`.
  FrameDecoder(BufferPool& pool, std::size_t max_payload_size)
      : pool_(pool), max_payload_size_(static_cast<std::uint32_t>(max_payload_size)) {}
  FrameDecoder(const FrameDecoder&) = delete;
  FrameDecoder& operator=(const FrameDecoder&) = delete;
  ~FrameDecoder() { drop_cut_frame(); }

  /// For frames whose header has not been seen yet.
  void set_max_payload_size(std::size_t size) {
    max_payload_size_ = static_cast<std::uint32_t>(size);
  }

  /// Calls `on_frame(const Frame&) -> Next` for each frame that `bytes` completes, until it wants
  /// no more.
  template <typename OnFrame>
  DecodeResult decode(std::string_view bytes, OnFrame&& on_frame);

  /// The free space of the buffer of a cut frame. The next input may be read into it instead of
  /// being passed to `decode`. Empty if no frame is cut.
  Space spare() const;
  /// Whether the cut frame is so large that copying it would take noticeable time.
  bool spare_is_large() const { return cut_frame_size() >= kLargeFrame; }

  /// As `decode`, for `size` bytes that were written to `spare()`.
  template <typename OnFrame>
  DecodeResult decode_spare(std::size_t size, OnFrame&& on_frame);

  /// Keeps `bytes`, which follow a kPaused, for `resume`.
  void keep(std::string_view bytes);

  /// Goes on after a kPaused with what was kept.
  template <typename OnFrame>
  DecodeResult resume(OnFrame&& on_frame);

  /// What was kept, and of a cut frame what has come, for another decoder.
  std::string take_kept() {
    if (cut_ == nullptr) return {};
    std::string kept(cut_->data(), cut_->used());
    drop_cut_frame();
    return kept;
  }

  /// Whether a frame is cut. If so: how much of it has arrived, and how long the rest has been
  /// waited for, which the caller adds up.
  bool cut() const { return cut_ != nullptr; }
  std::size_t cut_size() const { return cut_->used(); }
  Duration waited() const { return cut_->waited; }
  void add_waited(Duration time) { cut_->waited += time; }

  /// The header of the frame that is cut, or was too big; null if there is none.
  const char* unfinished_header() const {
    if (cut_ != nullptr) return cut_->used() < kHeaderSize ? nullptr : cut_->data();
    return read_size(refused_) > 0 ? refused_ : nullptr;
  }

 private:
  static constexpr std::size_t kLargeFrame = 16 * 1024;

  // The size of the cut frame with its header, once the header is whole; until then the header's.
  std::size_t cut_frame_size() const {
    return cut_->used() < kHeaderSize ? kHeaderSize : kHeaderSize + read_size(cut_->data());
  }
  bool too_big(const char* header) {
    const std::size_t size = message_size(header);
    if (size <= max_payload_size_) return false;
    if (is_service(read_type(header)) && size <= kMostServicePayload) return false;
    std::memcpy(refused_, header, kHeaderSize);
    drop_cut_frame();
    return true;
  }

  DecodeResult finish(Next next, std::string_view rest);
  void add_to_kept(std::string_view bytes);
  void grow(std::size_t frame_size);
  void drop_cut_frame();

  /// Hands out the cut frame if it is whole.
  template <typename OnFrame>
  DecodeResult finish_cut_frame(OnFrame&& on_frame);

  BufferPool& pool_;
  std::uint32_t max_payload_size_;
  char refused_[kHeaderSize] = {};  // the header of the frame that was too big
  Buffer* cut_ = nullptr;           // what has come of a frame that ended with the input
};

// ---------------------------------------------------------------------------------------------

template <typename OnFrame>
DecodeResult FrameDecoder::decode(std::string_view bytes, OnFrame&& on_frame) {
  while (cut_ != nullptr && !bytes.empty()) {
    const std::size_t missing = cut_frame_size() - cut_->used();
    if (cut_->room() == 0) grow(cut_frame_size());
    const std::size_t taken =
        std::min({missing, bytes.size(), static_cast<std::size_t>(cut_->room())});
    std::memcpy(cut_->extend(taken), bytes.data(), taken);
    bytes.remove_prefix(taken);
    if (const DecodeResult result = finish_cut_frame(on_frame); result != DecodeResult::kNeedMore) {
      if (result == DecodeResult::kPaused) keep(bytes);
      return result;
    }
  }
  while (bytes.size() >= kHeaderSize) {
    const std::size_t size = read_size(bytes.data());
    if (size > max_payload_size_ && too_big(bytes.data())) return DecodeResult::kTooBig;
    if (bytes.size() - kHeaderSize < size) break;
    const Frame frame{read_type(bytes.data()), {bytes.data() + kHeaderSize, size}};
    const Next next = on_frame(frame);
    if (next != Next::kGoOn) {
      return finish(next, next == Next::kKeep ? bytes : bytes.substr(kHeaderSize + size));
    }
    bytes.remove_prefix(kHeaderSize + size);
  }
  keep(bytes);
  return DecodeResult::kNeedMore;
}

inline DecodeResult FrameDecoder::finish(Next next, std::string_view rest) {
  if (next == Next::kStop) return DecodeResult::kStopped;
  keep(rest);
  return DecodeResult::kPaused;
}

template <typename OnFrame>
DecodeResult FrameDecoder::resume(OnFrame&& on_frame) {
  if (cut_ == nullptr) return DecodeResult::kNeedMore;
  Buffer* const kept = std::exchange(cut_, nullptr);
  const Finally done([&] { pool_.release(kept); });
  return decode({kept->data(), kept->used()}, on_frame);
}

inline Space FrameDecoder::spare() const {
  if (cut_ == nullptr || cut_->used() < kHeaderSize) return {nullptr, 0};
  const std::size_t missing = cut_frame_size() - cut_->used();
  return {cut_->data() + cut_->used(), std::min<std::size_t>(missing, cut_->room())};
}

template <typename OnFrame>
DecodeResult FrameDecoder::decode_spare(std::size_t size, OnFrame&& on_frame) {
  cut_->extend(size);
  return finish_cut_frame(on_frame);
}

template <typename OnFrame>
DecodeResult FrameDecoder::finish_cut_frame(OnFrame&& on_frame) {
  if (cut_->used() < kHeaderSize) return DecodeResult::kNeedMore;
  if (too_big(cut_->data())) return DecodeResult::kTooBig;
  const std::size_t frame_size = cut_frame_size();
  if (cut_->used() < frame_size) {
    if (cut_->room() == 0) grow(frame_size);
    return DecodeResult::kNeedMore;
  }
  Buffer* whole = std::exchange(cut_, nullptr);
  const Finally done([&] {
    if (whole != nullptr) pool_.release(whole);
  });
  const Next next = on_frame(
      Frame{read_type(whole->data()), {whole->data() + kHeaderSize, frame_size - kHeaderSize}});
  if (next == Next::kKeep) cut_ = std::exchange(whole, nullptr);
  return next == Next::kGoOn ? DecodeResult::kNeedMore : finish(next, {});
}

inline void FrameDecoder::keep(std::string_view bytes) {
  if (bytes.empty()) return;
  if (cut_ != nullptr) return add_to_kept(bytes);
  // A frame of which little has arrived gets a small buffer, whatever its header says.
  std::size_t size = bytes.size();
  if (bytes.size() >= kTrusted) {
    const std::size_t frame_size = kHeaderSize + read_size(bytes.data());
    size = std::max(size, std::min(frame_size, BufferPool::kLarge));
  }
  cut_ = pool_.take(size);
  std::memcpy(cut_->extend(bytes.size()), bytes.data(), bytes.size());
}

/// A whole frame is kept, since it comes again.
inline void FrameDecoder::add_to_kept(std::string_view bytes) {
  if (cut_->room() < bytes.size()) {
    Buffer* const larger = pool_.take(cut_->used() + bytes.size());
    std::memcpy(larger->extend(cut_->used()), cut_->data(), cut_->used());
    pool_.release(std::exchange(cut_, larger));
  }
  std::memcpy(cut_->extend(bytes.size()), bytes.data(), bytes.size());
}

inline void FrameDecoder::grow(std::size_t frame_size) {
  const std::size_t more = 4 * static_cast<std::size_t>(cut_->capacity());
  Buffer* const larger = pool_.take(std::min(frame_size, std::max(more, BufferPool::kLarge)));
  std::memcpy(larger->extend(cut_->used()), cut_->data(), cut_->used());
  larger->waited = cut_->waited;
  pool_.release(cut_);
  cut_ = larger;
}

inline void FrameDecoder::drop_cut_frame() {
  if (cut_ != nullptr) pool_.release(cut_);
  cut_ = nullptr;
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_FRAME_DECODER_H_

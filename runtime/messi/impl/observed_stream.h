#ifndef MESSI_IMPL_OBSERVED_STREAM_H_
#define MESSI_IMPL_OBSERVED_STREAM_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/count.h"
#include "messi/base/finally.h"
#include "messi/frame_tap.h"
#include "messi/io/stream.h"
#include "messi/statistics.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"

namespace messi {

/// Counts the frames in one direction of a stream by their headers.
class FrameCounter {
 public:
  void handle(std::string_view bytes, CountsByFrameType<Count>& counts) {
    while (!bytes.empty()) {
      if (rest_ > 0) {
        const std::size_t skipped = std::min(rest_, bytes.size());
        rest_ -= skipped;
        bytes.remove_prefix(skipped);
      } else if (in_header_ == 0 && bytes.size() >= wire::kHeaderSize) {
        begin(bytes.data(), counts);
        bytes.remove_prefix(wire::kHeaderSize);
      } else {
        header_[in_header_++] = bytes.front();
        bytes.remove_prefix(1);
        if (in_header_ == wire::kHeaderSize) begin(header_, counts);
      }
    }
  }

 private:
  void begin(const char* header, CountsByFrameType<Count>& counts) {
    ++counts[wire::read_type(header)];
    rest_ = wire::read_size(header);
    in_header_ = 0;
  }

  std::size_t rest_ = 0;  // of the payload
  std::size_t in_header_ = 0;
  char header_[wire::kHeaderSize] = {};
};

/// Shows the frames in one direction of a stream to a tap.
class TappedFlow {
 public:
  TappedFlow(const FrameTap& tap, Direction direction, std::uint64_t connection,
             wire::BufferPool& pool, std::size_t max_payload_size)
      : tap_(tap),
        direction_(direction),
        connection_(connection),
        decoder_(pool, max_payload_size) {}

  void handle(std::string_view bytes) {
    if (too_big_) return;
    const auto show = [this](const wire::Frame& frame) {
      tap_({direction_, connection_, frame.type, wire::kHeaderSize + frame.payload.size(),
            frame.payload});
      return wire::Next::kGoOn;
    };
    too_big_ = decoder_.decode(bytes, show) == wire::DecodeResult::kTooBig;
  }

 private:
  const FrameTap& tap_;
  const Direction direction_;
  const std::uint64_t connection_;
  wire::FrameDecoder decoder_;
  bool too_big_ = false;
};

/// The stream of a connection that is observed: passes everything on, and looks at the bytes. So
/// what is not observed costs nothing.
class ObservedStream final : public Stream {
 public:
  /// `tap` may be empty. All must outlive the stream.
  ObservedStream(std::unique_ptr<Stream> inner, BasicCounts<Count>& counts, const FrameTap& tap,
                 std::uint64_t connection, wire::BufferPool& pool, std::size_t max_payload_size)
      : inner_(std::move(inner)), counts_(counts) {
    if (!tap) return;
    tapped_sent_.emplace(tap, Direction::kSent, connection, pool, wire::kMaxPayloadSize);
    tapped_received_.emplace(tap, Direction::kReceived, connection, pool, max_payload_size);
  }

  bool start(StreamHandler& handler) override { return inner_->start(handler); }

  IoResult read(const Space* spaces, std::size_t count) override {
    if (tap_threw_) return {0, IoResult::Kind::kEnd};
    const IoResult result = inner_->read(spaces, count);
    counts_.received_bytes += result.size;
    for_each_part(spaces, result.size, [this](std::string_view bytes) {
      received_.handle(bytes, counts_.received_frames);
      if (tapped_received_) show(*tapped_received_, bytes);
    });
    return result;
  }

  IoResult write(const Slice* slices, std::size_t count, bool more) override {
    if (tap_threw_) return {0, IoResult::Kind::kEnd};
    const IoResult result = inner_->write(slices, count, more);
    counts_.sent_bytes += result.size;
    for_each_part(slices, result.size, [this](std::string_view bytes) {
      sent_.handle(bytes, counts_.sent_frames);
      if (tapped_sent_) show(*tapped_sent_, bytes);
    });
    return result;
  }

  bool wait_for_room() override { return inner_->wait_for_room(); }
  void finish() override { inner_->finish(); }
  bool holds_output() const override { return inner_->holds_output(); }
  void want_input(bool wanted) override { inner_->want_input(wanted); }
  PeerInfo peer() const override { return inner_->peer(); }
  std::string_view why_ended() const override { return inner_->why_ended(); }
  int native_handle() const override { return inner_->native_handle(); }
  std::unique_ptr<MovingStream> move_out() override { return inner_->move_out(); }

 private:
  template <typename Part, typename Call>
  static void for_each_part(const Part* parts, std::size_t size, Call&& call) {
    for (; size > 0; ++parts) {
      const std::size_t used = std::min(parts->size, size);
      if (used > 0) call(std::string_view(parts->data, used));
      size -= used;
    }
  }

  // After an exception nobody knows what was read or written, so the stream has to end.
  void show(TappedFlow& flow, std::string_view bytes) {
    tap_threw_ = true;
    const Finally end([this] {
      if (tap_threw_) inner_->finish();
    });
    flow.handle(bytes);
    tap_threw_ = false;
  }

  const std::unique_ptr<Stream> inner_;
  BasicCounts<Count>& counts_;
  FrameCounter sent_;
  FrameCounter received_;
  std::optional<TappedFlow> tapped_sent_;
  std::optional<TappedFlow> tapped_received_;
  bool tap_threw_ = false;
};

}  // namespace messi

#endif  // MESSI_IMPL_OBSERVED_STREAM_H_

// A decoder is fed a stream in pieces of any size, through both ways in, and its handler pauses and
// stops. The frames seen are those that the stream holds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "messi/wire/frame_decoder.h"
#include "test/fuzz/fuzzed_input.h"

namespace {

using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::fuzz::Script;
using messi::wire::DecodeResult;
using messi::wire::Frame;
using messi::wire::FrameDecoder;
using messi::wire::Next;
namespace wire = messi::wire;

class Target {
 public:
  explicit Target(FuzzedInput& input)
      : max_payload_(input.below(70'000)), script_(input.bytes(40)), stream_(input.rest()) {}

  void run();

 private:
  auto on_frame() {
    return [this](const Frame& frame) { return handle_frame(frame); };
  }

  std::size_t piece_size() {
    const std::size_t step = script_.next();
    return step < 128 ? 1 + step % 16 : 1 + (step - 128) * 64;
  }

  DecodeResult decode(FrameDecoder& decoder, std::string_view piece) {
    const messi::Space spare = decoder.spare();
    const std::size_t in_spare = std::min(spare.size, piece.size());
    if (in_spare > 0) {
      std::memcpy(spare.data, piece.data(), in_spare);
      piece.remove_prefix(in_spare);
      const DecodeResult result = decoder.decode_spare(in_spare, on_frame());
      if (result == DecodeResult::kPaused) decoder.keep(piece);
      if (result != DecodeResult::kNeedMore) return result;
    }
    // A copy of the exact size, so that the sanitizer sees any read past the end.
    const std::vector<char> exact(piece.begin(), piece.end());
    return decoder.decode({exact.data(), exact.size()}, on_frame());
  }

  Next handle_frame(const Frame& frame) {
    require(stream_.size() - seen_ >= wire::kHeaderSize, "a frame comes from the stream");
    const char* const header = stream_.data() + seen_;
    require(frame.type == wire::read_type(header), "a frame has the type in the stream");
    require(frame.payload.size() == wire::read_size(header), "a frame has the size in the stream");
    require(!too_big(header), "no frame is larger than the limit");
    seen_ += wire::kHeaderSize;
    require(frame.payload == stream_.substr(seen_, frame.payload.size()),
            "a frame has the payload in the stream");
    seen_ += frame.payload.size();
    const std::uint8_t answer = script_.next();
    return answer == 255 ? Next::kStop : answer > 200 ? Next::kPause : Next::kGoOn;
  }

  void check(DecodeResult result, const FrameDecoder& decoder) const {
    const std::string_view left = stream_.substr(seen_);
    if (result == DecodeResult::kStopped) return;
    if (result == DecodeResult::kTooBig) {
      require(too_big(left.data()), "a frame that is too big is too big");
      return require_header(decoder, left);
    }
    if (left.size() < wire::kHeaderSize) return;
    require(!too_big(left.data()), "a frame that is too big is refused");
    require(left.size() - wire::kHeaderSize < wire::read_size(left.data()),
            "a whole frame is handed out");
    require_header(decoder, left);
  }

  /// There is another limit for OFFER to CLOSE.
  bool too_big(const char* header) const {
    const std::size_t type = static_cast<std::size_t>(wire::read_type(header));
    return wire::read_size(header) >
           (type >= 5 && type <= 9 ? std::max<std::size_t>(max_payload_, 2048) : max_payload_);
  }

  static void require_header(const FrameDecoder& decoder, std::string_view frame) {
    const char* const header = decoder.unfinished_header();
    require(header != nullptr && std::memcmp(header, frame.data(), wire::kHeaderSize) == 0,
            "the header of a frame that is not whole is known");
  }

  wire::BufferPool pool_;
  std::size_t max_payload_;
  Script script_;
  std::string_view stream_;
  std::size_t seen_ = 0;  // bytes of the stream
};

void Target::run() {
  FrameDecoder decoder(pool_, max_payload_);
  std::string_view rest = stream_;
  DecodeResult result = DecodeResult::kNeedMore;
  while (result == DecodeResult::kPaused || (result == DecodeResult::kNeedMore && !rest.empty())) {
    if (result == DecodeResult::kPaused) {
      result = decoder.resume(on_frame());
      continue;
    }
    const std::string_view piece = rest.substr(0, piece_size());
    rest.remove_prefix(piece.size());
    result = decode(decoder, piece);
  }
  check(result, decoder);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedInput input(data, size);
  Target(input).run();
  return 0;
}

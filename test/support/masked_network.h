#ifndef MESSI_TEST_SUPPORT_MASKED_NETWORK_H_
#define MESSI_TEST_SUPPORT_MASKED_NETWORK_H_

// A network that stands on another: both ends say "mask", and then every byte is masked with its
// place in the stream.

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/io/wrapping_network.h"
#include "messi/io/wrapping_stream.h"

namespace messi::test {

class MaskedStream final : public WrappingStream {
 public:
  static constexpr std::string_view kHello = "mask";

  using WrappingStream::WrappingStream;

  IoResult read(const Space* spaces, std::size_t count) override {
    const IoResult result = inner().read(spaces, count);
    std::size_t left = result.size;
    for (std::size_t i = 0; left > 0; ++i) {
      const std::size_t size = std::min(left, spaces[i].size);
      mask(spaces[i].data, size, received_);
      received_ += size;
      left -= size;
    }
    return result;
  }

  IoResult write(const Slice* slices, std::size_t count, bool more) override {
    IoResult all{0, IoResult::Kind::kSome};
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t at = 0; at < slices[i].size;) {
        char bytes[1000];
        const std::size_t size = std::min(sizeof(bytes), slices[i].size - at);
        std::copy_n(slices[i].data + at, size, bytes);
        mask(bytes, size, sent_);
        const Slice slice{bytes, size};
        const bool last = i + 1 == count && at + size == slices[i].size;
        const IoResult result = inner().write(&slice, 1, more || !last);
        sent_ += result.size;
        all.size += result.size;
        at += result.size;
        if (result.size < size) return all.size > 0 ? all : result;
      }
    }
    return all;
  }

  std::string_view why_ended() const override { return "The mask is off."; }

 private:
  std::optional<Status> shake() override {
    const Slice unsent{kHello.data() + said_, kHello.size() - said_};
    if (unsent.size > 0) {
      const IoResult written = inner().write(&unsent, 1, false);
      if (written.kind == IoResult::Kind::kEnd) {
        return Status(StatusCode::kUnavailable, "the other end has closed in the handshake");
      }
      said_ += written.size;
    }
    const Space room{heard_ + heard_size_, kHello.size() - heard_size_};
    const IoResult result =
        room.size > 0 ? inner().read(&room, 1) : IoResult{0, IoResult::Kind::kAgain};
    heard_size_ += result.size;
    if (result.kind == IoResult::Kind::kEnd) {
      return Status(StatusCode::kUnavailable, "the other end has closed in the handshake");
    }
    if (std::string_view(heard_, heard_size_) != kHello.substr(0, heard_size_)) {
      return Status(StatusCode::kFailedPrecondition, "the other end does not mask");
    }
    if (said_ < kHello.size() || heard_size_ < kHello.size()) return std::nullopt;
    return Status();
  }

  static void mask(char* bytes, std::size_t size, std::size_t place) {
    for (std::size_t i = 0; i < size; ++i) bytes[i] ^= static_cast<char>((place + i) * 31 + 7);
  }

  std::size_t said_ = 0;
  std::size_t heard_size_ = 0;
  char heard_[kHello.size()];
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

class MaskedNetwork final : public WrappingNetwork {
 public:
  using WrappingNetwork::WrappingNetwork;

 private:
  std::unique_ptr<WrappingStream> wrap_connected(std::unique_ptr<Stream> inner,
                                                 const std::string& /*uri*/) override {
    return std::make_unique<MaskedStream>(std::move(inner));
  }
  std::unique_ptr<WrappingStream> wrap_accepted(std::unique_ptr<Stream> inner,
                                                const std::string& /*uri*/) override {
    return std::make_unique<MaskedStream>(std::move(inner));
  }
};

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_MASKED_NETWORK_H_

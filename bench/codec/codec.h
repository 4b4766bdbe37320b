#ifndef MESSI_BENCH_CODEC_CODEC_H_
#define MESSI_BENCH_CODEC_CODEC_H_

// What the codecs have in common: the content of messages, and the loops that are timed.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

enum class Shape { kFlat, kMixed, kLists, kBytes };

/// Of a message of any shape.
struct Content {
  std::uint32_t id = 300;
  std::string user = "erik_1234";
  bool urgent = true;
  std::string text;
  std::int64_t time = 1'700'000'000'000;
  double score = 0.75;
  std::vector<std::pair<std::string, std::int32_t>> items;
  std::vector<std::uint32_t> counts;
  std::vector<std::pair<std::string, std::int32_t>> labels;
  std::string data;
};

/// A codec, for messages of one shape.
class Codec {
 public:
  virtual ~Codec() = default;
  /// Encodes the message `count` times. Returns its size.
  virtual std::size_t encode(char* out, int count) = 0;
  /// Decodes it `count` times, and looks at each field. Returns a sum over all of them, so that no
  /// field can be left out.
  virtual std::uint64_t decode(std::string_view bytes, int count) = 0;
};

/// The sum: what a codec has found in a message.
class Sum {
 public:
  void number(std::uint64_t value) { sum_ += value; }
  void real(double value) {
    std::uint64_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    sum_ += bits;
  }
  /// Its ends, so that nobody times this.
  void text(std::string_view text) {
    sum_ += text.size();
    if (!text.empty()) {
      sum_ += static_cast<unsigned char>(text.front()) + static_cast<unsigned char>(text.back());
    }
  }
  std::uint64_t get() const { return sum_; }

 private:
  std::uint64_t sum_ = 0;
};

/// `Message` has `encode(char*)`, which returns the size, and `decode(std::string_view, Sum&)`.
template <typename Message>
class CodecOf final : public Codec {
 public:
  explicit CodecOf(const Content& content) : message_(content) {}

  std::size_t encode(char* out, int count) override {
    std::size_t size = 0;
    for (int i = 0; i < count; ++i) {
      size = message_.encode(out);
      forget();
    }
    return size;
  }
  std::uint64_t decode(std::string_view bytes, int count) override {
    Sum sum;
    for (int i = 0; i < count; ++i) {
      sum = Sum();
      message_.decode(bytes, sum);
      forget();
    }
    return sum.get();
  }

 private:
  // The compiler does not know what has changed.
  static void forget() { asm volatile("" ::: "memory"); }

  Message message_;
};

template <typename Flat, typename Mixed, typename Blob>
std::unique_ptr<Codec> make_codec(Shape shape, const Content& content) {
  if (shape == Shape::kFlat) return std::make_unique<CodecOf<Flat>>(content);
  if (shape == Shape::kBytes) return std::make_unique<CodecOf<Blob>>(content);
  return std::make_unique<CodecOf<Mixed>>(content);
}

using MakeCodec = std::unique_ptr<Codec>(Shape shape, const Content& content);
MakeCodec make_views;
MakeCodec make_protobuf;
MakeCodec make_protozero;
MakeCodec make_nanopb;
MakeCodec make_flatbuffers;
MakeCodec make_pbtools;
MakeCodec make_upb;

}  // namespace bench

#endif  // MESSI_BENCH_CODEC_CODEC_H_

#include "messi/wire/latest_frames.h"

#include <cstdint>
#include <cstring>
#include <string>

#include "test/catch.h"
#include "test/support/live_bytes.h"

using messi::test::live_bytes;
using messi::wire::Buffer;
using messi::wire::BufferPool;
using messi::wire::FrameType;
using messi::wire::LatestFrames;
using messi::wire::OutboxSettings;

namespace {

struct Subject {
  bool keep(std::uint32_t kind, const std::string& bytes) {
    Buffer* const buffer = pool.take(bytes.size());
    std::memcpy(buffer->extend(bytes.size()), bytes.data(), bytes.size());
    const bool replaces = latest.keep(kind, *buffer);
    pool.release(buffer);
    return replaces;
  }

  /// Takes out what is kept, in order.
  std::string all() {
    std::string bytes;
    for (; !latest.empty(); latest.drop_first()) {
      const auto frame = latest.first();
      bytes.append(frame.buffer->data() + frame.begin, frame.end - frame.begin);
    }
    return bytes;
  }

  const OutboxSettings settings{FrameType::kServerToClient, 1000, 5000};
  BufferPool pool;
  LatestFrames latest{settings, pool};
};

}  // namespace

TEST_CASE("of each kind the latest is kept, in the order of their last update", "[wire]") {
  Subject subject;
  CHECK_FALSE(subject.keep(1, "a1 "));
  CHECK_FALSE(subject.keep(2, "b1 "));
  CHECK_FALSE(subject.keep(3, "c1 "));
  CHECK(subject.keep(1, "a2 "));
  CHECK(subject.keep(2, "b2 "));
  CHECK(subject.keep(2, "b3 "));
  CHECK(subject.latest.size() == 9);
  CHECK(subject.settings.pending == 9);
  CHECK(subject.all() == "c1 a2 b3 ");
  CHECK(subject.latest.size() == 0);
  CHECK(subject.settings.pending == 0);
}

TEST_CASE("what is kept is given back", "[wire]") {
  const std::size_t before = live_bytes();
  {
    Subject subject;
    for (std::uint32_t i = 0; i < 100; ++i) subject.keep(i, std::string(100'000, 'x'));
    subject.latest.clear();
    CHECK(subject.settings.pending == 0);
    CHECK(subject.latest.empty());
    for (std::uint32_t i = 0; i < 100; ++i) subject.keep(i % 7, std::string(100'000, 'x'));
    CHECK(subject.settings.pending == 700'000);
  }
  CHECK(live_bytes() == before);
}

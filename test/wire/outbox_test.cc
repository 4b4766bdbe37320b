#include "messi/wire/outbox.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"

using messi::Slice;
using messi::test::frame;
using messi::test::live_bytes;
using messi::test::pattern;
using messi::wire::Accepted;
using messi::wire::Batch;
using messi::wire::BufferPool;
using messi::wire::FrameType;
using messi::wire::Outbox;
using messi::wire::OutboxSettings;
using messi::wire::SharedFrame;
using messi::wire::SharedFrames;

namespace {

constexpr OutboxSettings kSettings{FrameType::kServerToClient, 1000, 5000};

/// An outbox above a stream that takes `capacity` bytes.
class Subject final : public Outbox {
 public:
  explicit Subject(BufferPool& pool, const OutboxSettings& settings = kSettings)
      : Outbox(settings, pool) {}

  std::size_t capacity = 0;
  std::string written;
  std::vector<std::size_t> room_wanted;
  std::vector<Accepted> refused;

  Accepted put(const std::string& payload) {
    std::uint8_t* const out = reserve(payload.size());
    if (out == nullptr) return refused.back();
    std::memcpy(out, payload.data(), payload.size());
    commit(payload.size());
    return Accepted::kYes;
  }

  /// As `put`, but the payload lies in two pieces.
  Accepted put_pieces(const std::string& payload) {
    const std::size_t half = payload.size() / 2;
    Slice pieces[] = {{}, {payload.data(), half}, {payload.data() + half, payload.size() - half}};
    return send(pieces, 3, payload.size());
  }

  std::size_t pending() const { return frames().pending(); }
  void drop() { drop_output(); }

  void flush() {
    while (!frames().empty() && capacity > 0) {
      Batch batch;
      frames().gather(batch, [](auto, std::uint8_t* out) { return out; });
      handle_written(batch, write(batch.slices(), batch.count()));
    }
  }

  /// Everything, written or not.
  std::string all() {
    capacity = std::string::npos;
    flush();
    return written;
  }

 private:
  std::size_t write(const Slice* slices, std::size_t count) {
    const std::size_t before = written.size();
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t taken = std::min(slices[i].size, capacity);
      written.append(slices[i].data, taken);
      capacity -= taken;
    }
    return written.size() - before;
  }

  bool finds_room(std::size_t frame_size, std::size_t most) override {
    room_wanted.push_back(frame_size);
    flush();
    return !too_much(frame_size, most);
  }
  std::size_t write_past(const Slice* slices, std::size_t count) override {
    flush();
    return frames().empty() ? write(slices, count) : 0;
  }
  void handle_refused(Accepted why) override { refused.push_back(why); }
};

}  // namespace

TEST_CASE("messages leave framed and in order, however they lie in memory", "[wire]") {
  for (std::size_t capacity = 0; capacity < 70; ++capacity) {
    BufferPool pool;
    SharedFrames shared(kSettings, pool);
    Subject outbox(pool);
    outbox.capacity = capacity;
    CHECK(outbox.put("first") == Accepted::kYes);
    CHECK(outbox.put_pieces(pattern(20)) == Accepted::kYes);
    std::memcpy(shared.reserve(6), "shared", 6);
    CHECK(outbox.send(shared.commit(6)) == Accepted::kYes);
    CHECK(outbox.put_pieces("") == Accepted::kYes);
    CHECK(outbox.put("last") == Accepted::kYes);
    CHECK(outbox.all() == frame(2, "first") + frame(2, pattern(20)) + frame(2, "shared") +
                              frame(2, "") + frame(2, "last"));
    CHECK(outbox.refused.empty());
  }
}

TEST_CASE("what is reserved and not committed is forgotten", "[wire]") {
  BufferPool pool;
  SharedFrames shared(kSettings, pool);
  Subject outbox(pool);
  outbox.reserve(1000);
  outbox.put("a");
  outbox.reserve(7);
  shared.reserve(1000);
  std::memcpy(shared.reserve(1), "b", 1);
  outbox.send(shared.commit(1));
  CHECK(outbox.all() == frame(2, "a") + frame(2, "b"));
}

TEST_CASE("each way out has the same limits", "[wire]") {
  BufferPool pool;
  SharedFrames shared(kSettings, pool);
  const auto send = [&shared](Subject& outbox, int way, const std::string& payload) {
    if (way == 0) return outbox.put(payload);
    if (way == 1) return outbox.put_pieces(payload);
    if (!shared.accepts(payload.size())) return outbox.refuse(Accepted::kTooBig);
    std::memcpy(shared.reserve(payload.size()), payload.data(), payload.size());
    return outbox.send(shared.commit(payload.size()));
  };
  for (const int way : {0, 1, 2}) {
    Subject outbox(pool);
    CHECK(send(outbox, way, pattern(1000)) == Accepted::kYes);
    CHECK(send(outbox, way, pattern(1001)) == Accepted::kTooBig);
    for (int i = 0; i < 3; ++i) CHECK(send(outbox, way, pattern(1000)) == Accepted::kYes);
    CHECK(send(outbox, way, pattern(980)) == Accepted::kYes);
    CHECK(outbox.room_wanted.empty());
    CHECK(send(outbox, way, "") == Accepted::kFull);
    CHECK(outbox.room_wanted == std::vector<std::size_t>{4});
    CHECK(outbox.refused == std::vector<Accepted>{Accepted::kTooBig, Accepted::kFull});

    // The stream takes a little.
    outbox.capacity = 100;
    CHECK(send(outbox, way, pattern(96)) == Accepted::kYes);
    CHECK(outbox.written.size() == 100);
  }
}

TEST_CASE("an outbox with nothing waiting accepts whatever is not too big", "[wire]") {
  BufferPool pool;
  static constexpr OutboxSettings kTight{FrameType::kServerToClient, 1000, 10};
  Subject outbox(pool, kTight);
  CHECK(outbox.put(pattern(1000)) == Accepted::kYes);
  CHECK(outbox.put("") == Accepted::kFull);
}

TEST_CASE("where much is waiting it had better be written", "[wire]") {
  BufferPool pool;
  static constexpr OutboxSettings kLarge{FrameType::kServerToClient, 100'000, 1'000'000};
  Subject outbox(pool, kLarge);
  outbox.put(pattern(70'000));
  CHECK(outbox.room_wanted.empty());
  outbox.put("x");
  CHECK(outbox.room_wanted.size() == 1);
}

TEST_CASE("frames that are shared lie one behind the other, until there is no room", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    SharedFrames shared(kSettings, pool);
    CHECK(shared.accepts(1000));
    CHECK_FALSE(shared.accepts(1001));
    CHECK_FALSE(shared.has_room(0));
    std::uint32_t end = 0;
    for (int i = 0; i < 60; ++i) {
      shared.reserve(1000);
      const SharedFrame each = shared.commit(1000);
      CHECK(each.begin == end);
      end = each.end;
      CHECK(each.buffer == shared.buffer());
    }
    CHECK(shared.has_room(1000));
    while (shared.has_room(1000)) {
      shared.reserve(1000);
      shared.commit(1000);
    }
    shared.reserve(1000);
    CHECK(shared.commit(1000).begin == 0);
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("what waits in several outboxes is added up exactly", "[wire]") {
  const OutboxSettings settings{FrameType::kServerToClient, 10'000, 50'000};
  BufferPool pool;
  SharedFrames shared(settings, pool);
  {
    std::vector<std::unique_ptr<Subject>> outboxes;
    for (int i = 0; i < 3; ++i) outboxes.push_back(std::make_unique<Subject>(pool, settings));
    unsigned seed = 1;
    const auto below = [&seed](unsigned bound) {
      seed = seed * 1664525 + 1013904223;
      return (seed >> 8) % bound;
    };
    std::size_t most = 0;
    for (int step = 0; step < 20'000; ++step) {
      Subject& outbox = *outboxes[below(3)];
      const std::string payload(below(3'000), 'x');
      outbox.capacity = below(3) == 0 ? below(20'000) : 0;
      switch (below(5)) {
        case 0:
          outbox.put(payload);
          break;
        case 1:
          outbox.put_pieces(payload);
          break;
        case 2:
          shared.reserve(payload.size());
          outbox.offer(shared.commit(payload.size()), 30'000);
          break;
        case 3:
          outbox.flush();
          break;
        default:
          if (below(100) == 0) outbox.drop();
      }
      std::size_t sum = 0;
      for (const auto& each : outboxes) sum += each->pending();
      if (sum != settings.pending) FAIL(sum << " is not " << settings.pending);
      most = std::max(most, sum);
    }
    CHECK(most > 50'000);
  }
  CHECK(settings.pending == 0);
}

TEST_CASE("a frame that is offered waits only where there is room for it", "[wire]") {
  BufferPool pool;
  SharedFrames shared(kSettings, pool);
  Subject outbox(pool);
  const auto offer = [&](std::size_t frame_size, std::size_t most) {
    shared.reserve(frame_size - 4);
    return outbox.offer(shared.commit(frame_size - 4), most);
  };
  CHECK(offer(1000, 10));
  CHECK_FALSE(offer(10, 1009));
  CHECK(offer(10, 1010));
  CHECK(outbox.pending() == 1010);
  CHECK(outbox.refused.empty());
}

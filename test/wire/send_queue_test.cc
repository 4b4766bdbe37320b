#include "messi/wire/send_queue.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"

using messi::Slice;
using messi::test::allocations;
using messi::test::frame;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::live_bytes;
using messi::test::pattern;
using messi::wire::Buffer;
using messi::wire::BufferPool;
using messi::wire::FrameType;
using messi::wire::SendQueue;

namespace {

/// All that waits in the queue, as one string.
std::string contents(const SendQueue& queue) {
  std::vector<Slice> slices(10'000);
  slices.resize(queue.gather(slices.data(), slices.size()));
  std::string bytes;
  for (const Slice& slice : slices) {
    if (slice.size == 0) FAIL("an empty slice");
    bytes.append(slice.data, slice.size);
  }
  return bytes;
}

void append(SendQueue& queue, const std::string& bytes) {
  std::memcpy(queue.append(bytes.size()), bytes.data(), bytes.size());
}

/// A buffer as a broadcast fills it, shared by many queues.
class SharedFrames {
 public:
  explicit SharedFrames(BufferPool& pool) : pool_(pool), buffer_(pool.take(BufferPool::kLarge)) {}
  SharedFrames(const SharedFrames&) = delete;
  SharedFrames& operator=(const SharedFrames&) = delete;
  ~SharedFrames() { pool_.release(buffer_); }

  void append_to(SendQueue& queue, const std::string& bytes) {
    if (buffer_->room() < bytes.size()) {
      pool_.release(buffer_);
      buffer_ = pool_.take(std::max(bytes.size(), BufferPool::kLarge));
    }
    const std::uint32_t begin = buffer_->used();
    std::memcpy(buffer_->extend(bytes.size()), bytes.data(), bytes.size());
    queue.append_shared(*buffer_, begin, buffer_->used());
  }

 private:
  BufferPool& pool_;
  Buffer* buffer_;
};

/// What a send queue promises, said with plain strings.
class Model {
 public:
  void append(std::string bytes) { frames_.push_back({std::move(bytes), false}); }

  void push_control(std::string bytes) {
    for (const auto& each : frames_) {
      if (each.control) return;
    }
    const bool cut = !frames_.empty() && taken_ > 0;
    frames_.insert(frames_.begin() + (cut ? 1 : 0), {std::move(bytes), true});
  }

  void consume(std::size_t size) {
    taken_ += size;
    while (!frames_.empty() && taken_ >= frames_.front().bytes.size()) {
      taken_ -= frames_.front().bytes.size();
      frames_.pop_front();
    }
  }

  std::string contents() const {
    std::string bytes;
    for (const auto& each : frames_) bytes += each.bytes;
    return bytes.substr(taken_);
  }

 private:
  struct Entry {
    std::string bytes;
    bool control;
  };
  std::deque<Entry> frames_;
  std::size_t taken_ = 0;  // of the first
};

}  // namespace

TEST_CASE("a new queue is empty", "[wire]") {
  BufferPool pool;
  const SendQueue queue(pool);
  CHECK(queue.empty());
  CHECK(queue.pending() == 0);
  CHECK(contents(queue).empty());
}

TEST_CASE("frames leave in the order in which they came", "[wire]") {
  BufferPool pool;
  SendQueue queue(pool);
  std::string expected;
  for (unsigned i = 0; i < 300; ++i) {
    const std::string bytes = frame(1, pattern(i * 7 % 1000, i));
    append(queue, bytes);
    expected += bytes;
    REQUIRE(queue.pending() == expected.size());
  }
  CHECK(contents(queue) == expected);
  CHECK_FALSE(queue.empty());
}

TEST_CASE("small frames share a slice", "[wire]") {
  BufferPool pool;
  SendQueue queue(pool);
  for (int i = 0; i < 100; ++i) append(queue, frame(1, "hi"));
  Slice slices[2];
  CHECK(queue.gather(slices, 2) == 1);
}

TEST_CASE("gather fills in no more slices than there is room for", "[wire]") {
  BufferPool pool;
  SendQueue queue(pool);
  for (unsigned i = 0; i < 5; ++i) append(queue, frame(1, pattern(100'000, i)));
  Slice slices[3];
  CHECK(queue.gather(slices, 3) == 3);
  CHECK(queue.gather(slices, 0) == 0);
}

TEST_CASE("what remains is the same wherever the transport stops taking", "[wire]") {
  std::string all;
  for (unsigned i = 0; i < 6; ++i) all += frame(1, pattern(i * 5, i));
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = 0; first + second <= all.size(); second += 3) {
      BufferPool pool;
      SharedFrames shared(pool);
      SendQueue queue(pool);
      for (unsigned i = 0; i < 6; ++i) {
        const std::string bytes = frame(1, pattern(i * 5, i));
        if (i % 3 == 2) {
          shared.append_to(queue, bytes);
        } else {
          append(queue, bytes);
        }
      }
      queue.consume(first);
      queue.consume(second);
      if (contents(queue) != all.substr(first + second)) FAIL(first << ", then " << second);
      if (queue.pending() != all.size() - first - second) FAIL(first << ", then " << second);
    }
  }
  SUCCEED();
}

TEST_CASE("a control frame goes ahead of user messages, never into the middle of one", "[wire]") {
  const std::vector<std::string> frames = {frame(2, "one"), frame(2, ""), frame(2, pattern(50)),
                                           frame(2, "four"), frame(2, pattern(80'000))};
  std::string all;
  for (const std::string& each : frames) all += each;

  for (const bool with_shared : {false, true}) {
    // Every offset in the small frames, and some in the large one.
    for (std::size_t taken = 0; taken < all.size(); taken += taken < 100 ? 1 : 9'973) {
      BufferPool pool;
      SharedFrames shared(pool);
      SendQueue queue(pool);
      for (std::size_t i = 0; i < frames.size(); ++i) {
        if (with_shared && i % 2 == 1) {
          shared.append_to(queue, frames[i]);
        } else {
          append(queue, frames[i]);
        }
      }
      queue.consume(taken);
      queue.push_control(FrameType::kPong);

      std::size_t boundary = 0;
      for (std::size_t i = 0; boundary < taken; ++i) boundary += frames[i].size();
      const std::string expected =
          all.substr(taken, boundary - taken) + kPong + all.substr(boundary);
      if (contents(queue) != expected) FAIL(taken << " bytes taken");
      if (queue.pending() != expected.size()) FAIL(taken << " bytes taken");

      // And the queue goes on working.
      append(queue, frame(2, "later"));
      if (contents(queue) != expected + frame(2, "later")) FAIL(taken << " bytes taken");
      queue.consume(queue.pending());
      if (!queue.empty()) FAIL(taken << " bytes taken");
    }
  }
  SUCCEED();
}

TEST_CASE("one control frame waits at a time", "[wire]") {
  BufferPool pool;
  SendQueue queue(pool);
  append(queue, frame(2, "hi"));
  for (int i = 0; i < 1000; ++i) queue.push_control(FrameType::kPong);
  CHECK(contents(queue) == kPong + frame(2, "hi"));

  queue.consume(2);  // half of it is still waiting
  queue.push_control(FrameType::kPong);
  CHECK(contents(queue) == kPong.substr(2) + frame(2, "hi"));

  queue.consume(2);
  queue.push_control(FrameType::kPong);
  CHECK(contents(queue) == kPong + frame(2, "hi"));
}

TEST_CASE("pings and pongs are what they are called", "[wire]") {
  BufferPool pool;
  SendQueue client(pool);
  client.push_control(FrameType::kPing);
  CHECK(contents(client) == kPing);
  SendQueue server(pool);
  server.push_control(FrameType::kPong);
  CHECK(contents(server) == kPong);
}

TEST_CASE("frames that many queues share are copied by none of them", "[wire]") {
  BufferPool pool;
  SharedFrames shared(pool);
  SendQueue first(pool);
  const std::string bytes = frame(2, pattern(10'000));
  shared.append_to(first, bytes);
  Slice one{};
  CHECK(first.gather(&one, 1) == 1);

  Buffer* const buffer = pool.take(bytes.size());
  std::memcpy(buffer->extend(bytes.size()), bytes.data(), bytes.size());
  SendQueue second(pool);
  SendQueue third(pool);
  for (SendQueue* const queue : {&second, &third}) {
    queue->append_shared(*buffer, 0, buffer->used());
  }
  pool.release(buffer);
  Slice two{};
  Slice three{};
  second.gather(&two, 1);
  third.gather(&three, 1);
  CHECK(two.data == three.data);
  // Each goes at its own pace.
  second.consume(9'000);
  third.consume(bytes.size());
  CHECK(contents(second) == bytes.substr(9'000));
  CHECK(third.empty());
}

TEST_CASE("an empty queue holds no memory, and steady traffic takes none", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    SendQueue queue(pool);
    CHECK(live_bytes() == before);
    append(queue, frame(1, "first"));
    queue.consume(queue.pending());

    Buffer* const whole_pool = pool.take(1);  // the queue has given its buffer back
    pool.release(whole_pool);
    const std::size_t allocated = allocations();
    for (int i = 0; i < 1000; ++i) {
      append(queue, frame(1, "next"));
      queue.push_control(FrameType::kPing);
      queue.consume(3);
      queue.consume(queue.pending());
    }
    // The strings of the test are short enough to need none; a second segment may.
    CHECK(allocations() - allocated <= 2);
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a frame that is taken back leaves nothing behind", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    SendQueue queue(pool);
    queue.append(100);
    queue.retract(100);
    CHECK(queue.empty());
    CHECK(queue.pending() == 0);
    append(queue, frame(1, "first"));
    queue.consume(3);
    for (const std::size_t size : {std::size_t{10}, 2 * BufferPool::kLarge}) {
      queue.append(size);
      queue.retract(size);
    }
    append(queue, frame(1, "second"));
    queue.push_control(FrameType::kPing);
    CHECK(contents(queue) == frame(1, "first").substr(3) + kPing + frame(1, "second"));
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a cleared queue is as new", "[wire]") {
  BufferPool pool;
  SharedFrames shared(pool);
  SendQueue queue(pool);
  for (int i = 0; i < 3; ++i) {
    append(queue, frame(1, pattern(5'000)));
    shared.append_to(queue, frame(1, "shared"));
    queue.consume(100);
    queue.push_control(FrameType::kPing);
    queue.clear();
    CHECK(queue.empty());
    CHECK(queue.pending() == 0);
    queue.push_control(FrameType::kPing);
    CHECK(contents(queue) == kPing);
    queue.clear();
  }
}

TEST_CASE("whatever is done to a queue, it does what a plain string would", "[wire]") {
  std::mt19937 random(4711);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  for (int round = 0; round < 150; ++round) {
    BufferPool pool;
    SharedFrames shared(pool);
    SendQueue queue(pool);
    Model model;
    const std::size_t scale = std::size_t{1} << (1 + below(17));
    for (int step = 0; step < 150; ++step) {
      const std::size_t action = below(10);
      if (action < 3) {
        const std::string bytes = frame(2, pattern(below(scale), static_cast<unsigned>(random())));
        append(queue, bytes);
        model.append(bytes);
      } else if (action < 5) {
        const std::string bytes = frame(2, pattern(below(scale), static_cast<unsigned>(random())));
        shared.append_to(queue, bytes);
        model.append(bytes);
      } else if (action == 5) {
        const std::size_t size = messi::wire::kHeaderSize + below(scale);
        queue.append(size);
        queue.retract(size);
      } else if (action < 7) {
        queue.push_control(FrameType::kPong);
        model.push_control(kPong);
      } else {
        const std::size_t size = below(3) == 0 ? queue.pending() : below(queue.pending() + 1);
        queue.consume(size);
        model.consume(size);
      }
      const std::string expected = model.contents();
      if (queue.pending() != expected.size()) FAIL("round " << round << ", step " << step);
      if (queue.empty() != expected.empty()) FAIL("round " << round << ", step " << step);
      if (step % 5 == 0 && contents(queue) != expected)
        FAIL("round " << round << ", step " << step);
    }
    CHECK(contents(queue) == model.contents());
  }
}

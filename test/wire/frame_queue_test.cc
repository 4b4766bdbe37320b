#include "messi/wire/frame_queue.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <set>
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
using messi::wire::Batch;
using messi::wire::Buffer;
using messi::wire::BufferPool;
using messi::wire::Control;
using messi::wire::FrameQueue;

namespace {

/// Control frames as they are made here: a ping is empty, a pong holds the number of its making.
class Maker {
 public:
  std::uint8_t* operator()(Control kind, std::uint8_t* out) {
    const std::string bytes = kind == Control::kPing ? kPing : frame(4, std::to_string(++made_));
    std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
  }
  int made() const { return made_; }

 private:
  int made_ = 0;
};

void gather(FrameQueue& queue, Batch& batch) {
  queue.gather(batch, [](Control kind, std::uint8_t* out) {
    const std::string& bytes = kind == Control::kPing ? kPing : kPong;
    std::memcpy(out, bytes.data(), bytes.size());
    return out + bytes.size();
  });
}

std::string bytes_of(const Batch& batch) {
  std::string bytes;
  for (std::size_t i = 0; i < batch.count(); ++i) {
    const Slice& slice = batch.slices()[i];
    if (slice.size == 0) FAIL("an empty slice");
    bytes.append(slice.data, slice.size);
  }
  if (bytes.size() != batch.size()) FAIL("a batch of another size");
  return bytes;
}

/// What waits in the queue, as one string: all of it if that is not too many slices.
std::string contents(FrameQueue& queue) {
  Batch batch;
  gather(queue, batch);
  return bytes_of(batch);
}

/// The stream takes `size` bytes.
void consume(FrameQueue& queue, std::size_t size) {
  while (true) {
    Batch batch;
    gather(queue, batch);
    const std::size_t taken = std::min(size, batch.size());
    queue.handle_written(batch, taken);
    size -= taken;
    if (size == 0) return;
  }
}

void consume_all(FrameQueue& queue) {
  while (!queue.empty()) consume(queue, contents(queue).size());
}

void append(FrameQueue& queue, const std::string& bytes) {
  std::memcpy(queue.reserve(bytes.size()), bytes.data(), bytes.size());
  queue.commit(bytes.size());
}

/// A buffer as a broadcast fills it, shared by many queues.
class SharedFrames {
 public:
  explicit SharedFrames(BufferPool& pool) : pool_(pool), buffer_(pool.take(BufferPool::kLarge)) {}
  SharedFrames(const SharedFrames&) = delete;
  SharedFrames& operator=(const SharedFrames&) = delete;
  ~SharedFrames() { pool_.release(buffer_); }

  void append_to(FrameQueue& queue, const std::string& bytes) {
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

/// What a frame queue promises, said with plain strings.
class Model {
 public:
  void append(std::string bytes) { frames_.push_back({std::move(bytes), std::nullopt}); }
  void want(Control kind) { wanted_.insert(kind); }

  /// All that is to be written, where `pong` is what a pong is now.
  std::string contents(const std::string& pong) {
    add_controls(pong);
    std::string bytes;
    for (const Frame& each : frames_) bytes += each.bytes;
    bytes.erase(0, taken_);
    remove_controls();
    return bytes;
  }

  void consume(std::size_t size, const std::string& pong) {
    add_controls(pong);
    taken_ += size;
    while (!frames_.empty() && taken_ >= frames_.front().bytes.size()) {
      taken_ -= frames_.front().bytes.size();
      if (frames_.front().control) wanted_.erase(*frames_.front().control);
      frames_.pop_front();
    }
    if (taken_ > 0 && frames_.front().control) {
      wanted_.erase(*frames_.front().control);
      frames_.front().control.reset();
    }
    remove_controls();
  }

  std::size_t pending() const {
    std::size_t size = 0;
    for (const Frame& each : frames_) size += each.bytes.size();
    return size - taken_;
  }
  bool empty() const { return frames_.empty() && wanted_.empty(); }

 private:
  struct Frame {
    std::string bytes;
    std::optional<Control> control;  // nothing of it is written yet
  };

  void add_controls(const std::string& pong) {
    std::ptrdiff_t at = taken_ > 0 ? 1 : 0;
    for (const Control kind : wanted_) {
      frames_.insert(frames_.begin() + at++, {kind == Control::kPing ? kPing : pong, kind});
    }
  }
  void remove_controls() {
    frames_.erase(std::remove_if(frames_.begin(), frames_.end(),
                                 [](const Frame& each) { return each.control.has_value(); }),
                  frames_.end());
  }

  std::deque<Frame> frames_;
  std::set<Control> wanted_;
  std::size_t taken_ = 0;  // of the first
};

}  // namespace

TEST_CASE("a new queue is empty", "[wire]") {
  BufferPool pool;
  FrameQueue queue(pool);
  CHECK(queue.empty());
  CHECK(queue.pending() == 0);
  CHECK(contents(queue).empty());
}

TEST_CASE("frames leave in the order in which they came", "[wire]") {
  BufferPool pool;
  FrameQueue queue(pool);
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
  FrameQueue queue(pool);
  for (int i = 0; i < 100; ++i) append(queue, frame(1, "hi"));
  Batch batch;
  gather(queue, batch);
  CHECK(batch.count() == 1);
}

TEST_CASE("a batch has a bounded number of slices", "[wire]") {
  BufferPool pool;
  FrameQueue queue(pool);
  std::string expected;
  for (unsigned i = 0; i < 100; ++i) {
    append(queue, frame(1, pattern(70'000, i)));
    expected += frame(1, pattern(70'000, i));
  }
  consume(queue, 3);
  queue.want(Control::kPing);
  Batch batch;
  gather(queue, batch);
  CHECK(batch.count() == Batch::kMostSlices);
  expected = expected.substr(3, 70'001) + kPing + expected.substr(70'004);
  CHECK(bytes_of(batch) == expected.substr(0, batch.size()));
}

TEST_CASE("what remains is the same wherever the transport stops taking", "[wire]") {
  std::string all;
  for (unsigned i = 0; i < 6; ++i) all += frame(1, pattern(i * 5, i));
  for (std::size_t first = 0; first <= all.size(); ++first) {
    for (std::size_t second = 0; first + second <= all.size(); second += 3) {
      BufferPool pool;
      SharedFrames shared(pool);
      FrameQueue queue(pool);
      for (unsigned i = 0; i < 6; ++i) {
        const std::string bytes = frame(1, pattern(i * 5, i));
        if (i % 3 == 2) {
          shared.append_to(queue, bytes);
        } else {
          append(queue, bytes);
        }
      }
      consume(queue, first);
      consume(queue, second);
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
      FrameQueue queue(pool);
      for (std::size_t i = 0; i < frames.size(); ++i) {
        if (with_shared && i % 2 == 1) {
          shared.append_to(queue, frames[i]);
        } else {
          append(queue, frames[i]);
        }
      }
      consume(queue, taken);
      queue.want(Control::kPong);

      std::size_t boundary = 0;
      for (std::size_t i = 0; boundary < taken; ++i) boundary += frames[i].size();
      const std::string expected =
          all.substr(taken, boundary - taken) + kPong + all.substr(boundary);
      if (contents(queue) != expected) FAIL(taken << " bytes taken");
      if (queue.pending() != all.size() - taken) FAIL(taken << " bytes taken");

      // And the queue goes on working.
      append(queue, frame(2, "later"));
      if (contents(queue) != expected + frame(2, "later")) FAIL(taken << " bytes taken");
      consume_all(queue);
      if (!queue.empty()) FAIL(taken << " bytes taken");
    }
  }
  SUCCEED();
}

TEST_CASE("one control frame of a kind waits at a time", "[wire]") {
  BufferPool pool;
  FrameQueue queue(pool);
  append(queue, frame(2, "hi"));
  for (int i = 0; i < 1000; ++i) queue.want(Control::kPong);
  CHECK(contents(queue) == kPong + frame(2, "hi"));
  queue.want(Control::kPing);
  CHECK(contents(queue) == kPing + kPong + frame(2, "hi"));

  consume(queue, 6);  // half of the pong has gone, so that another one is another
  CHECK(contents(queue) == kPong.substr(2) + frame(2, "hi"));
  CHECK(queue.pending() == 2 + frame(2, "hi").size());
  for (int i = 0; i < 1000; ++i) queue.want(Control::kPong);
  CHECK(contents(queue) == kPong.substr(2) + kPong + frame(2, "hi"));

  consume(queue, 2);
  queue.want(Control::kPong);
  CHECK(contents(queue) == kPong + frame(2, "hi"));
}

TEST_CASE("a control frame is made when it is written, and not again once it has begun", "[wire]") {
  BufferPool pool;
  FrameQueue queue(pool);
  Maker maker;
  append(queue, frame(2, "hello"));
  consume(queue, 2);
  queue.want(Control::kPong);
  CHECK(maker.made() == 0);
  const auto write = [&](std::size_t taken) {
    Batch batch;
    queue.gather(batch, maker);
    queue.handle_written(batch, taken);
    return bytes_of(batch);
  };
  const std::string rest = frame(2, "hello").substr(2);
  CHECK(write(0) == rest + frame(4, "1"));
  CHECK(write(rest.size()) == rest + frame(4, "2"));
  CHECK(write(4) == frame(4, "3"));
  CHECK(write(0) == "3");
  CHECK(write(1) == "3");
  CHECK(queue.empty());
  CHECK(maker.made() == 3);
}

TEST_CASE("frames that many queues share are copied by none of them", "[wire]") {
  BufferPool pool;
  SharedFrames shared(pool);
  FrameQueue first(pool);
  const std::string bytes = frame(2, pattern(10'000));
  shared.append_to(first, bytes);
  Batch one;
  gather(first, one);
  CHECK(one.count() == 1);

  Buffer* const buffer = pool.take(bytes.size());
  std::memcpy(buffer->extend(bytes.size()), bytes.data(), bytes.size());
  FrameQueue second(pool);
  FrameQueue third(pool);
  for (FrameQueue* const queue : {&second, &third}) {
    queue->append_shared(*buffer, 0, buffer->used());
  }
  pool.release(buffer);
  Batch two;
  Batch three;
  gather(second, two);
  gather(third, three);
  CHECK(two.slices()[0].data == three.slices()[0].data);
  // Each goes at its own pace.
  consume(second, 9'000);
  consume(third, bytes.size());
  CHECK(contents(second) == bytes.substr(9'000));
  CHECK(third.empty());
}

TEST_CASE("an empty queue holds no memory, and steady traffic takes none", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    FrameQueue queue(pool);
    CHECK(live_bytes() == before);
    append(queue, frame(1, "first"));
    consume_all(queue);

    Buffer* const whole_pool = pool.take(1);  // the queue has given its buffer back
    pool.release(whole_pool);
    const std::size_t allocated = allocations();
    for (int i = 0; i < 1000; ++i) {
      append(queue, frame(1, "next"));
      queue.want(Control::kPing);
      consume(queue, 3);
      consume_all(queue);
    }
    // The strings of the test are short enough to need none; a second segment may.
    CHECK(allocations() - allocated <= 2);
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a frame that is not committed leaves nothing behind", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    FrameQueue queue(pool);
    queue.reserve(100);
    CHECK(queue.empty());
    CHECK(queue.pending() == 0);
    append(queue, frame(1, "first"));
    consume(queue, 3);
    for (const std::size_t size : {std::size_t{10}, 2 * BufferPool::kLarge}) {
      queue.reserve(size);
    }
    append(queue, frame(1, "second"));
    queue.want(Control::kPing);
    CHECK(contents(queue) == frame(1, "first").substr(3) + kPing + frame(1, "second"));
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a cleared queue is as new", "[wire]") {
  BufferPool pool;
  SharedFrames shared(pool);
  FrameQueue queue(pool);
  for (int i = 0; i < 3; ++i) {
    append(queue, frame(1, pattern(5'000)));
    shared.append_to(queue, frame(1, "shared"));
    consume(queue, 100);
    queue.want(Control::kPing);
    queue.clear();
    CHECK(queue.empty());
    CHECK(queue.pending() == 0);
    queue.want(Control::kPing);
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
    FrameQueue queue(pool);
    Maker maker;
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
        queue.reserve(messi::wire::kHeaderSize + below(scale));
      } else if (action < 7) {
        const Control kind = below(2) == 0 ? Control::kPing : Control::kPong;
        queue.want(kind);
        model.want(kind);
      } else {
        Batch batch;
        queue.gather(batch, maker);
        const std::string pong = frame(4, std::to_string(maker.made()));
        const std::size_t size = below(3) == 0 ? batch.size() : below(batch.size() + 1);
        if (step % 5 == 0 || batch.size() < 1'000) {
          const std::string expected = model.contents(pong);
          if (batch.count() < Batch::kMostSlices
                  ? bytes_of(batch) != expected
                  : bytes_of(batch) != expected.substr(0, batch.size())) {
            FAIL("round " << round << ", step " << step);
          }
        }
        queue.handle_written(batch, size);
        model.consume(size, pong);
      }
      if (queue.pending() != model.pending()) FAIL("round " << round << ", step " << step);
      if (queue.empty() != model.empty()) FAIL("round " << round << ", step " << step);
    }
  }
}

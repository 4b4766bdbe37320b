#include "messi/wire/buffer_pool.h"

#include <cstring>
#include <vector>

#include "test/catch.h"
#include "test/support/live_bytes.h"

using messi::test::allocations;
using messi::test::live_bytes;
using messi::wire::Buffer;
using messi::wire::BufferPool;
using messi::wire::Segment;

TEST_CASE("a buffer has the room that was asked for", "[wire]") {
  BufferPool pool;
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, BufferPool::kSmall, BufferPool::kSmall + 1,
        BufferPool::kLarge, BufferPool::kLarge + 1, std::size_t{1} << 24}) {
    Buffer* const buffer = pool.take(size);
    CHECK(buffer->used() == 0);
    CHECK(buffer->room() >= size);
    std::memset(buffer->extend(size), 'x', size);
    CHECK(buffer->used() == size);
    pool.release(buffer);
  }
}

TEST_CASE("what was given back is lent again, empty", "[wire]") {
  BufferPool pool;
  for (const std::size_t size : {BufferPool::kSmall, BufferPool::kLarge}) {
    Buffer* const first = pool.take(size);
    first->extend(100);
    pool.release(first);
    const std::size_t before = allocations();
    Buffer* const second = pool.take(size);
    CHECK(allocations() == before);
    CHECK(second == first);
    CHECK(second->used() == 0);
    pool.release(second);
  }
}

TEST_CASE("buffers of large frames are lent again to frames of about their size", "[wire]") {
  BufferPool pool;
  Buffer* const first = pool.take(300'000);
  Buffer* const other = pool.take(900'000);
  pool.release(first);
  pool.release(other);
  const std::size_t before = allocations();
  Buffer* const again = pool.take(280'000);
  CHECK(again == first);
  CHECK(again->used() == 0);
  Buffer* const smaller = pool.take(500'000);
  CHECK(smaller == other);
  CHECK(allocations() == before);
  pool.release(again);
  pool.release(smaller);

  Buffer* const small = pool.take(100'000);
  CHECK(small->capacity() == 100'000);
  Buffer* const larger = pool.take(1'000'000);
  CHECK(larger->capacity() == 1'000'000);
  pool.release(small);
  pool.release(larger);
}

TEST_CASE("of the buffers of large frames, those used last are kept", "[wire]") {
  BufferPool pool;
  Buffer* const forgotten = pool.take(600'000);
  Buffer* const kept = pool.take(700'000);
  Buffer* const last = pool.take(200'000);
  pool.release(forgotten);
  pool.release(kept);
  pool.release(last);
  const std::size_t before = allocations();
  Buffer* const small = pool.take(200'000);
  Buffer* const large = pool.take(600'000);
  CHECK(small == last);
  CHECK(large == kept);
  CHECK(allocations() == before);
  pool.release(small);
  pool.release(large);
}

TEST_CASE("a buffer goes back when its last holder releases it", "[wire]") {
  BufferPool pool;
  Buffer* const buffer = pool.take(10);
  BufferPool::hold(buffer);
  pool.release(buffer);
  Buffer* const other = pool.take(10);
  CHECK(other != buffer);
  pool.release(buffer);
  Buffer* const again = pool.take(10);
  CHECK(again == buffer);
  pool.release(other);
  pool.release(again);
}

TEST_CASE("a segment holds its buffer", "[wire]") {
  BufferPool pool;
  Buffer* const buffer = pool.take(10);
  Segment* const segment = pool.take_segment(buffer, 0, 10);
  pool.release(buffer);
  Buffer* const other = pool.take(10);
  CHECK(other != buffer);
  pool.release_segment(segment);
  CHECK(pool.take(10) == buffer);
  pool.release(buffer);
  pool.release(other);
}

TEST_CASE("a pool keeps a bounded number of buffers and segments", "[wire]") {
  constexpr std::size_t kBound = 11 * 1024 * 1024 / 4;
  std::vector<Buffer*> buffers;
  std::vector<Segment*> segments;
  segments.reserve(10'000);
  buffers.reserve(3'001);
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    for (int i = 0; i < 1000; ++i) {
      buffers.push_back(pool.take(BufferPool::kSmall));
      buffers.push_back(pool.take(BufferPool::kLarge));
      buffers.push_back(pool.take(100'000));
    }
    buffers.push_back(pool.take(std::size_t{10} << 20));
    for (int i = 0; i < 10'000; ++i) segments.push_back(pool.take_segment(buffers[0], 0, 0));
    CHECK(live_bytes() - before > 50 * kBound);

    for (Buffer* const buffer : buffers) pool.release(buffer);
    for (Segment* const segment : segments) pool.release_segment(segment);
    CHECK(live_bytes() - before < kBound);
  }
  CHECK(live_bytes() == before);
}

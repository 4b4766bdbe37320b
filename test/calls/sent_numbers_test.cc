#include "messi/wire/sent_numbers.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <random>

#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_queue.h"
#include "test/catch.h"

using messi::wire::Batch;
using messi::wire::BufferPool;
using messi::wire::Control;
using messi::wire::FrameQueue;
using messi::wire::FrameType;
using messi::wire::SentNumbers;

TEST_CASE("messages are numbered, however they leave the queue", "[wire]") {
  const auto seed = GENERATE(range(0U, 50U));
  std::mt19937 random(seed);
  const auto below = [&random](std::size_t most) { return random() % most; };
  BufferPool pool;
  FrameQueue queue(pool);
  SentNumbers numbers;
  std::uint64_t sent = 0;
  const auto add = [&](FrameType type, std::size_t size) {
    std::uint8_t* const frame = queue.reserve(messi::wire::kHeaderSize + size);
    std::memset(messi::wire::write_header(frame, type, size), 0, size);
    queue.commit(messi::wire::kHeaderSize + size);
  };
  add(FrameType::kWelcome, 72);
  numbers.begin(queue);
  for (int step = 0; step < 300; ++step) {
    switch (below(6)) {
      case 0:
      case 1:
        add(below(2) == 0 ? FrameType::kServerToClient : FrameType::kCall, below(200));
        ++sent;
        break;
      case 2:
        add(FrameType::kServerToClient, 60'000 + below(20'000));
        ++sent;
        break;
      case 3:
        add(FrameType::kClose, 24);
        break;
      case 4:
        queue.want(Control::kPong);
        break;
      default:
        if (queue.empty()) break;
        Batch batch;
        queue.gather(batch, [](Control /*kind*/, std::uint8_t* out) {
          return messi::wire::write_header(out, FrameType::kPong, 0);
        });
        numbers.last(queue);
        queue.handle_written(batch, below(4) == 0 ? batch.size() : below(batch.size() + 1));
        numbers.handle_taken(queue);
    }
    if (below(3) == 0) CHECK(numbers.last(queue) == sent);
  }
  CHECK(numbers.last(queue) == sent);
}

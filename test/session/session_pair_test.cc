// Two sessions over a stream of bytes that is cut anywhere, again and again: whatever happens, what
// one side dispatches is what the other has sent, in order and once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>

#include "messi/base/time.h"
#include "messi/session/session.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"
#include "test/catch.h"
#include "test/support/bytes.h"

using messi::TimePoint;
using messi::test::pattern;
using messi::wire::Batch;
using messi::wire::BufferPool;
using messi::wire::Control;
using messi::wire::Frame;
using messi::wire::FrameDecoder;
using messi::wire::FrameQueue;
using messi::wire::FrameType;
using messi::wire::Next;
using messi::wire::OutboxSettings;
using messi::wire::SharedFrames;

namespace {

constexpr std::size_t kMega = 1024 * 1024;

/// The payload of message `number`: its size and its bytes follow from that.
std::string message(std::uint64_t number, unsigned salt) {
  const auto seed = static_cast<unsigned>(number * 2 + salt);
  const std::size_t size = number % 97 == 0 ? 100'000 : number % 7 == 0 ? 3000 : number % 50;
  return pattern(size, seed);
}

/// One side: a session, and the connection that carries it, if there is one.
class Side : public messi::session::Session {
 public:
  Side(const OutboxSettings& settings, BufferPool& pool, unsigned salt, unsigned peers_salt)
      : Session(settings, pool),
        pool_(pool),
        shared_(settings, pool),
        salt_(salt),
        peers_salt_(peers_salt) {}

  void send_one(bool broadcast) {
    const std::string payload = message(++sent_, salt_);
    if (broadcast) {
      if (!shared_.has_room(payload.size())) handle_buffer_full(shared_.buffer());
      std::memcpy(shared_.reserve(payload.size()), payload.data(), payload.size());
      REQUIRE(send(shared_.commit(payload.size())) == messi::wire::Accepted::kYes);
    } else {
      std::uint8_t* const out = reserve(payload.size());
      REQUIRE(out != nullptr);
      std::memcpy(out, payload.data(), payload.size());
      commit(payload.size());
    }
  }

  void connect(std::uint64_t peers_rx) {
    link_ = std::make_unique<FrameQueue>(pool_);
    decoder_ = std::make_unique<FrameDecoder>(pool_, kMega);
    REQUIRE(attach({peers_rx, kMega, kMega}));
    link_->want(Control::kAck);
  }
  void disconnect() {
    detach(*link_);
    link_.reset();
    decoder_.reset();
  }

  /// Writes at most `size` bytes.
  std::string write(std::size_t size) {
    if (wants_ack(TimePoint(), has_more())) link_->want(Control::kAck);
    std::string bytes;
    while (bytes.size() < size) {
      if (link_->pending() == 0) hand_over(*link_);
      if (link_->empty()) break;
      Batch batch;
      link_->gather(batch, [this](Control kind, std::uint8_t* out) {
        REQUIRE(kind == Control::kAck);
        return messi::wire::write_ack(out, make_ack(*link_));
      });
      std::size_t left = std::min(batch.size(), size - bytes.size());
      const std::size_t taken = left;
      for (std::size_t i = 0; i < batch.count() && left > 0; ++i) {
        const std::size_t part = std::min(left, batch.slices()[i].size);
        bytes.append(batch.slices()[i].data, part);
        left -= part;
      }
      link_->handle_written(batch, taken);
    }
    return bytes;
  }

  void read(std::string_view bytes) {
    decoder_->decode(bytes, [this](const Frame& frame) {
      if (frame.type == FrameType::kAck) {
        const auto ack = messi::wire::read_ack(frame.payload);
        REQUIRE(ack);
        REQUIRE(handle_ack(*ack, *link_));
      } else {
        handle_dispatched(frame.payload.size());
        if (frame.payload != message(rx(), peers_salt_)) FAIL("not the message that was sent");
      }
      return Next::kGoOn;
    });
  }

  std::uint64_t sent() const { return sent_; }

 private:
  void write_early() override {}
  void handle_refused(messi::wire::Accepted /*why*/) override { FAIL("not accepted"); }

  BufferPool& pool_;
  SharedFrames shared_;
  const unsigned salt_;
  const unsigned peers_salt_;
  std::uint64_t sent_ = 0;
  std::unique_ptr<FrameQueue> link_;
  std::unique_ptr<FrameDecoder> decoder_;
};

}  // namespace

TEST_CASE("whatever is cut, each message is dispatched once and in order", "[session]") {
  BufferPool pool;
  const OutboxSettings settings{FrameType::kClientToServer, kMega, 1024 * kMega};
  std::uint64_t dispatched = 0;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random(seed);
    const auto below = [&](std::size_t most) { return random() % most; };
    Side sides[2] = {{settings, pool, 0, 1}, {settings, pool, 1, 0}};
    std::string pipes[2];  // from the side of the same number
    const auto connect = [&] {
      sides[0].connect(sides[1].rx());
      sides[1].connect(sides[0].rx());
    };
    connect();
    for (int step = 0; step < 3000; ++step) {
      const std::size_t i = below(2);
      switch (below(8)) {
        case 0:
        case 1:
        case 2:
          sides[i].send_one(below(3) == 0);
          break;
        case 3:
        case 4:
          pipes[i] += sides[i].write(below(4) == 0 ? below(100'000) : below(300));
          break;
        case 5:
        case 6: {
          const std::size_t size = std::min(pipes[i].size(), below(below(4) == 0 ? 100'000 : 300));
          sides[1 - i].read(std::string_view(pipes[i]).substr(0, size));
          pipes[i].erase(0, size);
          break;
        }
        default:
          if (below(4) != 0) break;
          for (std::size_t each = 0; each < 2; ++each) {
            sides[each].disconnect();
            pipes[each].clear();
            if (below(2) == 0) sides[each].send_one(below(3) == 0);
          }
          connect();
      }
      for (std::size_t each = 0; each < 2; ++each) {
        const Side& to = sides[1 - each];
        REQUIRE(sides[each].acknowledged() <= to.rx());
        REQUIRE(to.rx() <= sides[each].sent());
      }
      if (step % 100 == 0) REQUIRE(sides[i].last_accepted() == sides[i].sent());
    }
    for (int round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < 2; ++i) sides[1 - i].read(sides[i].write(SIZE_MAX));
    }
    for (std::size_t i = 0; i < 2; ++i) {
      CHECK(sides[1 - i].rx() == sides[i].sent());
      CHECK(sides[i].last_accepted() == sides[i].sent());
      dispatched += sides[i].sent();
    }
  }
  CHECK(settings.pending < 100 * kMega);
  CHECK(dispatched > 100'000);
}

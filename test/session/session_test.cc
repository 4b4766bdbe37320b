#include "messi/session/session.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_queue.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"

using messi::TimePoint;
using messi::test::frame;
using messi::test::live_bytes;
using messi::test::pattern;
using messi::wire::Accepted;
using messi::wire::Ack;
using messi::wire::Batch;
using messi::wire::BufferPool;
using messi::wire::Control;
using messi::wire::FrameQueue;
using messi::wire::FrameType;
using messi::wire::OutboxSettings;
using messi::wire::SharedFrames;

namespace {

constexpr std::uint32_t kMega = 1024 * 1024;

class TestSession : public messi::session::Session {
 public:
  using Session::Session;

  bool send(const std::string& payload) {
    std::uint8_t* const out = reserve(payload.size());
    if (out == nullptr) return false;
    std::memcpy(out, payload.data(), payload.size());
    commit(payload.size());
    return true;
  }

  std::optional<Accepted> refused;
  int early_writes = 0;

 private:
  void write_early() override { ++early_writes; }
  void handle_refused(Accepted why) override { refused = why; }
};

struct Fixture {
  BufferPool pool;
  OutboxSettings settings{FrameType::kClientToServer, kMega, 4 * kMega};
  TestSession session{settings, pool};
  FrameQueue link{pool};

  /// All that the link has to write, or its first `size` bytes.
  std::string written(std::size_t size = SIZE_MAX) {
    std::string bytes;
    while (bytes.size() < size && !link.empty()) {
      Batch batch;
      link.gather(batch, [this](Control kind, std::uint8_t* out) {
        REQUIRE(kind == Control::kAck);
        return messi::wire::write_ack(out, session.make_ack(link));
      });
      const std::size_t taken = std::min(batch.size(), size - bytes.size());
      std::size_t left = taken;
      for (std::size_t i = 0; i < batch.count() && left > 0; ++i) {
        const std::size_t part = std::min(left, batch.slices()[i].size);
        bytes.append(batch.slices()[i].data, part);
        left -= part;
      }
      link.handle_written(batch, taken);
    }
    return bytes;
  }
};

std::string message(const std::string& payload) { return frame(1, payload); }

std::vector<std::pair<std::uint64_t, std::string>> kept(const messi::session::Session& session) {
  std::vector<std::pair<std::uint64_t, std::string>> messages;
  for (const auto& each : session.kept()) messages.emplace_back(each.number, each.payload);
  return messages;
}

std::string ack(std::uint64_t rx, std::uint64_t tx) {
  std::string bytes(20, '\0');
  messi::wire::write_ack(reinterpret_cast<std::uint8_t*>(bytes.data()), {rx, tx});
  return bytes;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a session keeps what was sent until it is acknowledged", "[session]") {
  for (const char* const text : {"one", "two", "three"}) REQUIRE(session.send(text));
  CHECK(session.unacknowledged() == 3);
  CHECK(session.kept_bytes() == 4 * 3 + 11);
  CHECK(settings.pending == session.kept_bytes());
  REQUIRE(session.attach({0, kMega, kMega}));
  CHECK(session.has_more());
  CHECK(session.hand_over(link));
  CHECK_FALSE(session.hand_over(link));
  CHECK_FALSE(session.has_more());
  CHECK(written() == message("one") + message("two") + message("three"));
  CHECK(session.kept_bytes() == 4 * 3 + 11);

  CHECK(session.handle_ack({2, 0}, link));
  CHECK(session.acknowledged() == 2);
  CHECK(session.last_accepted() == 3);
  CHECK(kept(session) == std::vector<std::pair<std::uint64_t, std::string>>{{3, "three"}});
  CHECK(settings.pending == 4 + 5);
  CHECK(session.handle_ack({3, 0}, link));
  CHECK(session.all_acknowledged());
  CHECK(session.kept().empty());
  CHECK(settings.pending == 0);
}

TEST_CASE_METHOD(Fixture, "on another connection goes on what the peer does not have",
                 "[session]") {
  for (const char* const text : {"1", "2", "3", "4"}) REQUIRE(session.send(text));
  REQUIRE(session.attach({0, kMega, kMega}));
  session.hand_over(link);
  CHECK(written() == message("1") + message("2") + message("3") + message("4"));
  CHECK(session.handle_ack({1, 0}, link));
  session.detach(link);
  REQUIRE(session.send("5"));
  CHECK(session.last_accepted() == 5);
  REQUIRE(session.attach({3, kMega, kMega}));
  CHECK(session.unacknowledged() == 2);
  session.hand_over(link);
  CHECK(written() == message("4") + message("5"));
  CHECK(session.handed() == 5);
}

TEST_CASE_METHOD(Fixture, "a peer may acknowledge only what was written and not less than before",
                 "[session]") {
  for (const char* const text : {"1", "2", "3", "4"}) REQUIRE(session.send(text));
  REQUIRE(session.attach({0, kMega, kMega}));
  session.hand_over(link);
  CHECK_FALSE(session.handle_ack({1, 0}, link));
  CHECK(written(9) == (message("1") + message("2")).substr(0, 9));
  CHECK_FALSE(session.handle_ack({2, 0}, link));
  CHECK(session.handle_ack({1, 0}, link));
  CHECK(session.handle_ack({1, 0}, link));
  CHECK_FALSE(session.handle_ack({0, 0}, link));
  session.detach(link);
  link.clear();
  CHECK_FALSE(session.attach({0, kMega, kMega}));
  CHECK_FALSE(session.attach({2, kMega, kMega}));
  CHECK_FALSE(session.handle_last_rx(2));
  CHECK(session.attach({1, kMega, kMega}));
  session.hand_over(link);
  CHECK(written() == message("2") + message("3") + message("4"));
  CHECK(session.handle_ack({4, 0}, link));
}

TEST_CASE_METHOD(Fixture, "all that was written may be acknowledged while other frames wait",
                 "[session]") {
  for (const char* const text : {"1", "2", "3"}) REQUIRE(session.send(text));
  REQUIRE(session.attach({0, kMega, kMega}));
  session.hand_over(link);
  std::memcpy(link.reserve(4), frame(4, "").data(), 4);
  link.commit(4);
  CHECK(written(12) == (message("1") + message("2") + message("3")).substr(0, 12));
  CHECK_FALSE(session.handle_ack({3, 0}, link));
  CHECK(session.handle_ack({2, 0}, link));
  CHECK(session.handle_ack({2, 0}, link));
  CHECK(written(3) == message("3").substr(2));
  CHECK_FALSE(session.handle_ack({4, 0}, link));
  CHECK(session.handle_ack({3, 0}, link));
  CHECK(written() == frame(4, ""));
  CHECK(session.all_acknowledged());
}

TEST_CASE_METHOD(Fixture, "however it comes about, all numbers are right", "[session]") {
  std::mt19937 random(14);
  const auto below = [&random](std::size_t n) { return std::size_t{random()} % n; };
  for (int connection = 0; connection < 20; ++connection) {
    std::uint64_t sent = session.last_accepted();
    std::uint64_t handled = session.acknowledged() + below(session.unacknowledged() + 1);
    handled = std::min(handled, std::max(session.written(), session.acknowledged()));
    REQUIRE(session.attach({handled, kMega, kMega}));
    std::string cut;  // of the last message that was written
    for (int step = 0; step < 200; ++step) {
      const std::size_t times = 1 + below(20);
      const std::size_t size = below(3) == 0 ? below(20'000) : below(30);
      for (std::size_t i = 0; i < times; ++i) sent += session.send(pattern(size)) ? 1 : 0;
      if (below(3) == 0) session.hand_over(link);
      cut += written(below(100'000));
      std::size_t at = 0;
      while (cut.size() - at >= 4 && cut.size() - at >= messi::wire::frame_size(&cut[at])) {
        at += messi::wire::frame_size(&cut[at]);
        ++handled;
      }
      cut.erase(0, at);
      if (below(2) == 0) CHECK(session.handed() >= handled);
      CHECK_FALSE(session.handle_ack({handled + 1, 0}, link));
      if (below(2) == 0) {
        const std::uint64_t open = handled - session.acknowledged();
        const std::uint64_t rx = handled - below(open + 1);
        REQUIRE(session.handle_ack({rx, 0}, link));
        CHECK(session.acknowledged() == rx);
      }
      if (below(2) == 0) CHECK(session.last_accepted() == sent);
    }
    session.detach(link);
    CHECK(session.written() == handled);
    CHECK(kept(session).size() == session.unacknowledged());
    link.clear();
  }
}

TEST_CASE_METHOD(Fixture, "an ACK says the number of the last message before it", "[session]") {
  for (const char* const text : {"1", "2", "3"}) REQUIRE(session.send(text));
  REQUIRE(session.attach({0, kMega, kMega}));
  session.handle_dispatched(1);
  session.handle_dispatched(1);
  session.hand_over(link);
  link.want(Control::kAck);
  SECTION("ahead of all") {
    CHECK(written() == ack(2, 0) + message("1") + message("2") + message("3"));
  }
  SECTION("behind one that is partly written") {
    FrameQueue& queue = link;
    queue.want(Control::kAck);
    CHECK(written(20) == ack(2, 0));
    CHECK(written(7) == (message("1") + message("2")).substr(0, 7));
    queue.want(Control::kAck);
    CHECK(written() == message("2").substr(2) + ack(2, 2) + message("3"));
  }
  SECTION("the rest of an ACK is no message") {
    CHECK(written(9) == ack(2, 0).substr(0, 9));
    CHECK(session.handle_ack({0, 2}, link));
    CHECK_FALSE(session.handle_ack({1, 2}, link));
    link.want(Control::kAck);
    CHECK(written(11 + 20) == ack(2, 0).substr(9) + ack(2, 0));
    CHECK(written(8) == message("1") + message("2").substr(0, 3));
    CHECK(session.handle_ack({1, 2}, link));
  }
}

TEST_CASE_METHOD(Fixture, "the peer's count of what it wrote must be ours", "[session]") {
  REQUIRE(session.attach({0, kMega, kMega}));
  session.handle_dispatched(5);
  CHECK_FALSE(session.handle_ack({0, 0}, link));
  CHECK_FALSE(session.handle_ack({0, 2}, link));
  CHECK(session.handle_ack({0, 1}, link));
  session.stop_dispatching();
  CHECK(session.handle_ack({0, 7}, link));
}

TEST_CASE_METHOD(Fixture, "the bound is for what is kept, and an empty session takes any message",
                 "[session]") {
  OutboxSettings small{FrameType::kClientToServer, 1000, 100};
  TestSession full(small, pool);
  CHECK(full.send(pattern(500)));
  CHECK_FALSE(full.send("x"));
  CHECK(full.refused == Accepted::kFull);
  CHECK_FALSE(full.send(pattern(1001)));
  CHECK(full.refused == Accepted::kTooBig);
  CHECK(full.unacknowledged() == 1);
  CHECK_FALSE(full.poll_writable());
  REQUIRE(full.attach({0, kMega, kMega}));
  full.hand_over(link);
  written();
  CHECK(full.handle_ack({1, 0}, link));
  CHECK(full.poll_writable());
  CHECK_FALSE(full.poll_writable());
  CHECK(full.send("x"));
}

TEST_CASE_METHOD(Fixture, "what was not accepted fits when there is room again", "[session]") {
  OutboxSettings small{FrameType::kClientToServer, 1000, 1000};
  TestSession full(small, pool);
  REQUIRE(full.attach({0, kMega, kMega}));
  SECTION("a large message, while little is kept") {
    REQUIRE(full.send(pattern(300)));
    REQUIRE(full.send(pattern(10)));
    CHECK_FALSE(full.send(pattern(690)));
    CHECK_FALSE(full.poll_writable());
    full.hand_over(link);
    written();
    REQUIRE(full.handle_ack({1, 0}, link));
    CHECK(full.poll_writable());
    CHECK(full.send(pattern(690)));
  }
  SECTION("also if it is acknowledged before anybody looks") {
    REQUIRE(full.send(pattern(900)));
    full.hand_over(link);
    written();
    REQUIRE(full.handle_ack({1, 0}, link));
    CHECK(full.poll_writable());
  }
}

TEST_CASE_METHOD(Fixture, "a message that is larger than the peer accepts is not handed over",
                 "[session]") {
  REQUIRE(session.send("123"));
  REQUIRE(session.send("1234"));
  REQUIRE(session.attach({0, kMega, 3}));
  CHECK(session.most_payload() == 3);
  CHECK(session.hand_over(link));
  CHECK(session.exceeds_limit());
  CHECK_FALSE(session.hand_over(link));
  CHECK(written() == message("123"));
  session.detach(link);
  REQUIRE(session.attach({1, kMega, 4}));
  CHECK(session.hand_over(link));
  CHECK_FALSE(session.exceeds_limit());
}

TEST_CASE_METHOD(Fixture, "messages are handed over 256 KiB at a time, or a buffer more",
                 "[session]") {
  for (int i = 0; i < 1000; ++i) REQUIRE(session.send(pattern(1020)));
  REQUIRE(session.attach({0, kMega, kMega}));
  std::size_t total = 0;
  while (session.hand_over(link)) {
    const std::size_t size = written().size();
    CHECK(size >= (session.has_more() ? 256 * 1024 : 1));
    CHECK(size < 256 * 1024 + BufferPool::kLarge);
    total += size;
  }
  CHECK(total == 1000 * 1024);
}

TEST_CASE_METHOD(Fixture, "when much is sent in one turn it may be written in between",
                 "[session]") {
  for (int i = 0; i < 65; ++i) REQUIRE(session.send(pattern(1020)));
  CHECK(session.early_writes == 0);
  REQUIRE(session.attach({0, kMega, kMega}));
  REQUIRE(session.send("x"));
  CHECK(session.early_writes == 1);
  while (session.hand_over(link)) {
  }
  REQUIRE(session.send("x"));
  CHECK(session.early_writes == 1);
}

TEST_CASE(
    "many detached sessions that keep a few bytes of each of many broadcasts do not hold "
    "their buffers",
    "[session]") {
  BufferPool pool;
  const OutboxSettings settings{FrameType::kServerToClient, kMega, 4 * kMega};
  std::vector<std::unique_ptr<TestSession>> all;
  for (int i = 0; i < 1000; ++i) all.push_back(std::make_unique<TestSession>(settings, pool));
  SharedFrames shared(settings, pool);
  const std::size_t before = live_bytes();
  // Each session gets one of ten broadcasts, so that of each buffer it keeps a tenth.
  const std::string payload = pattern(1000);
  std::size_t sent = 0;
  for (std::size_t i = 0; i < 2000; ++i) {
    if (!shared.has_room(payload.size())) {
      for (const auto& session : all) session->handle_buffer_full(shared.buffer());
    }
    std::memcpy(shared.reserve(payload.size()), payload.data(), payload.size());
    const auto frame = shared.commit(payload.size());
    for (std::size_t j = i % 10; j < all.size(); j += 10) {
      REQUIRE(static_cast<messi::wire::Outbox&>(*all[j]).send(frame) == Accepted::kYes);
      ++sent;
    }
  }
  const std::size_t grown = live_bytes() - before;
  const std::size_t kept_bytes = sent * (payload.size() + 4);
  CHECK(settings.pending == kept_bytes);
  CHECK(grown < 2 * kept_bytes + 2 * all.size() * BufferPool::kLarge);
}

TEST_CASE_METHOD(Fixture, "who asks is told what would be accepted, and nothing is refused",
                 "[session]") {
  settings.max_pending_bytes = 1'000;
  CHECK(session.ask(kMega) == Accepted::kYes);  // alone
  CHECK(session.ask(kMega + 1) == Accepted::kTooBig);
  REQUIRE(session.send(std::string(990, 'x')));
  CHECK(session.ask(2) == Accepted::kYes);
  CHECK(session.ask(3) == Accepted::kFull);
  REQUIRE(session.attach({0, kMega, 500}));
  CHECK(session.ask(500) == Accepted::kFull);
  CHECK(session.ask(501) == Accepted::kTooBig);  // for the peer
  CHECK_FALSE(session.refused);
}

#include "messi/session/owed_ack.h"

#include <chrono>

#include "messi/base/time.h"
#include "test/catch.h"

using messi::TimePoint;
using messi::session::OwedAck;
using std::chrono::milliseconds;

namespace {

constexpr TimePoint kStart = TimePoint() + std::chrono::hours(1);

/// How many messages of 32 bytes, which cost 100, make it due.
int messages_until_due(std::size_t retain, bool something_is_written) {
  OwedAck ack;
  ack.set_peer_retain(retain);
  int count = 0;
  while (!ack.due(kStart, something_is_written)) {
    ack.add(32);
    ack.begin_wait(kStart);
    ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("an ACK is due when what was handled costs a quarter of what the peer keeps, or 256 KiB",
          "[session]") {
  CHECK(messages_until_due(40'000, false) == 100);
  CHECK(messages_until_due(1 << 30, false) == 2622);
  CHECK(messages_until_due(0, false) == 1);
}

TEST_CASE("an ACK goes with other output when a quarter of that is owed", "[session]") {
  CHECK(messages_until_due(40'000, true) == 25);
  CHECK(messages_until_due(1 << 30, true) == 656);
}

TEST_CASE("an ACK is due 200 ms after the first message, with other output after 50 ms",
          "[session]") {
  OwedAck ack;
  CHECK_FALSE(ack.owed());
  CHECK(ack.deadline() == TimePoint::max());
  CHECK_FALSE(ack.due(kStart, true));
  ack.add(1);
  ack.begin_wait(kStart);
  ack.add(1);
  ack.begin_wait(kStart + milliseconds(100));
  CHECK(ack.deadline() == kStart + milliseconds(200));
  CHECK_FALSE(ack.due(kStart + milliseconds(199), false));
  CHECK(ack.due(kStart + milliseconds(200), false));
  CHECK_FALSE(ack.due(kStart + milliseconds(49), true));
  CHECK(ack.due(kStart + milliseconds(50), true));
  ack.clear();
  CHECK_FALSE(ack.due(kStart + milliseconds(200), false));
  CHECK(ack.deadline() == TimePoint::max());
}

#include "messi/connection/keepalive.h"

#include <chrono>

#include "test/catch.h"

using messi::TimePoint;
using messi::connection::Keepalive;
using messi::connection::KeepaliveSettings;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint kStart{1h};
constexpr KeepaliveSettings kClient{2s, 4s};
constexpr KeepaliveSettings kServer{0s, 3s};

}  // namespace

TEST_CASE("the first ping is due at once, and then one per interval", "[session]") {
  Keepalive keepalive(kStart);
  CHECK(keepalive.poll_ping(kClient, kStart));
  CHECK_FALSE(keepalive.poll_ping(kClient, kStart));
  CHECK_FALSE(keepalive.poll_ping(kClient, kStart + 1999ms));
  CHECK(keepalive.poll_ping(kClient, kStart + 2s));
  CHECK_FALSE(keepalive.poll_ping(kClient, kStart + 3s));
  CHECK(keepalive.poll_ping(kClient, kStart + 5s));
}

TEST_CASE("who has slept pings once, not once per interval missed", "[session]") {
  Keepalive keepalive(kStart);
  CHECK(keepalive.poll_ping(kClient, kStart + 1h));
  CHECK_FALSE(keepalive.poll_ping(kClient, kStart + 1h));
}

TEST_CASE("without an interval there are no pings", "[session]") {
  Keepalive keepalive(kStart);
  CHECK_FALSE(keepalive.poll_ping(kServer, kStart));
  CHECK_FALSE(keepalive.poll_ping(kServer, kStart + 1h));
}

TEST_CASE("a peer is given up when it was silent for the limit", "[session]") {
  Keepalive keepalive(kStart);
  CHECK_FALSE(keepalive.timed_out(kServer, kStart + 3s - 1ns));
  CHECK(keepalive.timed_out(kServer, kStart + 3s));
  keepalive.handle_received(kStart + 2s);
  CHECK_FALSE(keepalive.timed_out(kServer, kStart + 5s - 1ns));
  CHECK(keepalive.timed_out(kServer, kStart + 5s));
}

TEST_CASE("the deadline is the next thing that is due", "[session]") {
  Keepalive client(kStart);
  CHECK(client.deadline(kClient) == kStart);
  client.poll_ping(kClient, kStart);
  CHECK(client.deadline(kClient) == kStart + 2s);
  client.poll_ping(kClient, kStart + 2s);
  CHECK(client.deadline(kClient) == kStart + 4s);
  client.poll_ping(kClient, kStart + 4s);
  CHECK(client.deadline(kClient) == kStart + 4s);  // the silence limit is nearer than the next ping

  Keepalive server(kStart);
  CHECK(server.deadline(kServer) == kStart + 3s);
  server.handle_received(kStart + 1s);
  CHECK(server.deadline(kServer) == kStart + 4s);
}

TEST_CASE("the longest durations are for ever", "[session]") {
  constexpr messi::Duration kForEver = messi::Duration::max();
  CHECK(messi::deadline_after(kStart, kForEver) == TimePoint::max());
  CHECK(messi::deadline_after(TimePoint(), kForEver) == TimePoint::max());
  CHECK(messi::deadline_after(kStart, 1ns) == kStart + 1ns);
  CHECK(messi::deadline_after(kStart, -1s) == kStart - 1s);
  constexpr KeepaliveSettings kPatient{kForEver, kForEver};
  Keepalive keepalive(kStart);
  CHECK(keepalive.poll_ping(kPatient, kStart));
  CHECK_FALSE(keepalive.poll_ping(kPatient, kStart + 24h));
  CHECK_FALSE(keepalive.timed_out(kPatient, kStart + 24h));
  CHECK(keepalive.deadline(kPatient) == TimePoint::max());
}

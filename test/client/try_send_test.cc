// A message that try_send does not accept ends no connection.

#include <chrono>
#include <string>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "strict.messi.h"
#include "test/catch.h"
#include "test/support/chat.h"

using messi::SendResult;
using messi::test::Client;
using messi::test::from_client;
using messi::test::Log;
using messi::test::message;
using messi::test::message_of;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;

TEST_CASE("try_send says whether there is a connection", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  Client client(loop);
  CHECK(client.try_send(message("not started")) == SendResult::kNotConnected);
  client.start();
  CHECK(client.try_send(message("not connected")) == SendResult::kNotConnected);
  loop.run_until_idle();
  server.last().take_received();
  CHECK(client.try_send(message("hello")) == SendResult::kOk);
  CHECK(client.try_send_message_ind(message("again")) == SendResult::kOk);
  loop.run_until_idle();
  CHECK(server.last().take_received() ==
        from_client(message("hello")) + from_client(message("again")));
  client.stop();
  CHECK(client.try_send(message("stopped")) == SendResult::kNotConnected);
}

TEST_CASE("try_send refuses what is too big or cannot be encoded, and the connection goes on",
          "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.max_payload_size = 1'000;
  Client client(loop, "tcp://localhost:6000", options);
  strict::StrictClient strict(loop, "tcp://localhost:6000");
  client.start();
  loop.run_until_idle();
  auto& at_server = server.last();
  strict.start();
  loop.run_until_idle();
  at_server.take_received();
  CHECK(client.try_send(message_of(1'000)) == SendResult::kTooBig);
  CHECK(client.try_send(message_of(100'000)) == SendResult::kTooBig);
  CHECK(client.try_send(message("caf\xe9")) == SendResult::kInvalid);
  CHECK(strict.try_send(strict::Order()) == SendResult::kInvalid);
  CHECK(client.try_send(message("fine")) == SendResult::kOk);
  loop.run_until_idle();
  CHECK(at_server.received() == from_client(message("fine")));
  CHECK(client.log == Log{"connected"});
  CHECK(strict.connected());
}

TEST_CASE("who tries until it is full, and goes on in on_writable, loses nothing", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.max_pending_bytes = 10'000;
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  server.last().take_received();
  loop.network().faults.capacity = 1'000;

  const auto numbered = [](int i) {
    return message(std::to_string(1'000 + i) + std::string(300, '.'));
  };
  std::string expected;
  int sent = 0;
  int full = 0;
  const auto go_on = [&] {
    for (; sent < 200; ++sent) {
      const SendResult result = client.try_send(numbered(sent));
      full += result == SendResult::kFull ? 1 : 0;
      if (result != SendResult::kOk) return;
      expected += from_client(numbered(sent));
    }
  };
  client.then = [&](const std::string& line) {
    if (line == "writable") go_on();
  };
  loop.network().faults.stalled = true;
  go_on();
  loop.run_until_idle();
  CHECK(full == 1);
  CHECK(client.pending_bytes() <= 10'000);
  loop.network().faults.stalled = false;
  loop.run_until_idle();
  CHECK(sent == 200);
  CHECK(client.count("disconnected") == 0);
  CHECK((server.last().received() == expected));
}

TEST_CASE("after a message that did not fit on_writable comes, however little waited", "[client]") {
  ManualLoop loop;
  RawServer server(loop, "tcp://:6000");
  messi::ClientOptions options;
  options.max_pending_bytes = 10'000;
  Client client(loop, "tcp://localhost:6000", options);
  client.start();
  loop.run_until_idle();
  loop.network().faults.capacity = 1'000;
  loop.network().faults.stalled = true;
  REQUIRE(client.try_send(message_of(3'000)) == SendResult::kOk);
  REQUIRE(client.try_send(message_of(9'000)) == SendResult::kFull);
  loop.run_until_idle();
  CHECK(client.count("writable") == 0);  // it would not fit yet
  SendResult again = SendResult::kFull;
  client.then = [&](const std::string& line) {
    if (line == "writable" && again == SendResult::kFull) {
      again = client.try_send(message_of(9'000));
    }
  };
  loop.network().faults.stalled = false;
  loop.run_until_idle();
  CHECK(client.count("writable") >= 1);
  CHECK(again == SendResult::kOk);
}

// What a server bounds of what waits for its clients: all together, and broadcasts for each.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::SlowReader;
using messi::test::Client;
using messi::test::frames_of;
using messi::test::from_client;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::live_bytes;
using messi::test::Log;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A server of which some clients read and some do not.
struct Hall {
  explicit Hall(messi::ServerOptions options, std::size_t count = 1)
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    loop.network().faults.capacity = 1'000;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    }
    loop.run_until_idle();
  }

  RawClient& client(std::uint64_t id) { return *clients[id - 1]; }
  Server::Client& at(std::uint64_t id) { return *server.find_client(id); }
  void read(std::uint64_t id, bool wanted) { client(id)->want_input(wanted); }
  void send(std::uint64_t id, std::size_t size) {
    at(id).send(message(std::string(size, 'x')));
    loop.run_until_idle();
  }
  void broadcast(const std::string& text) {
    server.broadcast(message(text));
    loop.run_until_idle();
  }
  /// The texts that a client has got since the last call; "welcome" is a message of another kind.
  std::vector<std::string> texts(std::uint64_t id) {
    std::vector<std::string> result;
    for (const auto& frame : frames_of(client(id)->take_received())) {
      if (frame.type != 2) continue;
      const std::string text = messi::test::text_in(frame.payload);
      result.push_back(text.substr(0, text.find(' ')));
    }
    return result;
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> clients;
};

std::string numbered(int number, std::size_t size = 1'000) {
  std::string text = std::to_string(number) + " ";
  return text + std::string(size - text.size(), 'x');
}

messi::ServerOptions with(SlowReader policy, std::size_t max_pending_bytes = 100'000) {
  messi::ServerOptions options;
  options.slow_reader = policy;
  options.max_pending_bytes = max_pending_bytes;
  options.client_timeout = messi::Duration::max();
  return options;
}

}  // namespace

TEST_CASE("when too much waits for all together, the one for whom most waits goes", "[server]") {
  messi::ServerOptions options = with(SlowReader::kDisconnect);
  options.max_total_pending_bytes = 100'000;
  Hall hall(options, 4);
  for (std::uint64_t id = 1; id <= 3; ++id) hall.read(id, false);
  hall.send(1, 30'000);
  hall.send(2, 50'000);
  hall.send(3, 20'000);
  CHECK(hall.server.client_count() == 4);
  // Not the one that is sent to, and not one that reads.
  hall.send(4, 20'000);
  CHECK(hall.server.count("") == 4);
  hall.send(1, 10'000);
  hall.send(3, 1'000);
  CHECK(hall.server.log.back() == "2 disconnected: Too much queued.");
  CHECK(hall.server.client_count() == 3);
  hall.send(3, 60'000);
  hall.send(1, 100);
  CHECK(hall.server.log.back() == "3 disconnected: Too much queued.");
  CHECK(hall.server.client_count() == 2);
  hall.send(4, 100);
  CHECK(hall.texts(4).size() == 2);
}

TEST_CASE("the client that is sent to may be the one that goes", "[server]") {
  messi::ServerOptions options = with(SlowReader::kDisconnect, 1'000'000);
  options.max_total_pending_bytes = 100'000;
  Hall hall(options);
  hall.read(1, false);
  Server::Client& client = hall.at(1);
  for (int i = 0; i < 20; ++i) client.send(message(std::string(10'000, 'x')));
  CHECK_FALSE(client.connected());
  CHECK(client.pending_bytes() == 0);
  hall.loop.run_until_idle();
  CHECK(hall.server.log == Log{"1 connected", "1 disconnected: Too much queued."});
}

TEST_CASE("what waits for clients that are being disconnected is in the total", "[server]") {
  messi::ServerOptions options = with(SlowReader::kDisconnect);
  options.max_total_pending_bytes = 100'000;
  Hall hall(options, 2);
  hall.read(1, false);
  hall.read(2, false);
  hall.send(1, 90'000);
  hall.at(1).disconnect();
  hall.loop.run_until_idle();
  hall.send(2, 20'000);
  hall.send(2, 1'000);
  CHECK(hall.server.log.back() == "1 disconnected: Disconnected.");
  CHECK(hall.server.client_count() == 1);
}

TEST_CASE("a broadcast counts for each client, and never exceeds the total", "[server]") {
  messi::ServerOptions options = with(SlowReader::kDisconnect, 1'000'000);
  options.max_total_pending_bytes = 500'000;
  Hall hall(options, 100);
  for (std::uint64_t id = 1; id <= 100; ++id) hall.read(id, false);
  for (int i = 0; i < 1'000; ++i) {
    hall.server.broadcast(message(numbered(i)));
    std::size_t total = 0;
    for (const Server::Client& client : hall.server.clients()) total += client.pending_bytes();
    CHECK(total <= 500'000);
  }
  hall.loop.run_until_idle();
  CHECK(hall.server.client_count() == 1'000'000 / (2 * 1'011 * 1'000 / 1'000) / 500);
}

TEST_CASE("a hook may send when clients go because of it", "[server]") {
  messi::ServerOptions options = with(SlowReader::kDisconnect);
  options.max_total_pending_bytes = 50'000;
  Hall hall(options, 10);
  for (std::uint64_t id = 1; id <= 10; ++id) hall.read(id, false);
  hall.server.on = [&](const std::string& event, Server::Client*) {
    if (event.rfind("disconnected", 0) == 0) hall.server.broadcast(message(numbered(1, 7'000)));
  };
  hall.broadcast(numbered(1, 7'000));
  hall.loop.run_until_idle();
  CHECK(hall.server.client_count() < 8);
  CHECK(hall.server.count("") == 10 + 10 - hall.server.client_count());
}

TEST_CASE("kDropNewest leaves out broadcasts for a client that is behind, and says so",
          "[server]") {
  Hall hall(with(SlowReader::kDropNewest), 2);
  hall.read(1, false);
  for (int i = 0; i < 200; ++i) hall.broadcast(numbered(i));
  // Three quarters are for broadcasts, the rest for what is sent to this client alone.
  CHECK(hall.at(1).pending_bytes() <= 75'000);
  CHECK(hall.at(1).pending_bytes() > 73'000);
  hall.send(1, 20'000);
  CHECK(hall.server.log == Log{"1 connected", "2 connected", "1 behind"});
  CHECK(hall.at(1).dropped_broadcasts() + hall.at(1).pending_bytes() / 1'000 > 190);
  CHECK(hall.at(2).dropped_broadcasts() == 0);
  CHECK(hall.texts(2).size() == 200);

  // What came until then arrives, in order, and later ones when little is waiting.
  const auto dropped = static_cast<std::size_t>(hall.at(1).dropped_broadcasts());
  hall.read(1, true);
  hall.loop.run_until_idle();
  CHECK(hall.server.log.back() == "1 writable");
  hall.broadcast("after");
  const std::vector<std::string> texts = hall.texts(1);
  REQUIRE(texts.size() == 200 - dropped + 2);
  for (std::size_t i = 0; i < 200 - dropped; ++i) CHECK(texts[i] == std::to_string(i));
  CHECK(texts.back() == "after");
  CHECK(hall.server.count("1 behind") == 1);
  CHECK(hall.at(1).dropped_broadcasts() == dropped);
}

TEST_CASE("a client that is behind gets no broadcast until little is waiting", "[server]") {
  Hall hall(with(SlowReader::kDropNewest));
  hall.read(1, false);
  for (int i = 0; i < 100; ++i) hall.broadcast(numbered(i));
  const auto dropped = hall.at(1).dropped_broadcasts();
  // It reads a little, and there would be room for some.
  hall.read(1, true);
  for (int i = 0; i < 10; ++i) hall.loop.network().deliver();
  hall.read(1, false);
  CHECK(hall.at(1).pending_bytes() > 50'000);
  hall.broadcast("too soon");
  CHECK(hall.at(1).dropped_broadcasts() == dropped + 1);
  CHECK(hall.server.count("1 behind") == 1);
}

TEST_CASE("one broadcast that is larger than the bound is taken when nothing waits", "[server]") {
  for (const SlowReader policy : {SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    Hall hall(with(policy, 10'000));
    hall.broadcast(numbered(1, 50'000));
    CHECK(hall.texts(1) == std::vector<std::string>{"1"});
    CHECK(hall.server.log.front() == "1 connected");
    CHECK_FALSE(hall.server.has("1 behind"));
  }
}

TEST_CASE("messages for one client only still have the bound", "[server]") {
  for (const SlowReader policy : {SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    Hall hall(with(policy));
    hall.read(1, false);
    for (int i = 0; i < 100; ++i) hall.broadcast(numbered(i));
    hall.send(1, 20'000);
    CHECK(hall.server.client_count() == 1);
    hall.send(1, 20'000);
    CHECK(hall.server.log.back() == "1 disconnected: Slow reader.");
  }
}

TEST_CASE("kKeepLatest keeps the latest of each kind, and sends it when there is room",
          "[server]") {
  Hall hall(with(SlowReader::kKeepLatest));
  hall.read(1, false);
  int sent = 0;
  while (hall.server.count("1 behind") == 0) hall.broadcast(numbered(sent++));
  const int queued = sent - 1;
  hall.server.broadcast(chat::ConnectRsp());
  for (int i = 0; i < 50; ++i) hall.broadcast(numbered(sent++));
  hall.send(1, 500);
  CHECK(hall.at(1).dropped_broadcasts() == 50);
  CHECK(hall.server.log == Log{"1 connected", "1 behind"});
  std::size_t pending_when_writable = 0;
  hall.server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "writable") pending_when_writable = client->pending_bytes();
  };
  hall.read(1, true);
  hall.loop.run_until_idle();
  std::vector<std::string> expected;
  for (int i = 0; i < queued; ++i) expected.push_back(std::to_string(i));
  expected.push_back(std::string(500, 'x'));
  expected.insert(expected.end(), {"welcome", std::to_string(sent - 1)});
  CHECK(hall.texts(1) == expected);
  CHECK(hall.server.log == Log{"1 connected", "1 behind", "1 writable"});
  CHECK(pending_when_writable <= 50'000);
  // Now all broadcasts arrive again.
  for (int i = 0; i < 3; ++i) hall.broadcast(numbered(i));
  CHECK(hall.texts(1) == std::vector<std::string>{"0", "1", "2"});
  CHECK(hall.at(1).dropped_broadcasts() == 50);
}

TEST_CASE("a broadcast to all but one client does not change what is kept for it", "[server]") {
  Hall hall(with(SlowReader::kKeepLatest, 10'000), 2);
  hall.read(1, false);
  hall.read(2, false);
  for (int i = 0; i < 20; ++i) hall.broadcast(numbered(i));
  hall.server.broadcast(message("for 1"), hall.at(2));
  hall.server.broadcast(message("for-2"), hall.at(1));
  hall.read(1, true);
  hall.read(2, true);
  hall.loop.run_until_idle();
  CHECK(hall.texts(1).back() == "for");
  CHECK(hall.texts(2).back() == "for-2");
}

TEST_CASE("what is kept counts as waiting, and has a bound", "[server]") {
  messi::ServerOptions options = with(SlowReader::kKeepLatest);
  Hall hall(options);
  hall.read(1, false);
  for (int i = 0; i < 100; ++i) hall.broadcast(numbered(i));
  const std::size_t before = hall.at(1).pending_bytes();
  hall.broadcast(numbered(1, 90'000));
  CHECK(hall.at(1).pending_bytes() > before + 88'000);
  CHECK(hall.server.client_count() == 1);
  hall.broadcast(numbered(1, 110'000));
  CHECK(hall.server.log.back() == "1 disconnected: Slow reader.");
}

TEST_CASE("what is kept is in the total", "[server]") {
  messi::ServerOptions options = with(SlowReader::kKeepLatest);
  options.max_total_pending_bytes = 150'000;
  Hall hall(options);
  hall.read(1, false);
  for (int i = 0; i < 100; ++i) hall.broadcast(numbered(i));
  hall.broadcast(numbered(1, 60'000));
  CHECK(hall.server.client_count() == 1);
  hall.broadcast(numbered(1, 99'000));
  CHECK(hall.server.log.back() == "1 disconnected: Too much queued.");
}

TEST_CASE("where too much waits for all together, broadcasts are left out for who does not read",
          "[server]") {
  for (const SlowReader policy : {SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    messi::ServerOptions options = with(policy);
    options.max_total_pending_bytes = 1'000'000;
    Hall hall(options, 101);
    for (std::uint64_t id = 1; id <= 100; ++id) hall.read(id, false);
    for (int i = 0; i < 100; ++i) hall.broadcast(numbered(i));
    std::size_t total = 0;
    for (const Server::Client& client : hall.server.clients()) total += client.pending_bytes();
    CHECK(total > 700'000);
    CHECK(total < 900'000);
    // Nobody goes, each has heard once that it is behind, and who reads gets everything.
    CHECK(hall.server.count("") == 101 + 100);
    CHECK(hall.texts(101).size() == 100);
    // Who reads again, if only this one, is not behind any more.
    hall.read(1, true);
    hall.loop.run_until_idle();
    CHECK(hall.server.log.back() == "1 writable");
    CHECK((hall.texts(1).back() == "99") == (policy == SlowReader::kKeepLatest));
    hall.broadcast("after");
    CHECK(hall.texts(1) == std::vector<std::string>{"after"});
  }
}

TEST_CASE("what is kept is sent before an orderly end", "[server]") {
  Hall hall(with(SlowReader::kKeepLatest));
  hall.read(1, false);
  for (int i = 0; i < 200; ++i) hall.broadcast(numbered(i));
  hall.at(1).disconnect();
  hall.read(1, true);
  hall.loop.run_until_idle();
  CHECK(hall.texts(1).back() == "199");
  CHECK(hall.server.log.back() == "1 disconnected: Disconnected.");
}

TEST_CASE("a client that is behind may go in any way", "[server]") {
  for (const SlowReader policy : {SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    for (int way = 0; way < 6; ++way) {
      CAPTURE(way);
      const std::size_t before = live_bytes();
      {
        Hall hall(with(policy), 2);
        std::uint64_t dropped = 0;
        hall.server.on = [&](const std::string& event, Server::Client* client) {
          if (event == "behind" && way == 0) client->disconnect();
          if (event == "behind" && way == 1) client->disconnect_now();
          if (event == "behind" && way == 2) hall.server.stop_now();
          if (event.rfind("disconnected", 0) == 0) dropped += client->dropped_broadcasts();
        };
        hall.read(1, false);
        for (int i = 0; i < 200; ++i) hall.broadcast(numbered(i));
        if (way == 3) hall.client(1)->close();
        if (way == 4) hall.server.stop();
        hall.loop.advance(1h);
        if (way == 5) continue;
        CHECK(hall.server.has("1 disconnected"));
        CHECK((dropped > 0 || policy == SlowReader::kKeepLatest));
      }
      CHECK(live_bytes() - before < 10'000);
    }
  }
}

TEST_CASE("a hook that throws when a client falls behind ends that client only", "[server]") {
  Hall hall(with(SlowReader::kDropNewest), 2);
  hall.server.on = [](const std::string& event, Server::Client*) {
    if (event == "behind") throw std::runtime_error("a hook failed");
  };
  hall.read(1, false);
  int thrown = 0;
  for (int i = 0; i < 200; ++i) {
    hall.server.broadcast(message(numbered(i)));
    try {
      hall.loop.run_until_idle();
    } catch (const std::runtime_error&) {
      ++thrown;
    }
  }
  hall.loop.run_until_idle();
  CHECK(thrown == 1);
  CHECK(hall.server.log.back() == "1 disconnected: General error.");
  CHECK(hall.texts(2).size() == 200);
}

TEST_CASE("1,000 clients that do not read take no more memory than what is stated", "[server]") {
  for (const SlowReader policy :
       {SlowReader::kDisconnect, SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    messi::ServerOptions options = with(policy, 20'000);
    options.max_total_pending_bytes = 10'000'000;
    Hall hall(options, 1'001);
    for (std::uint64_t id = 1; id <= 1'000; ++id) hall.read(id, false);
    const std::size_t before = live_bytes();
    std::size_t most = 0;
    for (int i = 0; i < 300; ++i) {
      hall.broadcast(numbered(i, 300));
      // Some of it is for one client alone, so that it cannot be shared.
      Server::Client* const one =
          hall.server.find_client(1 + static_cast<std::uint64_t>(i % 1'000));
      if (one != nullptr) one->send(message(numbered(i, 1'000)));
      most = std::max(most, live_bytes() - before);
    }
    CHECK(hall.texts(1'001).size() >= 300);
    CHECK(most < 2 * 10'000'000 + 1'000 * 130 * 1024);
    CHECK((hall.server.client_count() == 1) == (policy == SlowReader::kDisconnect));
  }
}

#include "messi/statistics.h"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::Counts;
using messi::DisconnectReason;
using messi::SessionMode;
using messi::Statistics;
using messi::test::Client;
using messi::test::from_client;
using messi::test::message;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::wire::FrameType;
using namespace std::chrono_literals;

namespace {

template <typename Options>
Options counted_by(const std::shared_ptr<Statistics>& statistics, Options options = {}) {
  options.statistics = statistics;
  return options;
}

struct World {
  explicit World(messi::ServerOptions options = {})
      : server(loop, "tcp://:6000", counted_by(statistics, std::move(options))) {
    REQUIRE(server.start().ok());
  }
  RawClient& come() {
    peers.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
    return *peers.back();
  }
  Counts now() const { return statistics->read(); }

  ManualLoop loop;
  std::shared_ptr<Statistics> statistics = std::make_shared<Statistics>();
  Server server;
  std::vector<std::unique_ptr<RawClient>> peers;
};

class SessionClient final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;
};

}  // namespace

TEST_CASE("a server's statistics say who came and went, and why", "[observability]") {
  messi::ServerOptions options;
  options.max_clients = 2;
  World world(options);
  for (int i = 0; i < 3; ++i) world.come();
  CHECK(world.now().connects == 2);
  CHECK(world.now().connections == 2);
  CHECK(world.now().refusals[DisconnectReason::kTooManyClients] == 1);
  (*world.peers[0])->close();
  (*world.peers[1])->send("GET / HTTP/1.1\r\n\r\n");
  world.loop.run_until_idle();
  CHECK(world.now().disconnects[DisconnectReason::kConnectionClosed] == 1);
  CHECK(world.now().disconnects[DisconnectReason::kProtocolError] == 1);
  CHECK(world.now().connections == 0);
  CHECK(world.now().connects == 2);
}

TEST_CASE("frames and bytes are counted, however they are cut", "[observability]") {
  World world;
  RawClient& peer = world.come();
  const std::string bytes = from_client(message("hello")) + messi::test::kPing +
                            from_client(message(std::string(70'000, 'x')));
  for (const char byte : bytes.substr(0, 30)) {
    peer->send(std::string(1, byte));
    world.loop.run_until_idle();
  }
  peer->send(bytes.substr(30));
  world.loop.run_until_idle();
  REQUIRE(world.server.count("1 message") == 2);
  CHECK(world.now().received_bytes == bytes.size());
  CHECK(world.now().received_frames.messages() == 2);
  CHECK(world.now().received_frames[FrameType::kPing] == 1);
  CHECK(world.now().sent_frames[FrameType::kPong] == 1);
  CHECK(world.now().sent_bytes == messi::test::kPong.size());
  peer->take_received();
  world.server.find_client(1)->send(message("one"));
  world.server.broadcast(message("all"));
  world.loop.run_until_idle();
  CHECK(world.now().sent_frames.messages() == 2);
  CHECK(world.now().sent_bytes == messi::test::kPong.size() + peer->received().size());
}

TEST_CASE("what waits is published at the end of each turn", "[observability]") {
  World world;
  RawClient& peer = world.come();
  world.loop.network().faults.capacity = 1'000;
  peer->want_input(false);
  world.server.find_client(1)->send(message(std::string(10'000, 'x')));
  world.loop.run_until_idle();
  CHECK(world.now().pending_bytes == world.server.find_client(1)->pending_bytes());
  CHECK(world.now().pending_bytes > 8'000);
  peer->want_input(true);
  world.loop.run_until_idle();
  CHECK(world.now().pending_bytes == 0);
}

TEST_CASE("broadcasts that were left out are counted", "[observability]") {
  messi::ServerOptions options;
  options.slow_reader = messi::SlowReader::kDropNewest;
  options.max_pending_bytes = 4'000;
  World world(options);
  RawClient& peer = world.come();
  world.loop.network().faults.capacity = 100;
  peer->want_input(false);
  for (int i = 0; i < 10; ++i) world.server.broadcast(message(std::string(1'000, 'x')));
  world.loop.run_until_idle();
  CHECK(world.now().slow_clients == 1);
  CHECK(world.now().dropped_broadcasts == world.server.find_client(1)->dropped_broadcasts());
  CHECK(world.now().dropped_broadcasts > 0);
}

TEST_CASE("a client's statistics only grow over reconnects", "[observability]") {
  ManualLoop loop;
  const auto statistics = std::make_shared<Statistics>();
  std::optional<Client> client(std::in_place, loop, "tcp://localhost:6000",
                               counted_by<messi::ClientOptions>(statistics));
  client->start();
  loop.advance(3s);
  CHECK(statistics->read().connect_failures == client->count("failed"));
  CHECK(statistics->read().connect_failures > 0);
  Server server(loop);
  REQUIRE(server.start().ok());
  loop.advance(10s);
  CHECK(statistics->read().connects == 1);
  CHECK(statistics->read().reconnects == 0);
  const std::uint64_t sent = statistics->read().sent_bytes;
  loop.network().cut_all();
  loop.advance(10s);
  CHECK(statistics->read().connects == 2);
  CHECK(statistics->read().reconnects == 1);
  CHECK(statistics->read().connections == 1);
  CHECK(statistics->read().disconnects[DisconnectReason::kConnectionClosed] == 1);
  CHECK(statistics->read().sent_bytes > sent);
  // What it had is not there any more, and what it did has happened.
  client.reset();
  CHECK(statistics->read().connections == 0);
  CHECK(statistics->read().connects == 2);
}

TEST_CASE("sessions are counted on both sides", "[observability]") {
  messi::ServerOptions options;
  options.session = SessionMode::kPrefer;
  options.session_timeout = 60s;
  World world(options);
  const auto mine = std::make_shared<Statistics>();
  messi::ClientOptions client_options;
  client_options.session = SessionMode::kPrefer;
  SessionClient client(world.loop, "tcp://localhost:6000", counted_by(mine, client_options));
  client.start();
  world.loop.advance(1s);
  CHECK(mine->read().connects == 1);
  CHECK(world.now().connects == 1);
  CHECK(mine->read().received_frames[FrameType::kWelcome] == 1);
  world.loop.network().faults.refuse_connects = true;
  world.loop.network().cut_all();
  world.loop.run_until_idle();
  for (const Counts& counts : {mine->read(), world.now()}) {
    CHECK(counts.connections == 1);
    CHECK(counts.detached == 1);
    CHECK(counts.detaches == 1);
    CHECK(counts.resumes == 0);
  }
  world.loop.network().faults.refuse_connects = false;
  world.loop.advance(5s);
  for (const Counts& counts : {mine->read(), world.now()}) {
    CHECK(counts.connections == 1);
    CHECK(counts.detached == 0);
    CHECK(counts.resumes == 1);
    CHECK(counts.connects == 1);
  }
  world.loop.network().faults.refuse_connects = true;
  world.loop.network().cut_all();
  client.send_message_ind(message("never"));
  world.loop.advance(70s);
  CHECK(world.now().detached == 0);
  CHECK(world.now().connections == 0);
  CHECK(world.now().disconnects[DisconnectReason::kSessionLost] == 1);
  CHECK(world.now().sessions_lost == 1);
  CHECK(mine->read().detached == 1);
  world.loop.network().faults.refuse_connects = false;
  world.loop.advance(20s);
  CHECK(mine->read().detached == 0);
  CHECK(mine->read().sessions_lost == 1);
  CHECK(mine->read().connections == 1);
  CHECK(mine->read().connects == 2);
}

TEST_CASE("many clients may share statistics, which may live longer or shorter",
          "[observability]") {
  ManualLoop loop;
  auto statistics = std::make_shared<Statistics>();
  Server server(loop);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(loop, "tcp://localhost:6000",
                                               counted_by<messi::ClientOptions>(statistics)));
    clients.back()->start();
  }
  loop.run_until_idle();
  CHECK(statistics->read().connections == 200);
  clients.resize(100);
  CHECK(statistics->read().connections == 100);
  CHECK(statistics->read().connects == 200);
  const std::weak_ptr<Statistics> watched = statistics;
  statistics.reset();
  loop.network().cut_all();
  loop.advance(10s);
  CHECK(watched.lock()->read().reconnects == 100);
  clients.clear();
  CHECK(watched.expired());
}

TEST_CASE("each loop has counts of its own, which are added up", "[observability]") {
  const auto statistics = std::make_shared<Statistics>();
  const auto run = [&] {
    ManualLoop loop;
    Server server(loop, "tcp://:6000", counted_by<messi::ServerOptions>(statistics));
    REQUIRE(server.start().ok());
    Client client(loop, "tcp://localhost:6000", counted_by<messi::ClientOptions>(statistics));
    client.start();
    loop.run_until_idle();
    for (int i = 0; i < 1'000; ++i) client.send(message("hello"));
    loop.run_until_idle();
  };
  std::thread others[] = {std::thread(run), std::thread(run), std::thread(run)};
  for (std::thread& each : others) each.join();
  run();
  CHECK(statistics->read().connects == 8);
  CHECK(statistics->read().connections == 0);
  CHECK(statistics->read().received_frames.messages() == 4'000);
  CHECK(statistics->read().sent_frames.messages() == 4'000);
}

TEST_CASE("another thread reads statistics while the loop runs", "[observability]") {
  World world;
  Client client(world.loop);
  client.start();
  world.loop.run_until_idle();
  std::atomic<bool> done = false;
  bool grows = true;
  std::thread reader([&] {
    std::uint64_t before = 0;
    while (!done) {
      const std::uint64_t now = world.now().received_frames.messages();
      grows = grows && before <= now;
      before = now;
    }
  });
  for (int i = 0; i < 2'000; ++i) {
    client.send(message("hello"));
    world.loop.run_until_idle();
  }
  done = true;
  reader.join();
  CHECK(grows);
  CHECK(world.now().received_frames.messages() == 2'000);
}

// A client that comes back finds its session, whatever loop it comes to.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/tls.h"
#include "messi/websocket.h"
#include "test/catch.h"
#include "test/sharded/world.h"
#include "test/support/bytes.h"
#include "test/support/session_bytes.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

using messi::ClientOptions;
using messi::ServerOptions;
using messi::SessionMode;
using messi::io::Fd;
using messi::test::frames_of;
using messi::test::RawFrame;
using messi::test::RawHello;
using messi::test::RawWelcome;
using messi::test::ShardServer;
using messi::test::ShardWorld;
using namespace std::chrono_literals;

namespace {

ServerOptions with_sessions() {
  ServerOptions options;
  options.session = SessionMode::kPrefer;
  return options;
}

/// A client, frame by frame, on a socket.
class Peer {
 public:
  explicit Peer(ShardWorld& world) : world_(world), port_(world.server.port()) {}

  void connect() {
    socket_ = messi::test::connected_socket(port_);
    received_.clear();
    REQUIRE(read_until(5));  // OFFER
  }
  /// Writes HELLO in two pieces, with `cut` bytes in the first.
  void hello(std::size_t cut, const std::string& behind = {}) {
    const std::string bytes = hello_.frame() + behind;
    cut = std::min(cut, bytes.size());
    REQUIRE(messi::test::write_some(socket_, bytes.substr(0, cut)) == cut);
    if (cut < bytes.size()) {
      // In a turn input comes before calls, so the first piece has been read then.
      world_.server.for_each([](ShardServer& /*shard*/) {});
      messi::test::write_some(socket_, bytes.substr(cut));
    }
  }
  RawWelcome welcome() {
    REQUIRE(read_until(7));
    for (const RawFrame& frame : frames_of(received_)) {
      if (frame.type == 7) return RawWelcome::of(frame);
    }
    throw std::runtime_error("no WELCOME");
  }
  /// The next HELLO is for the session of `welcome`.
  void remember(const RawWelcome& welcome) {
    hello_.resume = true;
    hello_.id = welcome.id;
    hello_.secret = welcome.secret;
  }
  void next_attempt() { ++hello_.attempt; }
  RawHello& its_hello() { return hello_; }
  void say(const std::string& text) {
    messi::test::write_some(socket_, messi::test::from_client(messi::test::message(text)));
  }
  /// Whether a frame of the type comes.
  bool read_until(int type) {
    return world_.until([&] {
      received_ += messi::test::read_all(socket_);
      for (const RawFrame& frame : frames_of(received_)) {
        if (frame.type == type) return true;
      }
      return false;
    });
  }
  const std::string& received() const { return received_; }
  Fd& socket() { return socket_; }
  std::uint16_t port() const { return port_; }

 private:
  ShardWorld& world_;
  const std::uint16_t port_;
  Fd socket_;
  RawHello hello_;
  std::string received_;
};

}  // namespace

TEST_CASE("a session is resumed on its own loop, whatever loop the client comes to", "[sharded]") {
  ShardWorld world(with_sessions(), "tcp://127.0.0.1:0", 3);
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  const RawWelcome first = peer.welcome();
  CHECK_FALSE(first.resumed());
  peer.remember(first);
  constexpr int kTimes = 12;
  for (int i = 1; i <= kTimes; ++i) {
    peer.socket().reset();
    REQUIRE(world.until([&] { return world.seen.detached == i; }));
    peer.connect();
    peer.next_attempt();
    peer.hello(1000);
    CHECK(peer.welcome().resumed());
    REQUIRE(world.until([&] { return world.seen.resumed == i; }));
  }
  CHECK(world.seen.wrong_thread == 0);
  CHECK(world.seen.connected == 1);
  CHECK(world.seen.disconnected == 0);
  CHECK(world.seen.lost == 0);
  CHECK(world.server.client_count() == 1);
}

TEST_CASE("a HELLO that comes in pieces is handed on like a whole one", "[sharded]") {
  ShardWorld world(with_sessions());
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  peer.remember(peer.welcome());
  const std::size_t size = peer.its_hello().frame().size();
  // A ping behind it is answered, wherever the cut is.
  for (std::size_t cut = 1; cut <= size + 4; ++cut) {
    peer.connect();
    peer.next_attempt();
    peer.hello(cut, messi::test::frame(3, ""));
    CHECK(peer.welcome().resumed());
    CHECK(peer.read_until(4));
  }
  CHECK(world.seen.connected == 1);
  CHECK(world.seen.disconnected == 0);
}

TEST_CASE("a message before WELCOME ends the connection on any loop, not the session",
          "[sharded]") {
  ShardWorld world(with_sessions());
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  peer.remember(peer.welcome());
  for (int i = 0; i < 4; ++i) {
    peer.connect();
    peer.next_attempt();
    peer.hello(1000, messi::test::from_client(messi::test::message("too early")));
    REQUIRE(world.until([&] {
      messi::test::read_all(peer.socket());
      return messi::test::at_end(peer.socket());
    }));
  }
  peer.connect();
  peer.next_attempt();
  peer.hello(1000);
  CHECK(peer.welcome().resumed());
}

TEST_CASE("a session of another loop that nobody knows is lost, as on one loop", "[sharded]") {
  ShardWorld world(with_sessions());
  for (int i = 0; i < 6; ++i) {
    Peer peer(world);
    peer.its_hello().resume = true;
    peer.its_hello().id = std::string(1, static_cast<char>(i)) + std::string(15, 'x');
    peer.connect();
    peer.hello(1000);
    const RawWelcome welcome = peer.welcome();
    CHECK_FALSE(welcome.resumed());
    CHECK(welcome.reason != 0);
  }
}

TEST_CASE("a secret that is wrong resumes nothing on any loop", "[sharded]") {
  ShardWorld world(with_sessions());
  Peer owner(world);
  owner.connect();
  owner.hello(1000);
  const RawWelcome welcome = owner.welcome();
  for (int i = 0; i < 4; ++i) {
    Peer thief(world);
    thief.remember(welcome);
    thief.its_hello().secret = std::string(16, 'x');
    thief.its_hello().attempt = 100;
    thief.connect();
    thief.hello(1000);
    CHECK_FALSE(thief.welcome().resumed());
  }
  owner.say("echo mine");
  CHECK(owner.read_until(2));
}

TEST_CASE("clients of all loops come back, and nothing is lost, sent twice or reordered",
          "[sharded]") {
  const std::string scheme = GENERATE("tcp", "unix", "tls", "ws", "wss");
  const std::string path =
      (std::filesystem::temp_directory_path() / ("messi-cores-" + std::to_string(::getpid())))
          .string();
  const messi::test::Authority authority;
  const messi::tls::Config config = messi::test::config_of(authority);
  ShardWorld world(with_sessions(),
                   scheme == "unix" ? "unix://" + path : scheme + "://127.0.0.1:0");
  const messi::tls::Network client_tls(world.loop, config);
  const messi::websocket::Network client_ws(world.loop);
  const messi::websocket::Network client_wss(world.loop, {}, "wss", "tls");
  if (scheme != "tcp" && scheme != "unix") {
    world.server.make_on_each<messi::tls::Network>(config);
    world.server.make_on_each<messi::websocket::Network>();
    world.server.make_on_each<messi::websocket::Network>(messi::websocket::Options{}, "wss", "tls");
    world.begin();
  }
  ClientOptions options;
  options.session = SessionMode::kRequired;
  options.backoff.initial = 1ms;
  world.connect(6, options);
  constexpr int kRounds = 8;
  int sent = 0;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 50; ++i, ++sent) {
      for (const auto& client : world.clients) client->say("echo " + std::to_string(sent));
    }
    world.loop.poll(messi::Duration::zero());
    // All connections are cut.
    world.server.post([](ShardServer& shard) {
      for (auto& client : shard.clients()) ::shutdown(client.native_handle(), SHUT_RDWR);
    });
    const int wanted = (round + 1) * 6;
    REQUIRE(world.until([&] { return world.seen.resumed >= wanted; }));
  }
  const auto is_last = [&] { return world.all_have("echo " + std::to_string(sent - 1)); };
  REQUIRE(world.until(is_last));
  for (const auto& client : world.clients) {
    REQUIRE(client->texts.size() == static_cast<std::size_t>(sent));
    for (std::size_t i = 0; i < client->texts.size(); ++i) {
      CHECK(client->texts[i] == "echo " + std::to_string(i));
    }
  }
  CHECK(world.seen.wrong_thread == 0);
  CHECK(world.seen.lost == 0);
  CHECK(world.seen.connected == 6);
}

TEST_CASE("a client whose loop is blocked comes back when that goes on", "[sharded]") {
  ShardWorld world(with_sessions());
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  peer.remember(peer.welcome());
  peer.say("block");
  REQUIRE(world.until([&] { return world.shards()[0]->blocked || world.shards()[1]->blocked; }));
  // Attempts that the client has given up. Some wait for the blocked loop to take them, and some
  // for it to take them over from the other.
  std::vector<Fd> given_up;
  for (int i = 0; i < 6; ++i) {
    Fd socket = messi::test::connected_socket(peer.port());
    peer.next_attempt();
    messi::test::write_some(socket, peer.its_hello().frame());
    given_up.push_back(std::move(socket));
  }
  world.unblock();
  peer.socket().reset();
  given_up.clear();
  peer.connect();
  peer.next_attempt();
  peer.hello(1000);
  CHECK(peer.welcome().resumed());
  REQUIRE(world.until([&] { return world.server.client_count() == 1; }));
  CHECK(world.seen.lost == 0);
}

TEST_CASE("who comes takes the place of a session that waits, on whatever loop that is",
          "[sharded]") {
  constexpr int kMost = 3;
  ServerOptions options = with_sessions();
  options.max_clients = kMost;
  ShardWorld world(options);
  std::vector<std::unique_ptr<Peer>> peers;
  const auto come = [&] {
    peers.push_back(std::make_unique<Peer>(world));
    peers.back()->connect();
    peers.back()->hello(1000);
    CHECK_FALSE(peers.back()->welcome().resumed());
  };
  for (int i = 0; i < kMost; ++i) come();
  for (const auto& peer : peers) peer->socket().reset();
  REQUIRE(world.until([&] { return world.seen.detached == kMost; }));
  for (int i = 1; i <= kMost; ++i) {
    come();
    REQUIRE(world.until([&] { return world.seen.lost == i; }));
    REQUIRE(world.until([&] { return world.server.client_count() == kMost; }));
  }
}

TEST_CASE("a session of a loop whose server has stopped is lost, and its client is told",
          "[sharded]") {
  ShardWorld world(with_sessions());
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  peer.remember(peer.welcome());
  peer.say("stop");
  REQUIRE(world.until([&] { return world.seen.messages == 1; }));
  peer.connect();
  peer.next_attempt();
  peer.hello(1000);
  CHECK_FALSE(peer.welcome().resumed());
}

TEST_CASE("a session that is resumed is still in its groups, on its loop", "[sharded]") {
  ShardWorld world(with_sessions());
  Peer peer(world);
  peer.connect();
  peer.hello(1000);
  peer.remember(peer.welcome());
  peer.say("join");
  peer.say("echo joined");
  REQUIRE(peer.read_until(2));
  world.connect(2);
  for (int i = 0; i < 3; ++i) {
    peer.socket().reset();
    peer.connect();
    peer.next_attempt();
    peer.its_hello().rx = static_cast<std::uint64_t>(1 + i);
    peer.hello(1000);
    REQUIRE(peer.welcome().resumed());
    world.clients[static_cast<std::size_t>(i % 2)]->say("room " + std::to_string(i));
    CHECK(peer.read_until(2));
  }
}

// A network that wraps another's streams, with a handshake: what TLS and WebSocket need.

#include "messi/io/wrapping_network.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/epoll_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/any_network.h"
#include "test/support/chat.h"
#include "test/support/masked_network.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::HandshakeLimits;
using messi::Status;
using messi::StatusCode;
using messi::Stream;
using messi::test::Client;
using messi::test::Log;
using messi::test::MaskedNetwork;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::talk;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// Listens, and keeps what comes.
class Doorman final : private messi::ListenHandler {
 public:
  Doorman(messi::EventLoop& loop, const std::string& uri)
      : listener(*loop.networks().listen(uri, {}, *this)) {}

  std::vector<std::unique_ptr<Stream>> accepted;
  std::vector<Status> failed;
  std::vector<std::string> peers;
  int out_of_descriptors = 0;
  std::function<void()> then = [] {};
  std::unique_ptr<messi::Listener> listener;

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override {
    accepted.push_back(std::move(stream));
    then();
  }
  void handle_failed(const messi::PeerInfo& peer, const Status& why) override {
    peers.push_back(peer.address);
    failed.push_back(why);
    then();
  }
  void handle_out_of_descriptors() override { ++out_of_descriptors; }
};

/// In memory, with limits that a test can reach.
struct Room {
  static constexpr HandshakeLimits kLimits{3, 5s};
  ManualLoop loop;
  MaskedNetwork network{loop, "masked", "memory", kLimits};
};

/// So many strangers have connected, and sent `hello`.
std::vector<std::unique_ptr<RawClient>> crowd(ManualLoop& loop, int count,
                                              const std::string& hello) {
  std::vector<std::unique_ptr<RawClient>> strangers;
  for (int i = 0; i < count; ++i) {
    strangers.push_back(std::make_unique<RawClient>(loop, "memory://chat"));
    loop.run_until_idle();
    if (!hello.empty() && strangers.back()->peer() != nullptr) (*strangers.back())->send(hello);
    loop.run_until_idle();
  }
  return strangers;
}

std::size_t open(const std::vector<std::unique_ptr<RawClient>>& strangers) {
  return static_cast<std::size_t>(
      std::count_if(strangers.begin(), strangers.end(),
                    [](const auto& each) { return each->peer() != nullptr && !(*each)->ended(); }));
}

}  // namespace

TEST_CASE("clients and servers talk through a network that wraps one in memory", "[io]") {
  for (const std::size_t most_per_read : std::vector<std::size_t>{1, 3, 70, 1'000'000}) {
    for (const std::size_t capacity : std::vector<std::size_t>{1, 1'000, 256 * 1024}) {
      CAPTURE(most_per_read, capacity);
      Room room;
      room.loop.network().faults.most_per_read = most_per_read;
      room.loop.network().faults.capacity = capacity;
      const auto until = [&](auto condition) {
        room.loop.run_until_idle();
        return condition();
      };
      const std::size_t large =
          std::min<std::size_t>(300 * std::min(most_per_read, capacity), 40'000);
      talk(room.loop, "masked://chat", until, large);
    }
  }
}

TEST_CASE("clients and servers talk through a network that wraps sockets", "[io]") {
  EpollLoop loop;
  MaskedNetwork tcp(loop, "masked", "tcp");
  MaskedNetwork abstract(loop, "masked-unix", "unix-abstract");
  const auto until = [&](auto condition) { return run_until(loop, condition); };
  talk(loop, "masked://127.0.0.1:0", until);
  talk(loop, "masked-unix:talk" + std::to_string(::getpid()), until);
}

TEST_CASE("networks wrap networks that wrap networks", "[io]") {
  EpollLoop loop;
  MaskedNetwork once(loop, "masked", "tcp");
  MaskedNetwork twice(loop, "masked-twice", "masked");
  talk(loop, "masked-twice://127.0.0.1:0",
       [&](auto condition) { return run_until(loop, condition); });
}

TEST_CASE("who is at the other end, and on which descriptor, is passed on", "[io]") {
  EpollLoop loop;
  MaskedNetwork network(loop, "masked", "unix-abstract");
  Server server(loop, "masked:peer" + std::to_string(::getpid()));
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1 && client.connected(); }));
  Server::Client& connected = *server.find_client(1);
  CHECK(connected.peer_address() == "unix");
  REQUIRE(connected.peer_credentials());
  CHECK(connected.peer_credentials()->process == ::getpid());
  CHECK(connected.native_handle() > 2);
  CHECK(client.native_handle() > 2);
}

TEST_CASE("a client is told why its handshake failed, and tries again", "[io]") {
  Room room;
  RawServer server(room.loop, "memory://chat");
  Client client(room.loop, "masked://chat");
  client.start();
  room.loop.run_until_idle();
  CHECK(client.log.empty());
  REQUIRE(server.peers().size() == 1);
  CHECK(server.last().received() == "mask");

  server.last().send("moin");
  room.loop.run_until_idle();
  CHECK(client.log == Log{"failed: masked://chat: the other end does not mask"});
  CHECK(client.last_failure.code() == absl::StatusCode::kFailedPrecondition);
  CHECK(server.last().ended());

  room.loop.advance(1s);
  REQUIRE(server.peers().size() == 2);
  server.last().close();
  room.loop.run_until_idle();
  CHECK(client.log.back() == "failed: masked://chat: the other end has closed in the handshake");
}

TEST_CASE("a client's handshake is part of its attempt, and bounded by that", "[io]") {
  Room room;
  RawServer server(room.loop, "memory://chat");
  messi::ClientOptions options;
  options.connect_timeout = 2s;
  Client client(room.loop, "masked://chat", options);
  client.start();
  room.loop.advance(1999ms);
  CHECK(client.log.empty());
  room.loop.advance(1ms);
  CHECK(client.log == Log{"failed: masked://chat: cannot connect: no answer in time"});
  CHECK(server.last().ended());
}

TEST_CASE("an address that does not come to terms is tried last the next time", "[io]") {
  class Once final : private messi::ConnectHandler {
   public:
    Once(messi::EventLoop& loop, messi::AddressMemory& memory)
        : connecting(loop.networks().connect("masked://chat", {{}, &memory}, *this)) {}
    std::unique_ptr<messi::Connecting> connecting;

   private:
    void handle_stream(std::unique_ptr<Stream> /*stream*/) override { connecting.reset(); }
    void handle_no_stream(const Status& /*why*/) override { connecting.reset(); }
  };
  for (const bool fails : {true, false}) {
    CAPTURE(fails);
    Room room;
    RawServer server(room.loop, "memory://chat");
    messi::AddressMemory memory;
    Once attempt(room.loop, memory);
    room.loop.run_until_idle();
    if (fails) server.last().send("moin");
    room.loop.run_until_idle();
    attempt.connecting.reset();
    CHECK(memory.rank("memory://chat") == 1);
  }
}

TEST_CASE("the listener is told why a handshake failed, and whose", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  RawClient stranger(room.loop, "memory://chat");
  RawClient gone(room.loop, "memory://chat");
  room.loop.run_until_idle();
  stranger->send("GET / HTTP/1.1");
  room.loop.run_until_idle();
  REQUIRE(doorman.failed.size() == 1);
  CHECK(doorman.failed[0].code() == StatusCode::kFailedPrecondition);
  CHECK(doorman.failed[0].message() == "the other end does not mask");
  CHECK(doorman.peers[0] == "memory:client-1");
  CHECK(stranger->ended());
  gone->send("ma");
  gone->close();
  room.loop.run_until_idle();
  REQUIRE(doorman.failed.size() == 2);
  CHECK(doorman.peers[1] == "memory:client-2");
  CHECK(doorman.accepted.empty());
}

TEST_CASE("a server is told whose handshake failed, and why, and has no client", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  RawClient stranger(room.loop, "memory://chat");
  room.loop.run_until_idle();
  stranger->send("GET / HTTP/1.1");
  room.loop.advance(1min);
  CHECK(stranger->ended());
  CHECK(server.log == Log{"handshake failed memory:client-1: the other end does not mask"});
}

TEST_CASE("a server may be stopped when it is told of a failed handshake", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& /*event*/, Server::Client* /*client*/) { server.stop(); };
  RawClient stranger(room.loop, "memory://chat");
  RawClient another(room.loop, "memory://chat");
  room.loop.run_until_idle();
  stranger->send("GET / HTTP/1.1");
  room.loop.run_until_idle();
  CHECK(server.stopped());
  CHECK(server.log.size() == 1);
  CHECK(another->ended());
}

TEST_CASE("what a stream knows about its end is the hint of both sides", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  Client client(room.loop, "masked://chat");
  std::vector<std::string> hints;
  client.then = [&](const std::string& /*line*/) { hints.emplace_back(client.disconnect_hint()); };
  server.on = [&](const std::string& /*event*/, Server::Client* from) {
    hints.emplace_back(from->disconnect_hint());
  };
  client.start();
  room.loop.run_until_idle();
  CHECK(hints == std::vector<std::string>{"", ""});
  room.loop.network().cut_all();
  room.loop.run_until_idle();
  CHECK(hints == std::vector<std::string>{"", "", "The mask is off.", "The mask is off."});
  client.stop();
  room.loop.run_until_idle();
}
TEST_CASE("a handshake may take so long and no longer", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  RawClient first(room.loop, "memory://chat");
  room.loop.advance(1s);
  RawClient second(room.loop, "memory://chat");
  RawClient good(room.loop, "memory://chat");
  room.loop.run_until_idle();
  good->send("mask");
  room.loop.advance(3999ms);
  CHECK(doorman.failed.empty());
  room.loop.advance(1ms);
  CHECK(doorman.failed.size() == 1);
  CHECK(first->ended());
  first->send("mask");
  second->send("mas");  // a byte now and then does not help
  room.loop.advance(999ms);
  CHECK(doorman.failed.size() == 1);
  room.loop.advance(1ms);
  REQUIRE(doorman.failed.size() == 2);
  CHECK(doorman.failed[1].code() == StatusCode::kDeadlineExceeded);
  CHECK(second->ended());
  room.loop.advance(1h);
  CHECK(doorman.accepted.size() == 1);
  CHECK_FALSE(good->ended());
}

TEST_CASE("those who only connect keep nobody out, and a bounded number of them is kept", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> silent = crowd(room.loop, 45, "");
  CHECK(open(silent) == 45);
  Client first(room.loop, "masked://chat");
  first.start();
  room.loop.run_until_idle();
  CHECK(first.connected());
  CHECK(open(silent) == 45);  // nobody has to go

  const std::vector<std::unique_ptr<RawClient>> more = crowd(room.loop, 100, "");
  CHECK(open(silent) == 0);
  CHECK(open(more) == 16 * 3);
  Client second(room.loop, "masked://chat");
  second.start();
  room.loop.run_until_idle();
  CHECK(second.connected());
  CHECK(server.client_count() == 2);
  CHECK(open(more) == 16 * 3 - 1);
  CHECK(server.log.back() == "2 connected");
  CHECK(server.count(
            "handshake failed memory:client-1: too many wait, and this one has sent nothing") == 1);
}

TEST_CASE("a crowd of clients is let in, and nobody has to go", "[io]") {
  for (const std::size_t most_per_read : std::vector<std::size_t>{1, 1'000}) {
    Room room;
    room.loop.network().faults.most_per_read = most_per_read;
    Server server(room.loop, "masked://chat");
    REQUIRE(server.start().ok());
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 16 * 3; ++i) {
      clients.push_back(std::make_unique<Client>(room.loop, "masked://chat"));
      clients.back()->start();
    }
    room.loop.run_until_idle();
    CHECK(server.client_count() == clients.size());
    for (const auto& each : clients) CHECK(each->log == Log{"connected"});
    CHECK(server.log.size() == clients.size());
  }
}

TEST_CASE("a handshake gives way if it is slow and others wait", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  const auto slow = crowd(room.loop, 3, "m");
  room.loop.advance(1s);
  Client client(room.loop, "masked://chat");
  client.start();
  for (const auto& each : slow) (*each)->send("a");  // a byte now and then does not help
  room.loop.advance(999ms);
  CHECK_FALSE(client.connected());
  CHECK(open(slow) == 3);
  room.loop.advance(1ms);
  CHECK(client.connected());
  CHECK(open(slow) == 2);
  CHECK(server.log == Log{"handshake failed memory:client-1: too many wait, and this handshake is "
                          "the slowest",
                          "1 connected"});
  room.loop.advance(2999ms);  // nobody waits any more
  CHECK(open(slow) == 2);
  room.loop.advance(1ms);
  CHECK(open(slow) == 0);
}

TEST_CASE("of those who wait for a handshake the newest is next", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  const auto slow = crowd(room.loop, 3, "m");
  const auto waiting = crowd(room.loop, 100, "mask");
  CHECK(open(slow) == 3);
  CHECK(open(waiting) == 16 * 3);
  CHECK(doorman.failed.size() == 100 - 16 * 3);
  CHECK(doorman.failed[0].message() == "too many handshakes are under way");
  CHECK(doorman.peers[0] == "memory:client-4");
  (*slow[1])->send("ask");
  room.loop.run_until_idle();
  REQUIRE(doorman.accepted.size() == 1 + 16 * 3);
  CHECK(doorman.accepted[0]->peer().address == "memory:client-2");
  CHECK(doorman.accepted[1]->peer().address == "memory:client-103");
}

TEST_CASE("who waits for a handshake is given up like all others", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  const auto slow = crowd(room.loop, 3, "m");
  room.loop.advance(1s);
  const auto waiting = crowd(room.loop, 48, "m");
  room.loop.advance(4999ms);
  CHECK(doorman.accepted.empty());
  CHECK(doorman.failed.size() < 51);
  room.loop.advance(1ms);
  CHECK(doorman.failed.size() == 51);
  CHECK(open(waiting) == 0);
}

TEST_CASE("who sends nothing gives his descriptor to others if there are no more", "[io]") {
  Room room;
  class Out final : public messi::Network {
   public:
    explicit Out(messi::Networks& networks) : networks_(networks) { networks.add("out", *this); }
    std::unique_ptr<messi::Connecting> connect(const std::string& uri,
                                               const messi::ConnectOptions& options,
                                               messi::ConnectHandler& given) override {
      return networks_.connect(uri, options, given);
    }
    messi::Result<std::unique_ptr<messi::Listener>> listen(const std::string& uri,
                                                           const messi::ListenOptions& options,
                                                           messi::ListenHandler& given) override {
      handler = &given;
      return networks_.listen("memory" + uri.substr(3), options, given);
    }
    messi::ListenHandler* handler = nullptr;

   private:
    messi::Networks& networks_;
  } out(room.loop.networks());
  MaskedNetwork network(room.loop, "masked-out", "out", Room::kLimits);
  Doorman doorman(room.loop, "masked-out://chat");
  const auto silent = crowd(room.loop, 20, "");
  const auto begun = crowd(room.loop, 3, "m");
  out.handler->handle_out_of_descriptors();
  room.loop.run_until_idle();
  CHECK(open(silent) == 4);
  CHECK(doorman.out_of_descriptors == 1);
  out.handler->handle_out_of_descriptors();
  room.loop.run_until_idle();
  CHECK(open(silent) == 0);
  CHECK(open(begun) == 3);
  CHECK(doorman.failed.size() == 20);

  const auto others = crowd(room.loop, 3, "");
  doorman.then = [&] { doorman.listener.reset(); };
  out.handler->handle_out_of_descriptors();
  CHECK(doorman.failed.size() == 21);
  CHECK(doorman.out_of_descriptors == 2);
}

TEST_CASE("a hook that throws does not leave others waiting", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  const auto strangers = crowd(room.loop, 3, "m");
  const auto waiting = crowd(room.loop, 10, "mask");
  doorman.then = [&] {
    doorman.then = [] {};
    throw std::runtime_error("no");
  };
  (*strangers[0])->send("oin");
  CHECK_THROWS_AS(room.loop.run_until_idle(), std::runtime_error);
  room.loop.run_until_idle();
  CHECK(doorman.failed.size() == 1);
  CHECK(doorman.accepted.size() == 10);
}

TEST_CASE("a listener may be destroyed when it tells of a stream, or of none", "[io]") {
  enum class When { kAccepted, kFailed, kTooManySilent, kTooManyWaiting, kSlow, kTooLate };
  for (const When when : {When::kAccepted, When::kFailed, When::kTooManySilent,
                          When::kTooManyWaiting, When::kSlow, When::kTooLate}) {
    CAPTURE(static_cast<int>(when));
    Room room;
    Doorman doorman(room.loop, "masked://chat");
    doorman.then = [&] { doorman.listener.reset(); };
    const auto slow = crowd(room.loop, 3, when == When::kTooLate ? "" : "m");
    if (when == When::kAccepted) (*slow[1])->send("ask");
    if (when == When::kFailed) (*slow[1])->send("no");
    if (when == When::kSlow) {
      const auto waiting = crowd(room.loop, 2, "mask");
      room.loop.advance(2s);
    }
    if (when == When::kTooManySilent) crowd(room.loop, 49, "");
    if (when == When::kTooManyWaiting) crowd(room.loop, 49, "m");
    room.loop.advance(when == When::kTooLate ? 10s : 1s);
    CHECK(doorman.accepted.size() == (when == When::kAccepted ? 1 : 0));
    CHECK(doorman.failed.size() == (when == When::kAccepted ? 0 : 1));
    CHECK(doorman.listener == nullptr);
  }
}

TEST_CASE("a server may be stopped while strangers shake hands with it", "[io]") {
  Room room;
  Server server(room.loop, "masked://chat");
  REQUIRE(server.start().ok());
  RawClient stranger(room.loop, "memory://chat");
  room.loop.run_until_idle();
  server.stop();
  room.loop.run_until_idle();
  CHECK(stranger->ended());
  REQUIRE(server.start().ok());
  Client client(room.loop, "masked://chat");
  client.start();
  room.loop.run_until_idle();
  CHECK(client.connected());
}

TEST_CASE("a stream that nobody has started keeps what comes", "[io]") {
  Room room;
  Doorman doorman(room.loop, "masked://chat");
  RawClient client(room.loop, "memory://chat");
  room.loop.run_until_idle();
  client->send("mask");
  room.loop.run_until_idle();
  client->send("later");
  room.loop.run_until_idle();
  REQUIRE(doorman.accepted.size() == 1);
  messi::testing::RawPeer peer(std::move(doorman.accepted[0]));
  room.loop.run_until_idle();
  CHECK(peer.received().size() == 5);
}

TEST_CASE("what a wrapped network cannot do is told as the one below says it", "[io]") {
  EpollLoop loop;
  MaskedNetwork network(loop, "masked", "tcp");
  Server wrong(loop, "masked://127.0.0.1");
  CHECK(wrong.start().code() == absl::StatusCode::kInvalidArgument);
  MaskedNetwork nowhere(loop, "masked-nothing", "nothing");
  Client client(loop, "masked-nothing://x");
  client.start();
  CHECK(run_until(loop, [&] { return client.stopped(); }));
  CHECK(client.last_failure.code() == absl::StatusCode::kInvalidArgument);
}

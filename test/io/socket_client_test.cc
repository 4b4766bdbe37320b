// Clients on real sockets.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/io/live.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::EpollLoop;
using messi::test::Client;
using messi::test::run_until;
using messi::test::Server;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

messi::ClientOptions quick_to_return() {
  messi::ClientOptions options;
  options.backoff.initial = 5ms;
  options.backoff.max = 50ms;
  return options;
}

// A port at which nobody listens: one that was free a moment ago.
std::string nobody_there() {
  EpollLoop loop;
  const RawServer gone(loop, "tcp://127.0.0.1:0");
  return gone.uri();
}

// A socket that listens, whose queue is full, so that connecting to it takes for ever.
class FullListener {
 public:
  FullListener() {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(fd_.get(), 0) == 0);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    for (messi::Fd& fd : fillers_) {
      fd = messi::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
      ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size);
    }
  }
  std::string uri() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

 private:
  messi::Fd fd_{::socket(AF_INET, SOCK_STREAM, 0)};
  messi::Fd fillers_[8];
  int port_ = 0;
};

}  // namespace

TEST_CASE("a client reaches a server by address, name, IPv6 and path", "[io]") {
  struct Case {
    std::string listen;
    std::string connect;  // with the server's port at the end
  };
  const std::string path = "/tmp/messi-test-" + std::to_string(::getpid()) + ".sock";
  const Case cases[] = {
      {"tcp://127.0.0.1:0", "tcp://127.0.0.1:"}, {"tcp://:0", "tcp://127.0.0.1:"},
      {"tcp://:0", "tcp://localhost:"},          {"tcp://localhost:0", "tcp://localhost:"},
      {"tcp://[::1]:0", "tcp://[::1]:"},         {"tcp://:0", "tcp://[::1]:"},
      {"unix://" + path, "unix://" + path},
  };
  for (const Case& each : cases) {
    CAPTURE(each.listen, each.connect);
    EpollLoop loop;
    Server server(loop, each.listen);
    const absl::Status status = server.start();
    if (!status.ok() && each.listen.find("::1") != std::string::npos) {
      WARN("skipped, since there is no IPv6 here: " << status);
      continue;
    }
    REQUIRE(status.ok());
    const bool tcp = each.connect.back() == ':';
    CHECK((server.port() != 0) == tcp);
    Client client(loop, tcp ? each.connect + std::to_string(server.port()) : each.connect);
    std::string peer;
    server.on = [&](const std::string&, Server::Client* from) { peer = from->peer_address(); };
    client.start();
    run_until(loop, [&] { return client.connected() && !peer.empty(); });
    client.send(messi::test::message("hello"));
    run_until(loop, [&] { return server.has("1 message hello"); });
    if (!tcp) CHECK(peer == "unix");
    if (each.connect == "tcp://127.0.0.1:") CHECK(peer.find("127.0.0.1:") == 0);
    if (each.connect == "tcp://[::1]:") CHECK(peer.find("[::1]:") == 0);
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("a host that does not exist is a connect failure that names it", "[io]") {
  EpollLoop loop;
  Client client(loop, "tcp://no.such.host.invalid:6000");
  client.retry = [](const absl::Status&) { return std::nullopt; };
  client.start();
  run_until(loop, [&] { return !client.log.empty(); });
  CHECK(client.has("failed: tcp://no.such.host.invalid:6000: cannot find the host: "));
  CHECK(client.last_failure.code() == absl::StatusCode::kNotFound);
}

TEST_CASE("a client may go while its host's name is being resolved", "[io]") {
  EpollLoop loop;
  for (int i = 0; i < 10; ++i) {
    Client client(loop, "tcp://localhost:6000");
    client.start();
    loop.poll();
  }
  {
    Client client(loop, "tcp://localhost:6000");
    client.start();
    loop.poll();
    client.stop();
    loop.poll();
    CHECK(client.log.empty());
  }
}

TEST_CASE("a refused connection is a connect failure, and the client tries again", "[io]") {
  EpollLoop loop;
  const std::string uri = nobody_there();
  Client client(loop, uri, quick_to_return());
  client.start();
  run_until(loop, [&] { return client.count("failed: " + uri + ": cannot connect: ") >= 3; });
  CHECK(client.has("failed: " + uri + ": cannot connect: Connection refused"));

  Server server(loop, uri);
  REQUIRE(server.start().ok());
  run_until(loop, [&] { return client.connected(); });
}

TEST_CASE("every address of a host is tried", "[io]") {
  // "localhost" is ::1 first and 127.0.0.1 second on most machines; the server has only the latter.
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client client(loop, "tcp://localhost:" + std::to_string(server.port()));
  client.start();
  run_until(loop, [&] { return client.connected(); });
  CHECK_FALSE(client.has("failed"));
}

TEST_CASE("a server that does not answer runs into the time-out, and blocks nobody", "[io]") {
  const FullListener full;
  EpollLoop loop;
  messi::ClientOptions options = quick_to_return();
  options.connect_timeout = 50ms;
  Client client(loop, full.uri(), options);
  int turns = 0;
  messi::Timer metronome(loop, [&] {
    ++turns;
    metronome.set(loop.now() + 1ms);
  });
  metronome.set(loop.now());
  client.start();
  run_until(loop, [&] { return client.count("failed") >= 2; });
  CHECK(client.has("failed: " + full.uri() + ": cannot connect: no answer in time"));
  CHECK(turns >= 20);
}

TEST_CASE("small messages are not delayed, in either direction", "[io]") {
  EpollLoop loop;
  RawServer peer(loop, "tcp://127.0.0.1:0");
  Client client(loop, peer.uri());
  client.start();
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client other(loop, server.uri());
  other.start();
  run_until(loop, [&] { return client.connected() && other.connected() && !server.log.empty(); });

  // Every connected socket of this process has TCP_NODELAY set.
  int connected = 0;
  for (int fd = 3; fd < 64; ++fd) {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) continue;
    int on = 0;
    size = sizeof(on);
    if (::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) != 0) continue;
    ++connected;
    CHECK(on == 1);
  }
  CHECK(connected == 4);
}

TEST_CASE("ten thousand messages each way arrive in order", "[io]") {
  constexpr int kMessages = 10'000;
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  std::vector<int> at_server;
  std::vector<int> at_client;
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.find("message ") == 0) at_server.push_back(std::stoi(event.substr(8)));
    if (event != "connected") return;
    for (int i = 0; i < kMessages; ++i) from->send(messi::test::message(std::to_string(i)));
  };
  client.then = [&](const std::string& line) {
    if (line.find("message ") == 0) at_client.push_back(std::stoi(line.substr(8)));
    if (line != "connected") return;
    for (int i = 0; i < kMessages; ++i) client.send(messi::test::message(std::to_string(i)));
  };
  client.start();
  run_until(loop, [&] { return at_server.size() == kMessages && at_client.size() == kMessages; });
  for (int i = 0; i < kMessages; ++i) {
    const auto index = static_cast<std::size_t>(i);
    if (at_server[index] != i || at_client[index] != i) FAIL("out of order at " << i);
  }
  CHECK_FALSE(client.has("disconnected"));
}

TEST_CASE("a large message crosses sockets whole, in both directions", "[io]") {
  EpollLoop loop;
  messi::ServerOptions server_options;
  server_options.max_payload_size = (1 << 24) - 1;
  messi::ClientOptions client_options;
  client_options.max_payload_size = (1 << 24) - 1;
  Server server(loop, "tcp://127.0.0.1:0", server_options);
  REQUIRE(server.start().ok());
  Client client(loop, server.uri(), client_options);
  client.start();
  run_until(loop, [&] { return client.connected(); });
  for (const std::size_t size : {100'000u, 1'000'000u, 16'000'000u}) {
    const std::string text(size, static_cast<char>('a' + size % 26));
    client.send(messi::test::message(text));
    run_until(loop, [&] { return server.last_text.size() == size; });
    CHECK(server.last_text == text);
    server.broadcast(messi::test::message(text));
    run_until(loop, [&] { return client.last_text.size() == size; });
    CHECK(client.last_text == text);
  }
}

TEST_CASE("a peer that has closed does not kill who writes to it", "[io]") {
  EpollLoop loop;
  RawServer peer(loop, "tcp://127.0.0.1:0");
  Client client(loop, peer.uri(), quick_to_return());
  client.start();
  for (std::size_t round = 1; round <= 5; ++round) {
    run_until(loop, [&] { return client.connected() && peer.peers().size() == round; });
    peer.last().close();
    // One write makes the peer answer with a reset, the next meets it.
    for (int i = 0; i < 10 && client.connected(); ++i) {
      client.send(messi::test::message(std::string(1000, 'x')));
      loop.poll();
    }
    run_until(loop, [&] { return client.count("disconnected: Connection closed.") == round; });
  }
}

TEST_CASE("what a server sent before it closed still arrives, though the client was sending", "[io]") {
  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  client.retry = [](const absl::Status&) { return std::nullopt; };
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event != "message go away") return;
    from->send(messi::test::message("farewell"));
    from->disconnect();
  };
  client.start();
  run_until(loop, [&] { return client.connected(); });
  client.send(messi::test::message("go away"));
  for (int i = 0; i < 100; ++i) client.send(messi::test::message(std::string(1000, 'x')));
  run_until(loop, [&] { return client.has("disconnected"); });
  CHECK(client.log == messi::test::Log{"connected", "message farewell",
                                       "disconnected: Connection closed."});
}

TEST_CASE("a frame that is cut by the end of a connection does not spoil the next", "[io]") {
  EpollLoop loop;
  RawServer peer(loop, "tcp://127.0.0.1:0");
  Client client(loop, peer.uri(), quick_to_return());
  client.start();
  const std::string frame = messi::test::from_server(messi::test::message("whole"));
  for (std::size_t cut = 1; cut < frame.size(); ++cut) {
    run_until(loop, [&] { return client.connected() && peer.peers().size() == cut; });
    peer.last().send(frame + frame.substr(0, cut));
    run_until(loop, [&] { return client.count("message whole") == cut; });
    peer.last().close();
    run_until(loop, [&] { return client.count("disconnected: Connection closed.") == cut; });
  }
}

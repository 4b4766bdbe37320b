#include <netinet/tcp.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/linux/socket_listener.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::Client;
using messi::test::from_server;
using messi::test::Log;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;
using messi::test::SocketLoop;

namespace {

messi::ClientOptions quick() {
  messi::ClientOptions options;
  options.backoff.initial = 1ms;
  options.backoff.max = 10ms;
  return options;
}

void check_exchange(SocketLoop& loop, Server& server, const std::string& uri) {
  CAPTURE(uri);
  server.log.clear();
  server.on = [](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
  };
  Client client(loop, uri);
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
  };
  client.start();
  CHECK(run_until(loop, [&] { return client.has("message echo"); }));
  client.stop();
  CHECK(run_until(loop, [&] { return client.stopped() && server.client_count() == 0; }));
  CHECK(client.log == Log{"connected", "message echo", "disconnected: Stopped."});
  CHECK(server.log.size() == 3);
}

}  // namespace

TEST_CASE("clients and servers meet over IPv4", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  CHECK(server.port() != 0);
  CHECK(server.uri() == "tcp://127.0.0.1:" + std::to_string(server.port()));
  check_exchange(loop, server, server.uri());
  check_exchange(loop, server, "tcp://:" + std::to_string(server.port()));
}

TEST_CASE("clients and servers meet over IPv6", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://[::1]:0");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "tcp://[::1]:" + std::to_string(server.port()));
  check_exchange(loop, server, server.uri());
  check_exchange(loop, server, "tcp://:" + std::to_string(server.port()));
}

TEST_CASE("clients and servers meet at a host name", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://localhost:0");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "tcp://localhost:" + std::to_string(server.port()));
  check_exchange(loop, server, server.uri());
  check_exchange(loop, server, "tcp://127.0.0.1:" + std::to_string(server.port()));
}

TEST_CASE("a server on any address serves IPv4, IPv6 and host names", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://:0");
  REQUIRE(server.start().ok());
  const std::string port = std::to_string(server.port());
  CHECK(server.uri() == "tcp://:" + port);
  for (const char* const host : {"127.0.0.1", "[::1]", "localhost", ""}) {
    check_exchange(loop, server, "tcp://" + std::string(host) + ":" + port);
  }
}

TEST_CASE("a peer's address is shown as it is usually written", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://:0");
  REQUIRE(server.start().ok());
  std::string address;
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "connected") address = client->peer_address();
  };
  const std::string port = std::to_string(server.port());
  Client v4(loop, "tcp://127.0.0.1:" + port);
  v4.start();
  CHECK(run_until(loop, [&] { return !address.empty(); }));
  CHECK_THAT(address, StartsWith("127.0.0.1:"));
  address.clear();
  Client v6(loop, "tcp://[::1]:" + port);
  v6.start();
  CHECK(run_until(loop, [&] { return !address.empty(); }));
  CHECK_THAT(address, StartsWith("[::1]:"));
}

TEST_CASE("a port that is in use is an error that names it", "[io][loops]") {
  SocketLoop loop;
  Server first(loop, "tcp://127.0.0.1:0");
  REQUIRE(first.start().ok());
  Server second(loop, first.uri());
  const absl::Status status = second.start();
  CHECK(std::string(status.message()) == first.uri() + ": cannot listen: Address already in use");
  const std::string uri = first.uri();
  first.stop();
  CHECK(second.start().ok());
  CHECK(second.uri() == uri);
}

TEST_CASE("addresses that cannot be listened at are errors that name them", "[io][loops]") {
  SocketLoop loop;
  Server elsewhere(loop, "tcp://203.0.113.1:6000");
  CHECK_THAT(std::string(elsewhere.start().message()),
             StartsWith("tcp://203.0.113.1:6000: cannot listen: "));
  CHECK(elsewhere.port() == 0);
  Server nowhere(loop, "tcp://no.such.host.invalid:6000");
  CHECK_THAT(std::string(nowhere.start().message()),
             StartsWith("tcp://no.such.host.invalid:6000: cannot find the host: "));
}

TEST_CASE("a server's port can be used again at once", "[io][loops]") {
  SocketLoop loop;
  auto server = std::make_unique<Server>(loop, "tcp://127.0.0.1:0");
  REQUIRE(server->start().ok());
  const std::string uri = server->uri();
  Client client(loop, uri, quick());
  client.start();
  for (std::size_t i = 1; i <= 5; ++i) {
    CHECK(run_until(loop, [&] { return client.count("connected") == i; }));
    server.reset();
    CHECK(run_until(loop, [&] { return client.count("disconnected") == i; }));
    server = std::make_unique<Server>(loop, uri);
    REQUIRE(server->start().ok());
  }
}

TEST_CASE("sockets send at once: TCP_NODELAY is set on both sides", "[io][loops]") {
  SocketLoop loop;
  const std::vector<int> before = messi::test::open_descriptors();
  Server server(loop, "tcp://:0");
  REQUIRE(server.start().ok());
  const std::string port = std::to_string(server.port());
  Client v4(loop, "tcp://127.0.0.1:" + port);
  Client v6(loop, "tcp://[::1]:" + port);
  v4.start();
  v6.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 2; }));
  int sockets = 0;
  for (const int fd : messi::test::open_descriptors()) {
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    if (std::count(before.begin(), before.end(), fd) != 0) continue;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    int on = 0;
    size = sizeof(on);
    CHECK(::getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size) == 0);
    CHECK(on != 0);
    ++sockets;
  }
  CHECK(sockets == 4);
}

TEST_CASE("what is sent before a stop or a disconnect arrives", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Client client(loop, server.uri(), quick());
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  // The client has sent what the server will never read; that must not destroy what it is sent.
  for (int i = 0; i < 100; ++i) client.send(message(std::string(1'000, 'x')));
  server.find_client(1)->send(message("good bye"));
  server.find_client(1)->disconnect();
  CHECK(run_until(loop, [&] { return client.has("disconnected"); }));
  CHECK(client.count("message good bye") == 1);

  CHECK(run_until(loop, [&] { return client.connected() && server.client_count() == 1; }));
  client.send(message("the end"));
  client.stop();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  CHECK(server.count("2 message the end") == 1);
}

TEST_CASE("a frame that is cut by a disconnect does not spoil the next connection", "[io][loops]") {
  SocketLoop loop;
  messi::test::RawListener listener;
  Client client(loop, listener.uri(), quick());
  client.start();
  const std::string bytes = from_server(message("whole"));
  for (std::size_t cut = 1; cut < bytes.size(); cut += 4) {
    client.log.clear();
    Fd peer;
    CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
    CHECK(messi::test::write_some(peer, bytes.substr(0, cut)) == cut);
    CHECK(run_until(loop, [&] { return client.connected(); }));
    peer.reset();
    CHECK(run_until(loop, [&] { return client.has("disconnected"); }));
    CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
    CHECK(messi::test::write_some(peer, bytes) == bytes.size());
    CHECK(run_until(loop, [&] { return client.has("message whole"); }));
    peer.reset();
    CHECK(run_until(loop, [&] { return !client.connected(); }));
  }
}

TEST_CASE("a connection that is reset is closed", "[io][loops]") {
  SocketLoop loop;
  messi::test::RawListener listener;
  Client client(loop, listener.uri(), quick());
  client.start();
  Fd peer;
  CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
  CHECK(run_until(loop, [&] { return client.connected(); }));
  messi::test::reset(peer);
  CHECK(run_until(loop, [&] { return client.has("disconnected"); }));
  CHECK(client.log[1] == "disconnected: Connection closed.");
}

TEST_CASE("a peer that only ends its own direction is gone", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  const Fd peer = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  ::shutdown(peer.get(), SHUT_WR);
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  CHECK(server.log == Log{"1 connected", "1 disconnected: Connection closed."});
}

TEST_CASE("a silent client is dropped, one that says anything at all is not", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.client_timeout = 200ms;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  const Fd silent = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  const Fd alive = messi::test::connected_socket(server.port());
  messi::Timer beat(loop, [&] {
    messi::test::write_some(alive, messi::test::kPing);
    beat.set(loop.now() + 20ms);
  });
  beat.set(loop.now());
  CHECK(run_until(loop, [&] { return server.has("1 disconnected"); }));
  CHECK(server.log == Log{"1 connected", "2 connected", "1 disconnected: Keep alive timeout."});
  CHECK(messi::test::at_end(silent));
}

TEST_CASE("a full server turns clients away, and takes one when another has gone", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.max_clients = 1;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  Fd first = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  const Fd second = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.has("refused 127.0.0.1:"); }));
  messi::test::read_all(second);  // why
  CHECK(messi::test::at_end(second));
  first.reset();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  const Fd third = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
}

TEST_CASE("raw peers work on sockets too", "[io][loops]") {
  SocketLoop loop;
  messi::testing::RawServer server(loop, "tcp://127.0.0.1:0");
  messi::testing::RawClient client(loop, server.uri());
  CHECK(run_until(loop, [&] { return client.peer() != nullptr && !server.peers().empty(); }));
  client->send("hello");
  CHECK(run_until(loop, [&] { return server.last().received() == "hello"; }));
}

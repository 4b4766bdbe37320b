// Limits that the kernel has a part in: who counts as one address, and what sockets are told.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "messi/io/linux/socket_address.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::io::PeerAddress;
using messi::io::SocketAddress;
using messi::test::at_end;
using messi::test::Client;
using messi::test::read_all;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

std::string origin_of(const std::string& host) {
  return PeerAddress(*SocketAddress::parse(host, 1)).origin();
}

/// A connection from one address of this machine to another.
Fd connect_from(const std::string& from, const std::string& to, std::uint16_t port) {
  const SocketAddress source = *SocketAddress::parse(from, 0);
  const SocketAddress target = *SocketAddress::parse(to, port);
  Fd fd(::socket(source.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::bind(fd.get(), source.data(), source.size()) == 0);
  REQUIRE(::connect(fd.get(), target.data(), target.size()) == 0);
  return fd;
}

int option_of(int fd, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  ::getsockopt(fd, IPPROTO_TCP, name, &value, &size);
  return value;
}

}  // namespace

TEST_CASE("an address of IPv4 counts as itself, also mapped; of IPv6 the network counts",
          "[io][loops]") {
  CHECK(origin_of("192.0.2.1") == "192.0.2.1");
  CHECK(origin_of("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(origin_of("2001:db8:0:1::1") == "2001:db8:0:1::/64");
  CHECK(origin_of("2001:db8:0:1:ffff:ffff:ffff:ffff") == "2001:db8:0:1::/64");
  CHECK(origin_of("2001:db8:0:2::1") == "2001:db8:0:2::/64");
  CHECK(origin_of("::1") == "::/64");
  CHECK(PeerAddress(SocketAddress::unix_path("/tmp/x")).origin().empty());
}

TEST_CASE("clients of one address are counted, whatever family the server listens at",
          "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.max_clients_per_address = 2;
  for (const char* const host : {"", "127.0.0.1"}) {
    CAPTURE(host);
    Server server(loop, std::string("tcp://") + host + ":0", options);
    REQUIRE(server.start().ok());
    std::vector<Fd> clients;
    for (const char* const from : {"127.0.0.1", "127.0.0.2", "127.0.0.2", "127.0.0.2"}) {
      clients.push_back(connect_from(from, "127.0.0.1", server.port()));
    }
    CHECK(run_until(loop, [&] { return server.has("refused"); }));
    CHECK(server.log.back().find("refused 127.0.0.2:") == 0);
    CHECK(server.client_count() == 3);
    read_all(clients.back());  // why
    CHECK(at_end(clients.back()));
    // There is room again when one has gone.
    clients[1].reset();
    CHECK(run_until(loop, [&] { return server.client_count() == 2; }));
    clients.push_back(connect_from("127.0.0.2", "127.0.0.1", server.port()));
    CHECK(run_until(loop, [&] { return server.client_count() == 3; }));
  }
}

TEST_CASE("clients over IPv6 count by their network, clients of Unix sockets not at all",
          "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.max_clients_per_address = 1;
  Server server(loop, "tcp://:0", options);
  REQUIRE(server.start().ok());
  const Fd v4 = connect_from("127.0.0.1", "127.0.0.1", server.port());
  const Fd v6 = connect_from("::1", "::1", server.port());
  const Fd another = connect_from("::1", "::1", server.port());
  CHECK(run_until(loop, [&] { return server.count("") == 3; }));
  CHECK(server.client_count() == 2);
  CHECK(server.log.back().find("refused [::1]:") == 0);

  Server local(loop, "unix-abstract:messi-test-origin-" + std::to_string(::getpid()), options);
  REQUIRE(local.start().ok());
  Client first(loop, local.uri());
  Client second(loop, local.uri());
  first.start();
  second.start();
  CHECK(run_until(loop, [&] { return local.client_count() == 2; }));
}

TEST_CASE("TCP_USER_TIMEOUT and TCP_NODELAY reach the kernel on both sides", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions server_options;
  messi::ClientOptions client_options;
  for (const auto& [timeout, told] :
       {std::pair<messi::Duration, int>{0s, 0}, {1500ms, 1500}, {messi::Duration::max(), -1}}) {
    CAPTURE(told);
    server_options.socket.tcp_user_timeout = timeout;
    client_options.socket.tcp_user_timeout = timeout;
    Server server(loop, "tcp://127.0.0.1:0", server_options);
    REQUIRE(server.start().ok());
    Client client(loop, server.uri(), client_options);
    client.start();
    CHECK(run_until(loop, [&] { return client.connected() && server.client_count() == 1; }));
    for (const int fd : {client.native_handle(), server.clients().begin()->native_handle()}) {
      CHECK(option_of(fd, TCP_NODELAY) == 1);
      const int value = option_of(fd, TCP_USER_TIMEOUT);
      CHECK((told >= 0 ? value == told : value > 1'000'000'000));
    }
  }
}

// What was sent before the end arrives, over real sockets: the kernel answers a close with a reset,
// and forgets what it has not sent, when there is or comes input that nobody reads.

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::Client;
using messi::test::connected_socket;
using messi::test::from_server;
using messi::test::kPing;
using messi::test::message;
using messi::test::read_all;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::test::write_some;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 30;

messi::ServerOptions server_options() {
  messi::ServerOptions options;
  options.max_pending_bytes = kPlenty;
  options.client_timeout = 1min;
  options.max_pings_per_second = SIZE_MAX;
  options.linger = 1min;
  return options;
}

messi::ClientOptions client_options() {
  messi::ClientOptions options;
  options.max_pending_bytes = kPlenty;
  options.ping_interval = 1ms;  // its peer is never silent
  options.pong_timeout = 1min;
  options.linger = 1min;
  return options;
}

std::string unix_uri() {
  static int number = 0;
  return "unix-abstract:messi-test-" + std::to_string(::getpid()) + "-" + std::to_string(++number);
}

}  // namespace

TEST_CASE("all that was sent before stop or disconnect arrives", "[io][loops]") {
  for (const bool over_tcp : {true, false}) {
    for (const int count : {1, 3, 60}) {
      for (const bool client_ends : {true, false}) {
        CAPTURE(over_tcp, count, client_ends);
        SocketLoop loop;
        Server server(loop, over_tcp ? "tcp://127.0.0.1:0" : unix_uri(), server_options());
        REQUIRE(server.start().ok());
        Client client(loop, server.uri(), client_options());
        const auto text = message(std::string(200'000, 'x'));
        client.then = [&](const std::string& line) {
          if (line != "connected" || !client_ends) return;
          for (int i = 0; i < count; ++i) client.send(text);
          client.stop();
        };
        server.on = [&](const std::string& event, Server::Client* from) {
          if (event != "connected" || client_ends) return;
          for (int i = 0; i < count; ++i) from->send(text);
          from->disconnect();
        };
        client.start();
        CHECK(run_until(loop, [&] { return server.has("1 disconnected") && client.has("disc"); }));
        const std::size_t arrived =
            client_ends ? server.count("1 message") : client.count("message");
        CHECK(arrived == static_cast<std::size_t>(count));
      }
    }
  }
}

TEST_CASE("a client that talks all the time still hears the last words of the server",
          "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", server_options());
  REQUIRE(server.start().ok());
  int talked = 0;
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.rfind("message", 0) != 0 || ++talked != 50) return;
    for (int i = 0; i < 30; ++i) from->send(message(std::string(100'000, 'x')));
    from->send(message("you talk too much"));
    from->disconnect();
  };
  Client client(loop, server.uri(), client_options());
  client.start();
  CHECK(run_until(loop, [&] { return client.connected(); }));
  bool over = false;
  client.then = [&](const std::string& line) { over |= line.rfind("disconnected", 0) == 0; };
  CHECK(run_until(loop, [&] {
    while (client.connected() && client.pending_bytes() < 300'000) {
      client.send(message(std::string(4'000, 'y')));
    }
    return over;
  }));
  CHECK(client.last_text == "you talk too much");
}

TEST_CASE("a peer that reads slowly and pings all the while gets everything", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", server_options());
  REQUIRE(server.start().ok());
  const Fd peer = connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  for (int i = 0; i < 800; ++i) server.broadcast(message(std::string(10'000, 'x')));
  server.stop();
  std::string received;
  bool ended = false;
  int pings = 0;
  while (!ended) {
    loop.poll();
    char bytes[30'000];
    const ssize_t size = ::recv(peer.get(), bytes, sizeof(bytes), MSG_DONTWAIT);
    if (size > 0) received.append(bytes, static_cast<std::size_t>(size));
    if (size > 0 && ++pings < 1'000) write_some(peer, kPing);
    ended = size == 0 || (size < 0 && errno != EAGAIN);
  }
  // Pongs are among it.
  CHECK(std::count(received.begin(), received.end(), 'x') == 8'000'000);
}

TEST_CASE("a snapshot over max_pending_bytes reaches a reader that is quick", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.client_timeout = 1min;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  constexpr int kCount = 320;
  const auto part = message(std::string(100'000, 'x'));
  const std::size_t expected = kCount * from_server(part).size();
  REQUIRE(expected > 4 * options.max_pending_bytes);
  std::size_t received = 0;
  Fd peer = connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  std::thread reader([&] {
    std::string bytes(1 << 20, '\0');
    const int flags = ::fcntl(peer.get(), F_GETFL);
    ::fcntl(peer.get(), F_SETFL, flags & ~O_NONBLOCK);
    while (received < expected) {
      const ssize_t size = ::recv(peer.get(), bytes.data(), bytes.size(), 0);
      if (size <= 0) return;
      received += static_cast<std::size_t>(size);
    }
  });
  // A piece in each turn, as much as the bound allows in one, and what the system takes besides.
  int sent = 0;
  CHECK(run_until(loop, [&] {
    Server::Client* const client = server.find_client(1);
    if (client == nullptr || sent == kCount) return true;
    if (client->pending_bytes() == 0) {
      for (int i = 0; i < 80 && sent < kCount; ++i, ++sent) client->send(part);
    }
    loop.poll();
    return false;
  }));
  server.stop();
  CHECK(run_until(loop, [&] { return server.stopped() || received == expected; }));
  reader.join();
  CHECK(received == expected);
}

TEST_CASE("a burst to somebody who cannot read meanwhile has a name of its own", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options;
  options.max_pending_bytes = 100'000;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event != "connected" || from->id() != 1) return;
    for (int i = 0; i < 1'000; ++i) from->send(message(std::string(50'000, 'x')));
  };
  client.start();
  CHECK(run_until(loop, [&] { return server.has("1 disconnected"); }));
  CHECK(server.has("1 disconnected: Too much sent at once."));
}

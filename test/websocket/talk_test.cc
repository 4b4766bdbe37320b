// Clients and servers that talk over WebSocket, in memory and over sockets, with TLS and without.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/tls.h"
#include "messi/websocket.h"
#include "test/catch.h"
#include "test/support/any_network.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::test::talk;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

namespace {

/// The schemes "ws" and "wss" of a loop.
struct Both {
  explicit Both(messi::EventLoop& loop)
      : tls(loop, config_of(authority)), ws(loop), wss(loop, {}, "wss", "tls") {}

  Authority authority;
  messi::tls::Network tls;
  messi::websocket::Network ws;
  messi::websocket::Network wss;
};

}  // namespace

TEST_CASE("clients and servers talk over WebSocket in memory, however the network slices it",
          "[websocket]") {
  for (const std::string scheme : {"ws", "wss"}) {
    for (const std::size_t most_per_read : std::vector<std::size_t>{1, 7, 1'000, 1'000'000}) {
      for (const std::size_t capacity : std::vector<std::size_t>{1, 13, 1'000, 256 * 1024}) {
        CAPTURE(scheme, most_per_read, capacity);
        ManualLoop loop;
        const Both networks(loop);
        loop.network().faults.most_per_read = most_per_read;
        loop.network().faults.capacity = capacity;
        const auto until = [&](auto condition) {
          loop.run_until_idle();
          return condition();
        };
        const std::size_t large =
            std::min<std::size_t>(300 * std::min(most_per_read, capacity), 100'000);
        talk(loop, scheme + "://localhost:6000/chat", until, large);
      }
    }
  }
}

TEST_CASE("clients and servers talk over WebSocket on sockets", "[websocket][loops]") {
  SocketLoop loop;
  const Both networks(loop);
  const auto until = [&](auto condition) { return run_until(loop, condition); };
  for (const std::string scheme : {"ws", "wss"}) {
    talk(loop, scheme + "://127.0.0.1:0", until, 400'000);
    talk(loop, scheme + "://localhost:0/chat/room", until, 40'000);
  }
}

TEST_CASE("an answer to a client that was told to go is not lost in a WebSocket", "[websocket]") {
  ManualLoop loop;
  const messi::websocket::Network ws(loop);
  messi::test::answer_who_goes(loop, "ws://localhost:6000");
}

TEST_CASE("many clients that come at once all get in over WebSocket", "[websocket]") {
  for (const std::string scheme : {"ws", "wss"}) {
    CAPTURE(scheme);
    ManualLoop loop;
    const Both networks(loop);
    messi::test::come_at_once(loop, scheme + "://localhost:6000");
  }
}

TEST_CASE("a paused client gets its messages after resume, and then the end of the WebSocket",
          "[websocket]") {
  ManualLoop loop;
  const messi::websocket::Network ws(loop);
  messi::test::pause_and_resume(loop, "ws://localhost:6000");
}

TEST_CASE("much more than is allowed to wait can be sent over WebSocket to those who read",
          "[websocket][loops]") {
  SocketLoop loop;
  const Both networks(loop);
  for (const std::string scheme : {"ws", "wss"}) {
    CAPTURE(scheme);
    messi::ServerOptions options;
    options.max_pending_bytes = 500'000;
    Server server(loop, scheme + "://127.0.0.1:0", options);
    REQUIRE(server.start().ok());
    Client client(loop, server.uri());
    client.start();
    CHECK(run_until(loop, [&] { return server.client_count() == 1 && client.connected(); }));
    server.find_client(1)->send(message(std::string(900'000, 'x')));
    CHECK(run_until(loop, [&] { return client.has("message of 900000 bytes"); }));
  }
}

TEST_CASE("who is at the other end of a WebSocket is passed on", "[websocket][loops]") {
  SocketLoop loop;
  const Both networks(loop);
  Server server(loop, "wss://127.0.0.1:0/chat");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "wss://127.0.0.1:" + std::to_string(server.port()) + "/chat");
  Client client(loop, server.uri() + "?name=erik");
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1 && client.connected(); }));
  CHECK(server.find_client(1)->peer_address().find("127.0.0.1:") == 0);
  CHECK(server.find_client(1)->native_handle() > 2);
  REQUIRE(client.peer_certificate() != nullptr);
  CHECK(client.peer_certificate()->dns_names == std::vector<std::string>{"localhost"});
}

TEST_CASE("a WebSocket on a Unix socket has the path /", "[websocket][loops]") {
  SocketLoop loop;
  const messi::websocket::Network ws(loop, {}, "local", "unix-abstract");
  const std::string name = "messi-websocket-" + std::to_string(::getpid());
  const auto until = [&](auto condition) { return run_until(loop, condition); };
  talk(loop, "local:" + name, until, 40'000);
}

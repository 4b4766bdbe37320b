// Clients and servers that talk over TLS, in memory and over sockets.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::Log;
using messi::test::message;
using messi::test::mutual_config_of;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

namespace {

// With messages in both directions, some `large`, and an orderly end.
template <typename Loop, typename RunUntil>
void talk(Loop& loop, const std::string& uri, RunUntil until, std::size_t large) {
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.find("message") == 0) from->send(message(server.last_text));
  };
  Client client(loop, server.uri());
  std::size_t echoed = 0;
  client.then = [&](const std::string& line) {
    if (line.find("message") == 0) echoed += client.last_text.size();
  };
  client.start();
  CHECK(until([&] { return client.connected(); }));
  CHECK(client.log == Log{"connected"});
  std::size_t sent = 0;
  for (const std::size_t size : std::vector<std::size_t>{0, 1, 3, 300, large, 2 * large, 5}) {
    client.send(message(std::string(size, 'x')));
    sent += size;
  }
  CHECK(until([&] { return echoed == sent; }));
  CHECK(client.last_text == "xxxxx");

  // What was sent still arrives, and then the end.
  client.send(message("bye"));
  client.stop();
  CHECK(until([&] { return client.stopped() && server.client_count() == 0; }));
  CHECK(client.disconnect_hint().empty());
  CHECK(server.count("1 message") == 8);
  CHECK(server.last_text == "bye");
  CHECK(server.log.back() == "1 disconnected: Connection closed.");
}

}  // namespace

TEST_CASE("clients and servers talk over TLS in memory, however the network slices it", "[tls]") {
  const Authority authority;
  for (const std::size_t most_per_read : std::vector<std::size_t>{1, 7, 1'000, 1'000'000}) {
    for (const std::size_t capacity : std::vector<std::size_t>{1, 1'000, 256 * 1024}) {
      CAPTURE(most_per_read, capacity);
      ManualLoop loop;
      messi::tls::Network tls(loop, config_of(authority));
      REQUIRE(tls.status().ok());
      loop.network().faults.most_per_read = most_per_read;
      loop.network().faults.capacity = capacity;
      const auto until = [&](auto condition) {
        loop.run_until_idle();
        return condition();
      };
      const std::size_t large =
          std::min<std::size_t>(300 * std::min(most_per_read, capacity), 40'000);
      talk(loop, "tls://localhost:6000", until, large);
    }
  }
}

TEST_CASE("an answer to a client that was told to go is not lost in TLS", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  const messi::tls::Network tls(loop, config_of(authority));
  Server server(loop, "tls://localhost:6000");
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.find("message") == 0) from->send(message(std::string(457, 'x')));
  };
  Client client(loop, server.uri());
  client.may_leave = true;
  client.start();
  loop.run_until_idle();
  REQUIRE(client.connected());

  // The client has ended its side when TLS still holds most of the answer.
  loop.network().faults.capacity = 50;
  client.send(message("a question"));
  server.drain(5s);
  loop.run_until_idle();
  CHECK(client.last_text.size() == 457);
  CHECK(client.log.back() == "disconnected: Draining.");
  CHECK(server.client_count() == 0);
}

TEST_CASE("clients and servers talk over TLS on sockets", "[tls][loops]") {
  const Authority authority;
  for (const bool mutual : {false, true}) {
    SocketLoop loop;
    messi::tls::Network tls(loop, mutual ? mutual_config_of(authority) : config_of(authority));
    const auto until = [&](auto condition) { return run_until(loop, condition); };
    talk(loop, "tls://127.0.0.1:0", until, 400'000);
    talk(loop, "tls://localhost:0", until, 40'000);
  }
}

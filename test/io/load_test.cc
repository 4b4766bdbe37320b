#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/linux/socket_stream.h"
#include "messi/server_client.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::Client;
using messi::test::connected_socket;
using messi::test::DescriptorLimit;
using messi::test::from_client;
using messi::test::kPing;
using messi::test::live_bytes;
using messi::test::Log;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::test::write_some;
using namespace std::chrono_literals;

namespace {

// What an idle client's memory is made of: each is the most that fits the allocator's size class.
static_assert(sizeof(messi::ServerClient) <= 40);
static_assert(sizeof(messi::AcceptedLink) <= 152);
static_assert(sizeof(messi::io::SocketStream) <= 56);

/// Patient enough for any machine; what is tested here is not time.
messi::ServerOptions patient(std::size_t max_clients = 1'024) {
  messi::ServerOptions options;
  options.client_timeout = 1min;
  options.max_clients = max_clients;
  return options;
}

messi::ClientOptions patient_client() {
  messi::ClientOptions options;
  options.pong_timeout = 1min;
  options.connect_timeout = 1min;
  return options;
}

/// As many clients as wished for, or as the limit on descriptors allows: each has two here.
std::size_t possible(std::size_t wished) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(wished, (limit.rlim_cur - 100) / 2);
}

}  // namespace

TEST_CASE("ten thousand messages each way arrive in order", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  constexpr int kCount = 10'000;
  int at_server = 0;
  int at_client = 0;
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event == "connected") {
      for (int i = 0; i < kCount; ++i) from->send(message(std::to_string(i)));
    } else if (server.last_text == std::to_string(at_server)) {
      ++at_server;
    }
    server.log.clear();
  };
  Client client(loop, server.uri(), patient_client());
  client.then = [&](const std::string& line) {
    if (line == "connected") {
      for (int i = 0; i < kCount; ++i) client.send(message(std::to_string(i)));
    } else if (client.last_text == std::to_string(at_client)) {
      ++at_client;
    }
    client.log.clear();
  };
  client.start();
  CHECK(run_until(loop, [&] { return at_server == kCount && at_client == kCount; }));
}

TEST_CASE("the largest messages arrive, both ways", "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions server_options = patient();
  messi::ClientOptions client_options = patient_client();
  server_options.max_payload_size = client_options.max_payload_size = 0xffffff;
  server_options.max_pending_bytes = client_options.max_pending_bytes = 0x4000000;
  Server server(loop, "tcp://127.0.0.1:0", server_options);
  REQUIRE(server.start().ok());
  std::string text(0xffffff - 10, 'x');
  for (std::size_t i = 0; i < text.size(); i += 1'000) text[i] = static_cast<char>('a' + i % 23);
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event != "connected") from->send(message(server.last_text));
  };
  Client client(loop, server.uri(), client_options);
  std::size_t echoes = 0;
  client.then = [&](const std::string& line) {
    if (line != "connected") echoes += client.last_text == text ? 1 : 0;
    if (echoes < 3) client.send(message(text));
  };
  client.start();
  CHECK(run_until(loop, [&] { return echoes == 3; }));
  CHECK(client.count("disconnected") == 0);
}

TEST_CASE("many clients that connect at once are accepted in a few turns", "[io][loops]") {
  const DescriptorLimit raised = DescriptorLimit::raised();
  SocketLoop loop;
  const std::size_t count = possible(3'000);
  Server server(loop, "tcp://127.0.0.1:0", patient(count));
  REQUIRE(server.start().ok());
  std::vector<Fd> sockets;
  for (std::size_t i = 0; i < count; ++i) sockets.push_back(connected_socket(server.port()));
  int turns = 0;
  CHECK(run_until(loop, [&] { return ++turns, server.client_count() == count; }));
  CHECK(turns < 200);
}

TEST_CASE("a thousand clients come and go at once", "[io][loops]") {
  const DescriptorLimit raised = DescriptorLimit::raised();
  SocketLoop loop;
  const std::size_t count = possible(1'000);
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  std::size_t greeted = 0;
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "connected") client->send(message("hello"));
  };
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<Client>(loop, server.uri(), patient_client()));
    clients.back()->then = [&](const std::string& line) {
      greeted += line == "message hello" ? 1 : 0;
    };
    clients.back()->start();
  }
  CHECK(run_until(loop, [&] { return greeted == count; }));
  CHECK(server.client_count() == count);
  clients.resize(count / 2);
  CHECK(run_until(loop, [&] { return server.client_count() == count / 2; }));
  clients.clear();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
}

TEST_CASE("a thousand idle clients cost less than a KiB each", "[io][loops]") {
  const DescriptorLimit raised = DescriptorLimit::raised();
  SocketLoop loop;
  const std::size_t count = possible(1'000);
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event == "message hello") client->send(message("echo"));
  };
  std::vector<Fd> sockets;
  sockets.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    sockets.push_back(connected_socket(server.port()));
    // All have been busy once.
    write_some(sockets.back(), from_client(message("hello")));
    if (i % 100 == 99) {
      CHECK(run_until(loop, [&] { return server.client_count() == i + 1; }));
    }
  }
  CHECK(run_until(loop, [&] { return server.log.size() == 2 * count; }));
  const std::size_t with_clients = live_bytes();
  const std::size_t lines = server.log.size();
  sockets.clear();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  CHECK(server.log.size() > lines);
  server.log = {};
  CHECK((with_clients - live_bytes()) / count < 1'024);
}

TEST_CASE("a client that never reads is disconnected, and costs its bound of memory",
          "[io][loops]") {
  SocketLoop loop;
  messi::ServerOptions options = patient();
  options.max_pending_bytes = 1'000'000;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  const Fd slow = connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  Client quick(loop, server.uri(), patient_client());
  quick.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 2; }));

  const std::size_t before = live_bytes();
  std::size_t most = 0;
  std::size_t sent = 0;
  // The kernel takes some megabytes of its own accord.
  for (; server.client_count() == 2 && sent < 10'000; ++sent) {
    server.broadcast(message(std::string(50'000, 'x')));
    most = std::max(most, live_bytes() - before);
    loop.poll();
  }
  CHECK(server.count("1 disconnected: Slow reader.") == 1);
  CHECK(most < 2'500'000);
  CHECK(run_until(loop, [&] { return quick.count("message") == sent; }));
  CHECK(quick.connected());
}

TEST_CASE("a flood over a socket starves neither others nor timers nor pongs", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("echo"));
    server.log.clear();
  };
  const Fd flooder = connected_socket(server.port());
  std::string flood;
  while (flood.size() < 500'000) flood += from_client(message("flood"));
  flood += kPing;
  std::size_t at = 0;
  const auto keep_flooding = [&] {
    at = (at + write_some(flooder, std::string_view(flood).substr(at))) % flood.size();
  };

  Client modest(loop, server.uri(), patient_client());
  std::size_t echoes = 0;
  modest.then = [&](const std::string& line) {
    echoes += line == "message echo" ? 1 : 0;
    modest.send(message("hello"));
  };
  modest.start();
  int fired = 0;
  messi::Timer timer(loop, [&] {
    ++fired;
    timer.set(loop.now());
  });
  timer.set(loop.now());
  int turns = 0;
  CHECK(run_until(loop, [&] {
    keep_flooding();
    return ++turns, echoes >= 100;
  }));
  timer.cancel();
  CHECK(turns < 2'000);
  CHECK(fired >= turns - 2);
  const std::string pongs = messi::test::read_all(flooder);
  CHECK(pongs.substr(0, 4) == messi::test::kPong);
}

TEST_CASE("many messages share a system call", "[io][loops]") {
  SocketLoop loop;
  messi::test::RawListener listener;
  Client client(loop, listener.uri(), patient_client());
  client.start();
  Fd peer;
  CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
  CHECK(run_until(loop, [&] { return client.connected(); }));
  messi::test::run_for(loop, 1ms);
  messi::test::read_all(peer);
  std::string expected;
  loop.post([&] {
    for (int i = 0; i < 1'000; ++i) client.send(message("hello"));
    // Nothing has been written yet, so it all goes at the end of the turn.
    CHECK(messi::test::read_all(peer).empty());
  });
  for (int i = 0; i < 1'000; ++i) expected += from_client(message("hello"));
  loop.poll();
  CHECK(messi::test::read_all(peer) == expected);
}

TEST_CASE("a flood that takes long to handle is read in small pieces", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", patient());
  REQUIRE(server.start().ok());
  std::size_t handled = 0;
  server.on = [&](const std::string& event, Server::Client* /*from*/) {
    server.log.clear();
    if (event == "connected") return;
    ++handled;
    // A turn with 4 KiB of these takes longer than a turn should.
    const auto busy_until = std::chrono::steady_clock::now() + 10us;
    while (std::chrono::steady_clock::now() < busy_until) {
    }
  };
  const std::string frame = from_client(message("flood"));
  std::string flood;
  while (flood.size() < 64 * 1024) flood += frame;

  const Fd flooder = connected_socket(server.port());
  std::size_t sent = 0;
  std::vector<std::size_t> turns;
  while (turns.size() < 30) {
    sent += write_some(flooder, std::string_view(flood).substr(sent % frame.size()));
    const std::size_t before = handled;
    loop.poll(1s);
    if (handled > before) turns.push_back(handled - before);
  }
  // From 64 KiB down to 4 KiB, in halves; with a frame that the read before has cut.
  for (std::size_t i = 5; i < turns.size(); ++i) CHECK(turns[i] <= 4 * 1024 / frame.size() + 1);
}

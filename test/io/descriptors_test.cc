// When the process runs out of descriptors.

#include <chrono>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::at_end;
using messi::test::Client;
using messi::test::connect_to;
using messi::test::connected_socket;
using messi::test::DescriptorLimit;
using messi::test::Log;
using messi::test::message;
using messi::test::run_for;
using messi::test::run_until;
using messi::test::Server;
using messi::test::take_all_descriptors;
using messi::test::tcp_socket;
using namespace std::chrono_literals;
using Catch::Matchers::ContainsSubstring;
using messi::test::SocketLoop;

namespace {

constexpr rlim_t kFew = 64;

void echo(const std::string& event, Server::Client* from) {
  if (event == "message hello") from->send(message("echo"));
}

}  // namespace

TEST_CASE("a client costs the server one descriptor", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  const std::size_t before = messi::test::open_descriptors().size();
  std::vector<Fd> sockets;
  for (int i = 0; i < 20; ++i) sockets.push_back(connected_socket(server.port()));
  CHECK(run_until(loop, [&] { return server.client_count() == 20; }));
  CHECK(messi::test::open_descriptors().size() == before + 20 + 20);
  sockets.clear();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  CHECK(messi::test::open_descriptors().size() == before);
}

TEST_CASE("a server without descriptors turns clients away, does not spin, and recovers",
          "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = echo;
  Client client(loop, server.uri());
  client.start();
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));

  const DescriptorLimit limit(kFew);
  std::vector<Fd> unlucky;
  for (int i = 0; i < 10; ++i) unlucky.push_back(tcp_socket());
  const Fd another = tcp_socket();
  std::vector<Fd> rest = take_all_descriptors();
  for (const Fd& socket : unlucky) REQUIRE(connect_to(socket, server.port()));
  CHECK(run_until(loop, [&] { return server.count("refused") == 10; }));
  CHECK(server.log.back() == "refused : Too many clients.");
  for (const Fd& socket : unlucky) CHECK(at_end(socket));

  // That nobody was left is no reason to let the next one wait.
  REQUIRE(connect_to(another, server.port()));
  for (int turn = 0; turn < 2; ++turn) loop.poll(20ms);
  CHECK(server.count("refused") == 11);

  // Those that are connected are served all the while.
  client.send(message("hello"));
  CHECK(run_until(loop, [&] { return client.has("message echo"); }));
  CHECK(run_for(loop, 30ms) < 30);

  rest.clear();
  const Fd lucky = connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 2; }));
  CHECK(client.log == Log{"connected", "message echo"});
}

TEST_CASE("a server with nothing at all left waits, does not spin, and recovers", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  const DescriptorLimit limit(kFew);
  std::vector<Fd> rest = take_all_descriptors();
  // Enough for the listening socket, and nothing in reserve.
  rest.pop_back();
  REQUIRE(server.start().ok());
  CHECK(take_all_descriptors().empty());
  rest.pop_back();
  const Fd waiting = tcp_socket();
  REQUIRE(connect_to(waiting, server.port()));

  CHECK(run_for(loop, 150ms) < 30);
  CHECK(server.log.empty());
  CHECK_FALSE(at_end(waiting));
  rest.clear();
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
}

TEST_CASE("a stopped server does not come back from its pause", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  const DescriptorLimit limit(kFew);
  std::vector<Fd> rest = take_all_descriptors();
  rest.pop_back();
  REQUIRE(server.start().ok());
  rest.pop_back();
  const Fd waiting = tcp_socket();
  REQUIRE(connect_to(waiting, server.port()));
  run_for(loop, 20ms);
  server.stop();
  rest.clear();
  run_for(loop, 120ms);
  CHECK(server.log.empty());
  CHECK(at_end(waiting));
}

TEST_CASE("a server may be stopped when it turns clients away", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client*) {
    if (event == "refused") server.stop();
  };
  const DescriptorLimit limit(kFew);
  std::vector<Fd> unlucky;
  for (int i = 0; i < 10; ++i) unlucky.push_back(tcp_socket());
  const std::vector<Fd> rest = take_all_descriptors();
  for (const Fd& socket : unlucky) REQUIRE(connect_to(socket, server.port()));
  CHECK(run_until(loop, [&] { return server.port() == 0; }));
  run_for(loop, 5ms);
  CHECK(server.log == Log{"refused : Too many clients."});
}

TEST_CASE("a client without descriptors tries again later", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  messi::ClientOptions options;
  options.backoff.initial = 1ms;
  options.backoff.max = 5ms;
  Client client(loop, server.uri(), options);
  const DescriptorLimit limit(kFew);
  std::vector<Fd> rest = take_all_descriptors();
  client.start();
  CHECK(run_until(loop, [&] { return client.count("failed") == 2; }));
  CHECK_THAT(std::string(client.last_failure.message()),
             ContainsSubstring(server.uri()) && ContainsSubstring("Too many open files"));
  rest.clear();
  CHECK(run_until(loop, [&] { return client.connected(); }));
}

TEST_CASE("a server that cannot start for want of descriptors says so", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  const DescriptorLimit limit(kFew);
  const std::vector<Fd> rest = take_all_descriptors();
  const absl::Status status = server.start();
  CHECK_FALSE(status.ok());
  CHECK_THAT(std::string(status.message()), ContainsSubstring("Too many open files"));
}

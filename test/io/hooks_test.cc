// Actions in hooks that only matter where a socket's own callback is under way.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::Client;
using messi::test::connected_socket;
using messi::test::from_server;
using messi::test::Log;
using messi::test::message;
using messi::test::RawListener;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::test::write_some;
using namespace std::chrono_literals;

TEST_CASE("a server may be stopped, and started, when a client connects or is refused",
          "[io][loops]") {
  for (const char* const hook : {"connected", "refused"}) {
    for (const bool start_again : {false, true}) {
      CAPTURE(hook, start_again);
      SocketLoop loop;
      messi::ServerOptions options;
      options.max_clients = 2;
      Server server(loop, "tcp://127.0.0.1:0", options);
      REQUIRE(server.start().ok());
      int left = 1;
      server.on = [&, hook = std::string(hook)](const std::string& event, Server::Client*) {
        if (event != hook || left-- != 1) return;
        server.stop_now();
        if (start_again) REQUIRE(server.start().ok());
      };
      // Several wait to be accepted in the same turn.
      std::vector<Fd> sockets;
      for (int i = 0; i < 5; ++i) sockets.push_back(connected_socket(server.port()));
      CHECK(run_until(loop, [&] { return left <= 0 && server.client_count() == 0; }));
      CHECK(server.count("") == (std::string(hook) == "connected" ? 2 : 5));
      CHECK((server.port() != 0) == start_again);
      if (start_again) {
        Client client(loop, server.uri());
        client.start();
        CHECK(run_until(loop, [&] { return client.connected(); }));
      }
    }
  }
}

TEST_CASE("destroying a client in a hook of another does not touch what that is reading",
          "[io][loops]") {
  SocketLoop loop;
  RawListener listener;
  auto first = std::make_unique<Client>(loop, listener.uri());
  auto second = std::make_unique<Client>(loop, listener.uri());
  first->start();
  second->start();
  Fd peers[2];
  for (Fd& peer : peers) {
    CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
  }
  CHECK(run_until(loop, [&] { return first->connected() && second->connected(); }));

  // Whichever is served first destroys the other, whose input has not been read.
  Client* survivor = nullptr;
  first->then = [&](const std::string& line) {
    if (line == "message 0") second.reset();
    survivor = first.get();
  };
  second->then = [&](const std::string& line) {
    if (line == "message 0") first.reset();
    survivor = second.get();
  };
  Log expected = {"connected"};
  for (int i = 0; i < 1'000; ++i) expected.push_back("message " + std::to_string(i));
  for (int i = 0; i < 2; ++i) {
    // The second stream is the first one behind a message that nobody knows, so that the bytes of
    // the one would be nonsense in the place of the other's.
    std::string bytes = messi::test::frame(i == 0 ? 9 : 10, i == 0 ? "" : "?");
    for (int text = 0; text < 1'000; ++text) bytes += from_server(message(std::to_string(text)));
    CHECK(write_some(peers[i], bytes) == bytes.size());
  }
  CHECK(run_until(loop, [&] { return survivor != nullptr && survivor->log.size() >= 1'001; }));
  CHECK(survivor->log == expected);
}

TEST_CASE("destroying a server in a hook of a client does not touch what that is reading",
          "[io][loops]") {
  SocketLoop loop;
  RawListener listener;
  Client client(loop, listener.uri());
  client.start();
  Fd peer;
  CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
  auto server = std::make_unique<Server>(loop, "tcp://127.0.0.1:0");
  REQUIRE(server->start().ok());
  const Fd other = connected_socket(server->port());
  CHECK(run_until(loop, [&] { return server->client_count() == 1 && client.connected(); }));

  client.then = [&](const std::string& line) {
    // The server has not read this yet when it is destroyed.
    if (line != "message 0") return;
    write_some(other, std::string(60'000, '\xff'));
    server.reset();
  };
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) bytes += from_server(message(std::to_string(i)));
  CHECK(write_some(peer, bytes) == bytes.size());
  CHECK(run_until(loop, [&] { return client.log.size() >= 1'001; }));
  CHECK(client.log.back() == "message 999");
  CHECK(client.log.size() == 1'001);
}

TEST_CASE("a client that another's hook pauses in the turn of its own input still gets everything",
          "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  Fd sockets[2] = {connected_socket(server.port()), connected_socket(server.port())};
  CHECK(run_until(loop, [&] { return server.client_count() == 2; }));
  bool paused = false;
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event != "message now" || paused) return;
    paused = true;
    Server::Client& other = *server.find_client(3 - client->id());
    other.pause();
    // More than the system takes at once.
    for (int i = 0; i < 35; ++i) other.send(message(std::string(100'000, 'x')));
  };
  for (const Fd& socket : sockets) write_some(socket, messi::test::from_client(message("now")));
  std::size_t received = 0;
  CHECK(run_until(loop, [&] {
    for (const Fd& socket : sockets) received += messi::test::read_all(socket).size();
    return received > 3'500'000;
  }));
}

TEST_CASE("clients that are disconnected in one turn with their input leave in peace",
          "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  std::vector<Fd> sockets;
  for (int i = 0; i < 50; ++i) sockets.push_back(connected_socket(server.port()));
  CHECK(run_until(loop, [&] { return server.client_count() == 50; }));
  server.on = [&](const std::string& event, Server::Client* /*client*/) {
    if (event != "message now") return;
    for (Server::Client& each : server.clients()) each.disconnect_now();
  };
  for (const Fd& socket : sockets) {
    write_some(socket, messi::test::from_client(message("now")) +
                           messi::test::from_client(message("later")));
  }
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  std::size_t messages = 0;
  for (const std::string& line : server.log) {
    messages += line.find("message") != std::string::npos ? 1 : 0;
  }
  CHECK(messages == 1);
  CHECK(server.log.size() == 101);
}

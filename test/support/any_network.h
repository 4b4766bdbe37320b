#ifndef MESSI_TEST_SUPPORT_ANY_NETWORK_H_
#define MESSI_TEST_SUPPORT_ANY_NETWORK_H_

// What clients and servers do over any network, whatever it wraps.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/chat.h"

namespace messi::test {

/// Messages go in both directions, some of them `large`, and there is an orderly end.
/// `until(condition)` runs the loop, and tells whether the condition was met.
template <typename Loop, typename RunUntil>
void talk(Loop& loop, const std::string& uri, RunUntil until, std::size_t large = 40'000) {
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  CHECK(server.uri().find(uri.substr(0, uri.find(':') + 1)) == 0);
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

/// A client that was told to go has ended its side when the server still holds most of an answer.
inline void answer_who_goes(testing::ManualLoop& loop, const std::string& uri) {
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  server.on = [&](const std::string& event, Server::Client* from) {
    if (event.find("message") == 0) from->send(message(std::string(457, 'x')));
  };
  Client client(loop, server.uri());
  client.may_leave = true;
  client.start();
  loop.run_until_idle();
  REQUIRE(client.connected());
  loop.network().faults.capacity = 50;
  client.send(message("a question"));
  server.drain(std::chrono::seconds(5));
  loop.run_until_idle();
  CHECK(client.last_text.size() == 457);
  CHECK(client.log.back() == "disconnected: Draining.");
  CHECK(server.client_count() == 0);
}

/// A paused client gets its messages after resume, and then the end.
inline void pause_and_resume(testing::ManualLoop& loop, const std::string& uri) {
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  Client client(loop, uri);
  client.then = [&](const std::string& line) {
    if (line == "message 1") client.pause();
  };
  client.start();
  loop.run_until_idle();
  for (int i = 0; i < 3; ++i) server.find_client(1)->send(message(std::to_string(i)));
  loop.run_until_idle();
  server.find_client(1)->send(message("3"));
  server.stop();
  loop.advance(std::chrono::seconds(1));
  CHECK(client.log.back() == "message 1");
  client.resume();
  loop.run_until_idle();
  CHECK(client.count("message") == 4);
  CHECK(client.log.back() == "disconnected: Connection closed.");
}

/// Many clients that come at once all get in.
inline void come_at_once(testing::ManualLoop& loop, const std::string& uri) {
  constexpr std::size_t kClients = 60;
  Server server(loop, uri);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<Client>> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<Client>(loop, uri));
    clients.back()->start();
  }
  loop.run_until_idle();
  CHECK(server.client_count() == kClients);
  CHECK(std::all_of(clients.begin(), clients.end(),
                    [](const auto& client) { return client->connected(); }));
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_ANY_NETWORK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"

namespace {

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;
  std::function<void()> then = [] {};
  std::size_t received = 0;

  void on_message_ind(const chat::MessageInd& /*message*/) override {
    ++received;
    then();
  }
};

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;
  std::function<void(const chat::MessageInd&)> then = [](const chat::MessageInd&) {};
  std::size_t received = 0;

  void on_message_ind(Client& /*client*/, const chat::MessageInd& message) override {
    ++received;
    then(message);
  }
  void on_connect_req(Client& /*client*/, const chat::ConnectReq& /*request*/) override {
    reply(chat::ConnectRsp());
  }
};

// A server and clients on one loop, over TCP: what either side allocates counts.
class Room {
 public:
  explicit Room(std::size_t count, bool introduces = false)
      : server(loop, "tcp://127.0.0.1:0", server_options(introduces)) {
    messi::ClientOptions options;
    options.handshake = introduces;
    REQUIRE(server.start().ok());
    while (clients.size() < count) clients.emplace_back(loop, server.uri(), options).start();
    turn_until([&] {
      return server.client_count() == count &&
             std::all_of(clients.begin(), clients.end(), [](Client& c) { return c.connected(); });
    });
  }

  template <typename Condition>
  void turn_until(Condition condition) {
    static constexpr int kMostTurns = 1'000'000;
    for (int i = 0; i < kMostTurns && !condition(); ++i) loop.poll(std::chrono::seconds(1));
    REQUIRE(condition());
  }

  // Calls `exchange` often enough for every buffer to have been filled and replaced, and then
  // counts. The least of some rounds: in one of them a ping may come in between, when more is
  // waiting than ever before.
  template <typename Exchange>
  std::size_t allocations_of(Exchange exchange) {
    for (int i = 0; i < 600; ++i) exchange();
    std::size_t least = ~std::size_t{0};
    for (int round = 0; round < 5 && least > 0; ++round) {
      const std::size_t before = messi::test::allocations();
      for (int i = 0; i < 200; ++i) exchange();
      least = std::min(least, messi::test::allocations() - before);
    }
    return least;
  }

  static messi::ServerOptions server_options(bool introduces) {
    messi::ServerOptions options;
    options.handshake = introduces;
    return options;
  }

  messi::EpollLoop loop;
  Server server;
  std::deque<Client> clients;
};

chat::MessageInd message_of(std::size_t size) {
  chat::MessageInd message;
  message.set_user("erik");
  message.set_text(std::string(size, 'x'));
  return message;
}

std::size_t any_size() {
  return GENERATE(std::size_t{0}, std::size_t{16}, std::size_t{4096}, std::size_t{65536});
}

TEST_CASE("a stream to the server allocates nothing, on either side", "[perf]") {
  const chat::MessageInd message = message_of(any_size());
  Room room(1);
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = room.server.received + 20;
    for (int i = 0; i < 20; ++i) room.clients[0].send(message);
    room.turn_until([&] { return room.server.received == wanted; });
  }) == 0);
}

TEST_CASE("a stream to a client allocates nothing, on either side", "[perf]") {
  const chat::MessageInd message = message_of(any_size());
  Room room(1);
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = room.clients[0].received + 20;
    for (auto& client : room.server.clients()) {
      for (int i = 0; i < 20; ++i) client.send(message);
    }
    room.turn_until([&] { return room.clients[0].received == wanted; });
  }) == 0);
}

TEST_CASE("messages of different sizes in turn allocate nothing", "[perf]") {
  const chat::MessageInd small = message_of(16);
  const chat::MessageInd large = message_of(20'000);
  Room room(1);
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = room.server.received + 20;
    for (int i = 0; i < 20; ++i) room.clients[0].send(i % 5 == 0 ? large : small);
    room.turn_until([&] { return room.server.received == wanted; });
  }) == 0);
}

TEST_CASE("messages that are answered allocate nothing", "[perf]") {
  const chat::MessageInd message = message_of(any_size());
  Room room(1);
  room.server.then = [&](const chat::MessageInd& incoming) { room.server.reply(incoming); };
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = room.clients[0].received + 1;
    room.clients[0].send(message);
    room.turn_until([&] { return room.clients[0].received == wanted; });
  }) == 0);
}

TEST_CASE("calls allocate nothing, if their callbacks are small", "[perf]") {
  Room room(1, GENERATE(false, true));
  const chat::ConnectReq request;
  std::size_t answers = 0;
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = answers + 20;
    for (int i = 0; i < 20; ++i) {
      room.clients[0].call(request, std::chrono::seconds(100),
                           [&](const messi::CallResult<chat::ConnectRsp>& result) {
                             if (result.ok()) ++answers;
                           });
    }
    room.turn_until([&] { return answers == wanted; });
  }) == 0);
}

TEST_CASE("a broadcast allocates nothing", "[perf]") {
  const chat::MessageInd message = message_of(any_size());
  Room room(10);
  const auto received = [&] {
    std::size_t sum = 0;
    for (const Client& client : room.clients) sum += client.received;
    return sum;
  };
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = received() + 10 * room.clients.size();
    for (int i = 0; i < 10; ++i) room.server.broadcast(message);
    room.turn_until([&] { return received() == wanted; });
  }) == 0);
}

TEST_CASE("a message to a group allocates nothing", "[perf]") {
  const chat::MessageInd message = message_of(any_size());
  Room room(10);
  const chat::ChatServer::Group group = room.server.group("group");
  for (chat::ChatServer::Client& client : room.server.clients()) group.join(client);
  const auto received = [&] {
    std::size_t sum = 0;
    for (const Client& client : room.clients) sum += client.received;
    return sum;
  };
  CHECK(room.allocations_of([&] {
    const std::size_t wanted = received() + 10 * room.clients.size();
    for (int i = 0; i < 10; ++i) group.send(message, *room.server.find_client(1));
    for (int i = 0; i < 10; ++i) room.server.find_client(1)->send(message);
    room.turn_until([&] { return received() == wanted; });
  }) == 0);
}

}  // namespace

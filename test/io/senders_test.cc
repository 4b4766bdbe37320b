// Senders on several threads, and loops on threads of their own.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/loop_thread.h"
#include "test/catch.h"

using messi::LoopThread;
using messi::SendResult;
using namespace std::chrono_literals;

namespace {

// Catch's assertions belong to the main thread, so hooks have none.

/// Notes for each thread whether its messages come in order: `user` is its name, `text` a number.
class Lanes {
 public:
  explicit Lanes(std::size_t count) : next_(count, 0) {}
  void note(const chat::MessageInd& message) {
    int& next = next_[std::stoul(message.user())];
    in_order_ = in_order_ && message.text() == std::to_string(next);
    ++next;
  }
  bool in_order() const { return in_order_; }
  bool all_have(int count) const {
    return std::all_of(next_.begin(), next_.end(), [count](int next) { return next == count; });
  }
  int sum() const {
    int sum = 0;
    for (const int next : next_) sum += next;
    return sum;
  }

 private:
  std::vector<int> next_;
  bool in_order_ = true;
};

constexpr std::size_t kThreads = 4;
constexpr int kMessages = 5'000;

class Server final : public chat::ChatServer {
 public:
  explicit Server(messi::EventLoop& loop, std::string uri = "tcp://127.0.0.1:0")
      : ChatServer(loop, std::move(uri)) {}
  Lanes lanes{kThreads};
  std::function<void(Client&)> connected = [](Client&) {};

  void on_client_connected(Client& client) override { connected(client); }
  void on_message_ind(Client&, const chat::MessageInd& message) override { lanes.note(message); }
};

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;
  Lanes lanes{kThreads};
  bool throws = false;

  void on_message_ind(const chat::MessageInd& message) override {
    if (throws) throw std::runtime_error("a hook has thrown");
    lanes.note(message);
  }
};

chat::MessageInd numbered(std::size_t thread, int number) {
  chat::MessageInd message;
  message.set_user(std::to_string(thread));
  message.set_text(std::to_string(number));
  return message;
}

/// Sends all of a thread's messages, and waits when it has to; false if that did not work.
template <typename Sender>
bool send_all(const Sender& sender, std::size_t thread) {
  for (int number = 0; number < kMessages;) {
    const SendResult result = sender.send(numbered(thread, number));
    if (result == SendResult::kOk) {
      ++number;
    } else if (result != SendResult::kFull || !sender.wait_for_room(30s)) {
      return false;
    }
  }
  return true;
}

/// A server and a client on threads of their own.
struct World {
  World() {
    // libprotobuf, which ThreadSanitizer does not see, makes something on the first call.
    const chat::MessageInd first;
    REQUIRE(first.GetReflection()->GetUnknownFields(first).empty());
    server = server_thread.make<Server>();
    uri = server_thread.call([&] { return server->start().ok() ? server->uri() : ""; });
    REQUIRE_FALSE(uri.empty());
    client = client_thread.make<Client>(uri);
    client_thread.call([&] { client->start(); });
    REQUIRE(client_thread.wait_until([&] { return client->connected(); }));
    REQUIRE(server_thread.wait_until([&] { return server->client_count() == 1; }));
  }

  LoopThread server_thread;
  LoopThread client_thread;
  std::string uri;
  LoopThread::Made<Server> server;
  LoopThread::Made<Client> client;
};

}  // namespace

TEST_CASE("what threads send arrives, each thread's messages in order", "[io]") {
  const bool shared = GENERATE(false, true);
  INFO((shared ? "one sender for all" : "a sender for each"));
  World world;
  const Client::Sender sender =
      world.client_thread.call([&] { return Client::Sender(*world.client, 10'000); });
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&, i] {
      if (shared) {
        done += send_all(sender, i) ? 1 : 0;
      } else {
        const Client::Sender own = sender;
        done += send_all(own, i) ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == static_cast<int>(kThreads));
  // What was sent before stop arrives.
  world.client_thread.call([&] { world.client->stop(); });
  CHECK(world.client_thread.wait_until([&] { return world.client->stopped(); }));
  CHECK(world.server_thread.wait_until([&] { return world.server->client_count() == 0; }));
  world.server_thread.call([&] {
    CHECK(world.server->lanes.in_order());
    CHECK(world.server->lanes.all_have(kMessages));
  });
}

TEST_CASE("what threads send to a server's client arrives in order", "[io]") {
  World world;
  const Server::Client::Sender sender = world.server_thread.call(
      [&] { return Server::Client::Sender(*world.server->clients().begin(), 10'000); });
  std::atomic<int> done{0};
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kThreads; ++i) {
    threads.emplace_back([&done, i, own = sender] { done += send_all(own, i) ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(done == static_cast<int>(kThreads));
  CHECK(world.client_thread.wait_until([&] { return world.client->lanes.all_have(kMessages); }));
  CHECK(world.client_thread.call([&] { return world.client->lanes.in_order(); }));
}

TEST_CASE("clients, connections and servers come to their end while threads send", "[io]") {
  const int how = GENERATE(0, 1, 2, 3, 4);
  World world;
  std::atomic<bool> goes_on{true};
  std::vector<std::thread> threads;
  const Client::Sender up = world.client_thread.call([&] { return Client::Sender(*world.client); });
  const Server::Client::Sender down = world.server_thread.call(
      [&] { return Server::Client::Sender(*world.server->clients().begin()); });
  const auto send = [&goes_on](const auto& sender, std::size_t i) {
    for (int number = 0; goes_on; ++number) {
      const SendResult result = sender.send(numbered(i, number));
      if (result == SendResult::kFull) sender.wait_for_room(1ms);
      if (result == SendResult::kNotConnected) std::this_thread::yield();
    }
  };
  for (std::size_t i = 0; i < 2; ++i) {
    threads.emplace_back([&, i, own = up] { send(own, i); });
    threads.emplace_back([&, i] { send(down, i); });
  }
  REQUIRE(world.server_thread.wait_until([&] { return world.server->lanes.sum() > 100; }));
  if (how == 0) world.client_thread.call([&] { world.client->stop(); });
  if (how == 1) world.client.reset();
  if (how == 2) world.server.reset();
  if (how == 3) world.client_thread.stop();
  if (how == 4) {
    world.server_thread.call([&] {
      for (Server::Client& client : world.server->clients()) client.disconnect_now();
    });
  }
  if (how == 0) CHECK(world.client_thread.wait_until([&] { return world.client->stopped(); }));
  world.client.reset();
  world.server.reset();
  CHECK(up.send(numbered(0, 0)) == SendResult::kNotConnected);
  CHECK(down.send(numbered(0, 0)) == SendResult::kNotConnected);
  goes_on = false;
  for (std::thread& thread : threads) thread.join();
}

TEST_CASE("a thread that waits for room goes on when the client goes", "[io]") {
  World world;
  world.server_thread.call([&] { (*world.server->clients().begin()).pause(); });
  const Client::Sender sender =
      world.client_thread.call([&] { return Client::Sender(*world.client, 1'000); });
  std::thread thread([&] {
    while (sender.send(numbered(0, 0)) != SendResult::kNotConnected) {
      sender.wait_for_room(messi::Duration::max());
    }
  });
  REQUIRE(world.client_thread.wait_until([&] { return sender.pending_bytes() > 0; }));
  world.client.reset();
  thread.join();
}

TEST_CASE("a thread waits until a large message fits", "[io]") {
  World world;
  const Client::Sender sender =
      world.client_thread.call([&] { return Client::Sender(*world.client, 1'000); });
  chat::MessageInd large;
  large.set_user("0");
  large.set_text("0" + std::string(900, ' '));
  int refused = 0;
  for (int i = 0; i < 1'000; ++i) {
    while (sender.send(i % 2 == 0 ? large : numbered(0, 0)) == SendResult::kFull) {
      ++refused;
      REQUIRE(sender.wait_for_room(30s));
    }
  }
  // It is woken when the message fits, not again and again before.
  CHECK(refused <= 1'000);
}

TEST_CASE("a loop's thread returns what a call returns, and throws what it throws", "[io]") {
  LoopThread thread;
  CHECK(thread.call([&] { return thread.is_current(); }));
  CHECK_FALSE(thread.is_current());
  CHECK(*thread.call([] { return std::make_unique<int>(7); }) == 7);
  CHECK(thread.call([&] { return thread.call([] { return 8; }); }) == 8);
  CHECK_THROWS_AS(thread.call([] { throw std::runtime_error("thrown"); }), std::runtime_error);
  int asked = 0;
  CHECK(thread.wait_until([&] { return ++asked == 1; }));
}

TEST_CASE("a loop's thread may be stopped from any thread, also twice and from its own", "[io]") {
  LoopThread thread;
  int called = 0;
  thread.call([&] {
    thread.stop();
    thread.loop().post([&] { ++called; });
  });
  thread.stop();
  thread.join();
  thread.join();
  CHECK(called == 1);
  CHECK_FALSE(thread.wait_until([] { return true; }));
  // What belongs to the loop may go now.
  CHECK(thread.call([&] { return ++called; }) == 2);
  CHECK(thread.call([&] { return thread.call([&] { return ++called; }); }) == 3);
}

TEST_CASE("those who wait for a loop's thread are told when it stops", "[io]") {
  LoopThread thread;
  std::thread stopping([&] { thread.stop(); });
  CHECK_FALSE(thread.wait_until([] { return false; }));
  stopping.join();
}

TEST_CASE("threads call and stop a loop's thread at once", "[io]") {
  for (int round = 0; round < 50; ++round) {
    LoopThread thread;
    int calls = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 3; ++i) {
      threads.emplace_back([&] {
        for (int call = 0; call < 10; ++call) thread.call([&] { ++calls; });
      });
    }
    thread.stop();
    for (std::thread& each : threads) each.join();
    CHECK(calls == 30);
  }
}

TEST_CASE("what a client is made with may throw", "[io]") {
  struct Throws {
    explicit Throws(messi::EventLoop& /*loop*/) { throw std::runtime_error("thrown"); }
  };
  LoopThread thread;
  CHECK_THROWS_AS(thread.make<Throws>(), std::runtime_error);
}

TEST_CASE("a guard may catch what hooks throw, and the loop goes on", "[io]") {
  std::atomic<int> caught{0};
  messi::LoopThreadOptions options;
  options.guard = [&](const std::function<void()>& run) {
    try {
      run();
    } catch (const std::runtime_error&) {
      ++caught;
    }
  };
  LoopThread thread(options);
  thread.loop().post([] { throw std::runtime_error("first"); });
  thread.loop().post([] { throw std::runtime_error("second"); });
  CHECK(thread.call([] { return 1; }) == 1);
  CHECK(caught == 2);
  // In the last turn of all.
  thread.call([&] {
    thread.stop();
    thread.loop().post([&] { thread.loop().post([] { throw std::runtime_error("last"); }); });
  });
  thread.join();
  CHECK(caught == 3);
}

TEST_CASE("senders go on after a hook has thrown", "[io]") {
  messi::LoopThreadOptions options;
  options.guard = [](const std::function<void()>& run) {
    try {
      run();
    } catch (const std::runtime_error&) {
    }
  };
  LoopThread server_thread;
  const auto server = server_thread.make<Server>();
  std::string uri = server_thread.call([&] { return server->start().ok() ? server->uri() : ""; });
  std::optional<Server::Client::Sender> down;
  server_thread.call(
      [&] { server->connected = [&](Server::Client& client) { down.emplace(client); }; });
  LoopThread client_thread(options);
  const auto client = client_thread.make<Client>(uri);
  client_thread.call([&] {
    client->throws = true;
    client->start();
  });
  REQUIRE(client_thread.wait_until([&] { return client->connected(); }));
  const Client::Sender up = client_thread.call([&] { return Client::Sender(*client); });
  REQUIRE(server_thread.wait_until([&] { return down.has_value(); }));
  REQUIRE(server_thread.call([&] { return down->send(numbered(0, 0)); }) == SendResult::kOk);
  REQUIRE(client_thread.wait_until([&] { return !client->connected(); }));
  client_thread.call([&] { client->throws = false; });
  REQUIRE(client_thread.wait_until([&] { return client->connected(); }));
  CHECK(up.send(numbered(1, 0)) == SendResult::kOk);
  CHECK(server_thread.wait_until([&] { return server->lanes.sum() == 1; }));
}

#ifndef MESSI_TEST_SHARDED_WORLD_H_
#define MESSI_TEST_SHARDED_WORLD_H_

// A server on several loops, and clients on the loop of the test. Hooks of the server run on its
// threads; Catch's assertions belong to the main thread, so hooks have none, but count what is
// wrong.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"
#include "messi/sharded.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

namespace messi::test {

/// What the servers of all loops have seen.
struct Seen {
  std::atomic<int> wrong_thread{0};
  std::atomic<int> connected{0};
  std::atomic<int> disconnected{0};
  std::atomic<int> detached{0};
  std::atomic<int> resumed{0};
  std::atomic<int> lost{0};
  std::atomic<int> behind{0};
  std::atomic<int> messages{0};

  void note(std::string line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::size_t count(const std::string& line) {
    const std::lock_guard<std::mutex> lock(mutex_);
    return static_cast<std::size_t>(std::count(lines_.begin(), lines_.end(), line));
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

/// Does what a client's message says: "all ...", "room ...", "join", "leave", "echo ...", or else
/// nothing.
class ShardServer : public chat::ChatServer {
 public:
  ShardServer(EventLoop& loop, std::string uri, ServerOptions options, Seen& seen)
      : ChatServer(loop, std::move(uri), std::move(options)), seen_(seen) {}

  /// A hook holds its loop up until this is false.
  std::atomic<bool> blocked{false};

 protected:
  void on_client_connected(Client& /*client*/) override {
    here();
    ++seen_.connected;
  }
  void on_client_disconnected(Client& /*client*/, DisconnectReason reason) override {
    here();
    ++seen_.disconnected;
    seen_.note(std::string(to_string(reason)));
  }
  void on_client_detached(Client& /*client*/, DisconnectReason /*reason*/) override {
    here();
    ++seen_.detached;
  }
  void on_client_resumed(Client& /*client*/, std::uint64_t /*replayed*/) override {
    here();
    ++seen_.resumed;
  }
  void on_client_session_lost(Client& /*client*/, const SessionLoss& /*loss*/) override {
    here();
    ++seen_.lost;
  }
  void on_client_behind(Client& /*client*/) override {
    here();
    ++seen_.behind;
  }
  void on_client_refused(const std::string& /*address*/, DisconnectReason reason) override {
    here();
    seen_.note("refused: " + std::string(to_string(reason)));
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    here();
    ++seen_.messages;
    const std::string text = text_of(message);
    const auto begins = [&](const char* word) { return text.rfind(word, 0) == 0; };
    if (begins("all")) broadcast(message);
    if (begins("others")) broadcast(message, client);
    if (begins("room")) group("room").send(message);
    if (begins("join")) group("room").join(client);
    if (begins("leave")) group("room").leave(client);
    if (begins("echo")) client.send(message);
    if (begins("where")) {
      client.send(test::message("on " + std::to_string(client.id() % 2)));
    }
    if (begins("block")) {
      blocked = true;
      while (blocked) std::this_thread::yield();
    }
    if (begins("stop")) stop();
    if (begins("throw")) throw std::runtime_error("a hook threw");
  }

 private:
  void here() {
    if (thread_ == std::thread::id()) thread_ = std::this_thread::get_id();
    if (thread_ != std::this_thread::get_id()) ++seen_.wrong_thread;
  }

  Seen& seen_;
  std::thread::id thread_;
};

/// A client that keeps the texts it gets.
class ShardClient final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  std::vector<std::string> texts;
  std::vector<std::string> events;
  bool has(const std::string& text) const {
    return std::find(texts.begin(), texts.end(), text) != texts.end();
  }
  void say(const std::string& text) { send(message(text)); }

 protected:
  void on_message_ind(const chat::MessageInd& message) override {
    texts.push_back(text_of(message));
  }
  void on_connected() override { events.emplace_back("connected"); }
  void on_disconnected(DisconnectReason reason) override {
    events.push_back("disconnected: " + std::string(to_string(reason)));
  }
  void on_detached(DisconnectReason /*reason*/) override { events.emplace_back("detached"); }
  void on_resumed(std::uint64_t /*replayed*/) override { events.emplace_back("resumed"); }
  void on_session_lost(const SessionLoss& /*loss*/) override { events.emplace_back("lost"); }
};

class ShardWorld {
 public:
  explicit ShardWorld(const ServerOptions& options = {},
                      const std::string& uri = "tcp://127.0.0.1:0", std::size_t loops = 2,
                      LoopThreadOptions thread = {})
      : server(uri, options, ShardedOptions{loops, std::move(thread)}, seen) {
    server.for_each([this](ShardServer& shard) { shards_.push_back(&shard); });
    if (uri.rfind("tcp", 0) == 0 || uri.rfind("unix", 0) == 0) begin();
  }
  ShardWorld(const ShardWorld&) = delete;
  ShardWorld& operator=(const ShardWorld&) = delete;
  ~ShardWorld() { unblock(); }
  void begin() {
    const absl::Status status = server.start();
    INFO(status);
    REQUIRE(status.ok());
  }

  /// Connects so many more clients, and waits until they are connected.
  void connect(std::size_t count, const ClientOptions& options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(std::make_unique<ShardClient>(loop, server.uri(), options));
      clients.back()->start();
    }
    REQUIRE(until([this] {
      return std::all_of(clients.begin(), clients.end(),
                         [](const auto& client) { return client->connected(); });
    }));
    REQUIRE(until([this] { return server.client_count() >= clients.size(); }));
  }
  template <typename Condition>
  bool until(Condition condition) {
    // The server's threads do not wake this loop.
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop.poll(std::chrono::milliseconds(1));
    }
    return true;
  }
  /// Whether all clients but `except` have got the text.
  bool all_have(const std::string& text, std::size_t except = SIZE_MAX) const {
    for (std::size_t i = 0; i < clients.size(); ++i) {
      if (i != except && !clients[i]->has(text)) return false;
    }
    return true;
  }
  /// The number of clients on each loop.
  std::vector<std::size_t> spread() {
    std::vector<std::size_t> counts;
    server.for_each([&](ShardServer& shard) { counts.push_back(shard.client_count()); });
    return counts;
  }
  /// Of those of the test: the first client on each loop.
  std::vector<ShardClient*> one_on_each() {
    for (const auto& client : clients) client->say("where");
    std::vector<ShardClient*> found(2, nullptr);
    REQUIRE(until([&] {
      return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
        return client->has("on 0") || client->has("on 1");
      });
    }));
    for (const auto& client : clients) {
      ShardClient*& first = found[client->has("on 1") ? 1 : 0];
      if (first == nullptr) first = client.get();
    }
    REQUIRE(found[0] != nullptr);
    REQUIRE(found[1] != nullptr);
    return found;
  }
  /// The server of a client's loop is held up until `unblock`.
  void block(ShardClient& client) {
    client.say("block");
    REQUIRE(until([this] {
      bool blocked = false;
      for (ShardServer* const shard : shards()) blocked = blocked || shard->blocked;
      return blocked;
    }));
  }
  void unblock() {
    for (ShardServer* const shard : shards()) shard->blocked = false;
  }
  const std::vector<ShardServer*>& shards() const { return shards_; }

  Seen seen;
  EpollLoop loop;
  Sharded<ShardServer> server;
  std::vector<std::unique_ptr<ShardClient>> clients;

 private:
  std::vector<ShardServer*> shards_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_SHARDED_WORLD_H_

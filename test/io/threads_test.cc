// A server on the loop of one thread, clients on those of others, and calls posted between them.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "test/catch.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

// Catch's assertions belong to the main thread, so these have none.

class EchoServer final : public chat::ChatServer {
 public:
  using chat::ChatServer::ChatServer;
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    client.send(message);
  }
};

class CountingClient final : public chat::ChatClient {
 public:
  using chat::ChatClient::ChatClient;
  int next = 0;
  bool in_order = true;
  int disconnects = 0;

  void send_number(int number) {
    chat::MessageInd message;
    message.set_text(std::to_string(number));
    send(message);
  }
  void on_message_ind(const chat::MessageInd& message) override {
    in_order = in_order && message.text() == std::to_string(next);
    ++next;
  }
  void on_disconnected(messi::DisconnectReason /*reason*/) override { ++disconnects; }
};

/// A loop on a thread of its own.
class LoopThread {
 public:
  LoopThread() : thread_([this] { loop_.run(); }) {}
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;
  ~LoopThread() {
    loop_.post([this] { loop_.stop(); });
    thread_.join();
  }
  SocketLoop& loop() { return loop_; }
  /// Calls on the loop's thread, and waits for the end of the call.
  template <typename Call>
  void call(Call call) {
    std::atomic<bool> done{false};
    loop_.post([&] {
      call();
      done = true;
    });
    while (!done) std::this_thread::yield();
  }

 private:
  SocketLoop loop_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a server and clients talk across threads, posted to from outside", "[io][loops]") {
  LoopThread server_thread;
  std::unique_ptr<EchoServer> server;
  std::string uri;
  server_thread.call([&] {
    server = std::make_unique<EchoServer>(server_thread.loop(), "tcp://127.0.0.1:0");
    if (server->start().ok()) uri = server->uri();
  });
  REQUIRE_FALSE(uri.empty());

  LoopThread client_thread;
  constexpr int kClients = 5;
  constexpr int kMessages = 2'000;
  std::vector<std::unique_ptr<CountingClient>> clients;
  client_thread.call([&] {
    for (int i = 0; i < kClients; ++i) {
      clients.push_back(std::make_unique<CountingClient>(client_thread.loop(), uri));
      clients.back()->start();
    }
  });
  for (bool all = false; !all;) {
    client_thread.call([&] {
      all = true;
      for (const auto& client : clients) all = all && client->connected();
    });
  }
  for (int number = 0; number < kMessages; ++number) {
    client_thread.loop().post([&clients, number] {
      for (const auto& client : clients) client->send_number(number);
    });
  }
  for (bool all = false; !all;) {
    client_thread.call([&] {
      all = true;
      for (const auto& client : clients) all = all && client->next == kMessages;
    });
  }
  client_thread.call([&] {
    for (const auto& client : clients) {
      CHECK(client->in_order);
      CHECK(client->disconnects == 0);
    }
    clients.clear();
  });
  server_thread.call([&] { server.reset(); });
}

TEST_CASE("thirty clients of the same host come and go while it is looked up", "[io][loops]") {
  SocketLoop loop;
  EchoServer server(loop, "tcp://localhost:0");
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<CountingClient>> clients;
  for (int i = 0; i < 30; ++i) {
    clients.push_back(std::make_unique<CountingClient>(loop, server.uri()));
    clients.back()->start();
    if (i % 3 == 0) clients.pop_back();
    if (i % 5 == 0) loop.poll();
  }
  CHECK(messi::test::run_until(loop, [&] {
    return std::all_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->connected(); });
  }));
}

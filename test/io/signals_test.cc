#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::io::Fd;
using messi::test::Client;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;

namespace {

std::atomic<int> pipes{0};
std::atomic<int> interrupts{0};

/// A handler without SA_RESTART, for as long as it lives.
class Handler {
 public:
  Handler(int signal, void (*handler)(int)) : signal_(signal) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigaction(signal, &action, &before_);
  }
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  ~Handler() { ::sigaction(signal_, &before_, nullptr); }

 private:
  int signal_;
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE("writing to a connection that is gone raises no SIGPIPE", "[io]") {
  pipes = 0;
  const Handler handler(SIGPIPE, [](int /*signal*/) { ++pipes; });
  EpollLoop loop;

  // A server that writes to a client.
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  for (const bool with_reset : {false, true}) {
    Fd peer = messi::test::connected_socket(server.port());
    CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
    server.log.clear();
    loop.post([&] {
      if (with_reset) messi::test::reset(peer);
      peer.reset();
      for (int i = 0; i < 5; ++i) server.broadcast(message(std::string(100'000, 'x')));
    });
    CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
    CHECK(server.log.size() == 1);
  }

  // A client that writes to a server.
  messi::test::RawListener listener;
  for (const bool with_reset : {false, true}) {
    Client client(loop, listener.uri());
    client.start();
    Fd peer;
    CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
    CHECK(run_until(loop, [&] { return client.connected(); }));
    loop.post([&] {
      if (with_reset) messi::test::reset(peer);
      peer.reset();
      for (int i = 0; i < 5; ++i) client.send(message(std::string(100'000, 'x')));
    });
    CHECK(run_until(loop, [&] { return !client.connected() && client.log.size() == 2; }));
    CHECK(client.log[1] == "disconnected: Connection closed.");
  }
  CHECK(pipes == 0);
}

TEST_CASE("signals interrupt nothing", "[io]") {
  interrupts = 0;
  const Handler handler(SIGUSR1, [](int /*signal*/) { ++interrupts; });
  std::atomic<bool> done{false};
  const pthread_t target = ::pthread_self();
  std::thread bombarding([&] {
    while (!done) {
      ::pthread_kill(target, SIGUSR1);
      std::this_thread::yield();
    }
  });

  EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  CHECK(server.start().ok());
  server.on = [&](const std::string& /*event*/, Server::Client* from) {
    if (!server.last_text.empty()) from->send(message(server.last_text));
  };
  Client client(loop, server.uri());
  const std::string text(50'000, 'x');
  std::size_t echoes = 0;
  client.then = [&](const std::string& line) {
    if (line != "connected" && client.last_text == text) ++echoes;
    if (echoes < 200) client.send(message(text));
  };
  client.start();
  CHECK(run_until(loop, [&] { return echoes == 200; }));
  // Until a signal has come while the loop was waiting, too.
  const int before = interrupts;
  CHECK(run_until(loop, [&] { return interrupts > before; }));
  done = true;
  bombarding.join();
  CHECK(client.count("disconnected") == 0);
  CHECK(client.count("failed") == 0);
  CHECK(interrupts > 0);
}

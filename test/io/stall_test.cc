// A loop that was held up has not heard its clients; they are not silent for that.

#include <sys/time.h>

#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::Duration;
using messi::io::Fd;
using messi::test::Client;
using messi::test::connected_socket;
using messi::test::DescriptorLimit;
using messi::test::kPing;
using messi::test::kPong;
using messi::test::RawListener;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using messi::test::write_some;
using namespace std::chrono_literals;

namespace {

void block_for(Duration duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
}

/// Has a signal come every millisecond, so that waits end early.
class ManySignals {
 public:
  ManySignals() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before_);
    const itimerval every{{0, 1'000}, {0, 1'000}};
    ::setitimer(ITIMER_REAL, &every, nullptr);
  }
  ManySignals(const ManySignals&) = delete;
  ManySignals& operator=(const ManySignals&) = delete;
  ~ManySignals() {
    const itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before_, nullptr);
  }

 private:
  struct sigaction before_ {};
};

}  // namespace

TEST_CASE("clients that wrote while their server was held up are not dropped", "[io][loops]") {
  const DescriptorLimit raised = DescriptorLimit::raised();
  const ManySignals signals;
  SocketLoop loop;
  messi::ServerOptions options;
  options.client_timeout = 1s;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  // More than one wait of the loop returns.
  constexpr std::size_t kCount = 600;
  std::vector<Fd> peers;
  while (peers.size() < kCount) {
    peers.push_back(connected_socket(server.port()));
    if (peers.size() % 100 != 0) continue;
    CHECK(run_until(loop, [&] { return server.client_count() == peers.size(); }));
    for (const Fd& peer : peers) write_some(peer, kPing);
  }
  CHECK(run_until(loop, [&] { return server.client_count() == kCount; }));
  for (int i = 0; i < 2; ++i) {
    loop.post([&] {
      block_for(600ms);
      for (const Fd& peer : peers) write_some(peer, kPing);
      block_for(600ms);
    });
    loop.poll();
    for (int turns = 0; turns < 20; ++turns) loop.poll();
    CHECK(server.client_count() == kCount);
  }
  // Who really says nothing goes.
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  CHECK(server.has("1 disconnected: Keep alive timeout."));
}

TEST_CASE("a client that was held up itself does not give its server up", "[io][loops]") {
  SocketLoop loop;
  RawListener listener;
  messi::ClientOptions options;
  options.ping_interval = 100ms;
  options.pong_timeout = 300ms;
  Client client(loop, listener.uri(), options);
  client.start();
  Fd peer;
  CHECK(run_until(loop, [&] { return (peer = listener.accept()).valid(); }));
  CHECK(run_until(loop, [&] { return client.connected(); }));
  loop.post([&] {
    block_for(250ms);
    write_some(peer, kPong);
    block_for(250ms);
  });
  loop.poll();
  for (int turns = 0; turns < 5; ++turns) loop.poll();
  CHECK(client.connected());
  CHECK(run_until(loop, [&] { return !client.connected(); }));
  CHECK(client.has("disconnected: Keep alive timeout."));
}

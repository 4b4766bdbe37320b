// What waits for slow readers takes no more memory than the options say.

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::io::Fd;
using messi::test::connected_socket;
using messi::test::live_bytes;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

std::size_t resident_bytes() {
  std::size_t all = 0;
  std::size_t resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// As ServerOptions::max_pending_bytes says, and what the pool of the loop keeps.
constexpr std::size_t kPerClient = 130 * 1024;
constexpr std::size_t kPool = 4 * 1024 * 1024;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

struct Mix {
  const char* what;
  void (*send)(Server& server, Server::Client& slow);
};

chat::MessageInd of(std::size_t size) { return message(std::string(size, 'x')); }

const Mix kMixes[] = {
    {"a small share of each buffer",
     [](Server& server, Server::Client& slow) {
       server.broadcast(of(60'000), slow);
       server.broadcast(of(20));
     }},
    {"small ones of its own between small shares",
     [](Server& server, Server::Client& slow) {
       for (int i = 0; i < 100; ++i) {
         slow.send(of(30));
         server.broadcast(of(20));
       }
     }},
    {"medium shares",
     [](Server& server, Server::Client& /*slow*/) {
       server.broadcast(of(20'000));
       server.broadcast(of(40'000));
     }},
    {"large ones of its own between small shares",
     [](Server& server, Server::Client& slow) {
       slow.send(of(35'000));
       server.broadcast(of(50));
     }},
    {"shares that are larger than a buffer",
     [](Server& server, Server::Client& slow) {
       server.broadcast(of(300'000), slow);
       server.broadcast(of(200'000));
     }},
};

}  // namespace

TEST_CASE("what waits for a slow reader takes at most twice what is pending", "[io][loops]") {
  for (const Mix& mix : kMixes) {
    CAPTURE(mix.what);
    SocketLoop loop;
    messi::ServerOptions options;
    options.client_timeout = 1min;
    options.max_pending_bytes = 64 * 1024 * 1024;
    Server server(loop, "tcp://127.0.0.1:0", options);
    REQUIRE(server.start().ok());
    const Fd reads_nothing = connected_socket(server.port());
    CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
    const Fd quick = connected_socket(server.port());
    CHECK(run_until(loop, [&] { return server.client_count() == 2; }));
    Server::Client& slow = *server.find_client(1);
    const auto step = [&] {
      mix.send(server, slow);
      loop.poll();
      messi::test::read_all(quick);
    };
    // The system takes a few megabytes before anything waits here.
    while (slow.pending_bytes() < 200'000) {
      slow.send(of(10'000));
      loop.poll();
    }
    const std::size_t live_before = live_bytes();
    const std::size_t resident_before = resident_bytes();
    const std::size_t pending_before = slow.pending_bytes();
    for (int i = 0; i < 3'000 && slow.pending_bytes() < 30'000'000; ++i) step();
    REQUIRE(slow.pending_bytes() > pending_before + 50'000);
    const std::size_t bound = 2 * (slow.pending_bytes() - pending_before) + 2 * kPerClient + kPool;
    CHECK(live_bytes() <= live_before + bound);
    if (!kSanitized) CHECK(resident_bytes() <= resident_before + bound);
  }
}

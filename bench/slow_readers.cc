// A server that broadcasts to 1,000 clients that do not read, and to one that does: how much memory
// it takes, with each policy for slow readers and the default options otherwise.
//
//     bench_slow_readers [CLIENTS [SECONDS]]
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

using namespace std::chrono_literals;

constexpr int kBroadcastsPerTick = 20;
constexpr auto kTick = 10ms;
constexpr std::size_t kMessageSize = 1'000;

/// The process's own memory, in MiB.
double memory() {
  std::ifstream status("/proc/self/smaps_rollup");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == "Anonymous:" && status >> kilobytes) return kilobytes / 1024;
  }
  std::abort();
}

/// Connects, pings, and reads nothing; forever.
[[noreturn]] void be_slow_clients(std::uint16_t port, int count) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  std::vector<int> sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int small = 16 * 1024;
    ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0) std::abort();
    sockets.push_back(fd);
  }
  for (;; ::sleep(1)) {
    for (const int fd : sockets) {
      [[maybe_unused]] const auto sent = ::send(fd, "\3\0\0\0", 4, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
  }
}

class Good final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;
  void on_message_ind(const chat::MessageInd& message) override {
    in_order &= std::atoi(message.user().c_str()) == received;
    ++received;
  }
  void on_disconnected(messi::DisconnectReason /*reason*/) override { in_order = false; }
  int received = 0;
  bool in_order = true;
};

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;
  void on_client_disconnected(Client& /*client*/, messi::DisconnectReason reason) override {
    ++ended;
    last_reason = reason;
  }
  void on_client_behind(Client& /*client*/) override { ++behind; }
  int ended = 0;
  int behind = 0;
  messi::DisconnectReason last_reason{};
};

void measure(const char* name, messi::SlowReader policy, int count, int seconds) {
  messi::EpollLoop loop;
  messi::ServerOptions options;
  options.max_clients = static_cast<std::size_t>(count) + 1;
  options.slow_reader = policy;
  options.socket.send_buffer = 64 * 1024;  // more is the system's memory, not the server's
  Server server(loop, "tcp://127.0.0.1:0", options);
  if (!server.start().ok()) std::abort();
  const pid_t slow_clients = ::fork();
  if (slow_clients == 0) be_slow_clients(server.port(), count);

  Good good(loop, server.uri());
  good.start();
  while (server.client_count() < options.max_clients) loop.poll(1s);
  const double before = memory();
  double most = 0;
  std::size_t most_pending = 0;
  int sent = 0;
  messi::Timer tick(loop, [&] {
    chat::MessageInd message;
    message.set_text(std::string(kMessageSize, 'x'));
    for (int i = 0; i < kBroadcastsPerTick; ++i) {
      message.set_user(std::to_string(sent++));
      server.broadcast(message);
    }
    // Also something that clients do not share.
    if (auto* const one = server.find_client(1 + static_cast<std::uint64_t>(sent) %
                                                     static_cast<std::uint64_t>(count))) {
      one->send(chat::ConnectRsp());
    }
    std::size_t pending = 0;
    for (const auto& client : server.clients()) pending += client.pending_bytes();
    most_pending = std::max(most_pending, pending);
    most = std::max(most, memory() - before);
    tick.set(loop.now() + kTick);
  });
  tick.set(loop.now());
  const auto end = loop.now() + std::chrono::seconds(seconds);
  loop.run_until([&] { return loop.now() >= end; });
  tick.cancel();
  const auto grace = loop.now() + 10s;
  loop.run_until([&] { return good.received == sent || loop.now() >= grace; });

  const double bound =
      2 * static_cast<double>(options.max_total_pending_bytes) / (1 << 20) + 130.0 * count / 1024;
  std::printf(
      "%-12s %8.1f MiB of %.0f MiB   waiting %7.1f MiB   clients left %4zu (%s)   "
      "behind %4d   the good one: %d of %d, %s\n",
      name, most, bound, static_cast<double>(most_pending) / (1 << 20), server.client_count(),
      server.ended > 0 ? std::string(messi::to_string(server.last_reason)).c_str() : "all",
      server.behind, good.received, sent, good.in_order ? "in order" : "NOT IN ORDER");
  ::kill(slow_clients, SIGKILL);
  ::waitpid(slow_clients, nullptr, 0);
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 1'000;
  const int seconds = argc > 2 ? std::atoi(argv[2]) : 10;
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  for (const auto& [name, policy] :
       {std::pair<const char*, messi::SlowReader>{"kDisconnect", messi::SlowReader::kDisconnect},
        {"kDropNewest", messi::SlowReader::kDropNewest},
        {"kKeepLatest", messi::SlowReader::kKeepLatest}}) {
    // A process of its own, so that each begins with no memory.
    const pid_t child = ::fork();
    if (child == 0) {
      measure(name, policy, count, seconds);
      std::fflush(stdout);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (status != 0) return 1;
  }
}

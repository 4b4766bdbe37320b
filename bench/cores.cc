// What a second loop brings to a server, and what is shared costs.
//
//     bench_cores [SECONDS [RUNS]]
//
// Another process is the clients: sockets that write and read bytes that were made before, so that
// they leave most of both cores to the server. Three measurements, each of a server on a loop as
// any other, of a Sharded with one loop, and of one with two:
//
//     work       each message of 4 KiB is worth about 30 us of the hook's time
//     broadcast  messages of 256 B to 64 clients, 32 or 256 of them under way; who sends one waits
//                until it has come back
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/loop_thread.h"
#include "messi/sharded.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr int kWorkers = 16;
constexpr int kListeners = 64;

struct Counts {
  std::atomic<std::uint64_t> handled{0};
};

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, std::string uri, messi::ServerOptions options, Counts& counts)
      : ChatServer(loop, std::move(uri), std::move(options)), counts_(counts) {}

 private:
  // Work. Its result is kept, so that it is done.
  void on_message_ind(Client&, const chat::MessageInd& message) override {
    for (int i = 0; i < 8; ++i) {
      for (const char c : message.text())
        hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    counts_.handled.fetch_add(hash_ != 0 ? 1 : 2, std::memory_order_relaxed);
  }
  void on_connect_req(Client&, const chat::ConnectReq& request) override {
    message_.set_text(request.user());
    broadcast(message_);
    counts_.handled.fetch_add(1, std::memory_order_relaxed);
  }

  Counts& counts_;
  std::uint32_t hash_ = 1;
  chat::MessageInd message_;
};

std::string frame(int type, const std::string& payload) {
  std::string bytes(4, static_cast<char>(type));
  for (int i = 1; i < 4; ++i)
    bytes[static_cast<std::size_t>(i)] = static_cast<char>(payload.size() >> (24 - 8 * i));
  return bytes + payload;
}

int connect_to(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    std::abort();
  return fd;
}

/// Writes work to all sockets as fast as they take it, until it is killed.
[[noreturn]] void be_workers(const std::string& path) {
  chat::ClientToServer wrapper;
  wrapper.mutable_message_ind()->set_text(std::string(4096, 'x'));
  const std::string one = frame(1, wrapper.SerializeAsString());
  std::string many;
  for (int i = 0; i < 16; ++i) many += one;
  std::vector<pollfd> sockets;
  std::vector<std::size_t> written(kWorkers, 0);
  for (int i = 0; i < kWorkers; ++i) sockets.push_back({connect_to(path), POLLOUT, 0});
  for (;;) {
    ::poll(sockets.data(), sockets.size(), -1);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if ((sockets[i].revents & POLLOUT) == 0) continue;
      const std::string_view rest = std::string_view(many).substr(written[i]);
      const ssize_t size =
          ::send(sockets[i].fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (size > 0) written[i] = (written[i] + static_cast<std::size_t>(size)) % many.size();
    }
  }
}

/// Asks for broadcasts, and reads what comes.
template <int under_way>
[[noreturn]] void be_listeners(const std::string& path) {
  chat::ClientToServer request;
  request.mutable_connect_req()->set_user(std::string(256, 'x'));
  const std::string ask = frame(1, request.SerializeAsString());
  chat::ServerToClient wrapper;
  wrapper.mutable_message_ind()->set_text(std::string(256, 'x'));
  const std::size_t size = frame(2, wrapper.SerializeAsString()).size();
  std::vector<pollfd> sockets;
  for (int i = 0; i < kListeners; ++i) sockets.push_back({connect_to(path), POLLIN, 0});
  // The first and the second are on different loops, if there are two. Both ask.
  std::size_t received[2] = {0, 0};
  const auto ask_again = [&](std::size_t who) {
    if (::send(sockets[who].fd, ask.data(), ask.size(), MSG_NOSIGNAL) < 0) std::exit(0);
  };
  for (int i = 0; i < under_way / 2; ++i) {
    ask_again(0);
    ask_again(1);
  }
  char bytes[65536];
  for (;;) {
    ::poll(sockets.data(), sockets.size(), -1);
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0) continue;
      const ssize_t got = ::recv(sockets[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (got <= 0) continue;
      if (i > 1) continue;
      // Every second message was asked for by this one, about.
      received[i] += static_cast<std::size_t>(got);
      for (; received[i] >= 2 * size; received[i] -= 2 * size) ask_again(i);
    }
  }
}

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

struct Result {
  double rate;
  double cpu;  // seconds for a million messages
};

Result count(Counts& counts, double seconds) {
  while (counts.handled < 1000) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double cpu = cpu_seconds();
  const std::uint64_t before = counts.handled;
  const Clock::time_point begin = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  const auto handled = static_cast<double>(counts.handled - before);
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  return {handled / took, (cpu_seconds() - cpu) / handled * 1e6};
}

using Clients = void (*)(const std::string& path);

/// `loops`: 0 for a server that is not sharded.
Result measure(Clients clients, std::size_t loops, double seconds) {
  const std::string path = "/tmp/messi-bench-cores-" + std::to_string(::getpid());
  int pipe_fds[2];
  if (::pipe(pipe_fds) != 0) std::abort();
  const pid_t child = ::fork();
  if (child == 0) {
    char byte;
    if (::read(pipe_fds[0], &byte, 1) != 1) std::exit(1);
    clients(path);
  }
  Counts counts;
  const auto run = [&] {
    if (::write(pipe_fds[1], "x", 1) != 1) std::abort();
    const Result result = count(counts, seconds);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(pipe_fds[0]);
    ::close(pipe_fds[1]);
    return result;
  };
  if (loops == 0) {
    messi::LoopThread thread;
    const auto server = thread.make<Server>("unix://" + path, messi::ServerOptions(), counts);
    if (!thread.call([&] { return server->start(); }).ok()) std::abort();
    return run();
  }
  messi::ShardedOptions sharded;
  sharded.loops = loops;
  messi::Sharded<Server> server("unix://" + path, {}, sharded, counts);
  if (!server.start().ok()) std::abort();
  return run();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char* argv[]) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  const std::pair<const char*, Clients> loads[] = {{"work", be_workers},
                                                   {"broadcast, 32", be_listeners<32>},
                                                   {"broadcast, 256", be_listeners<256>}};
  const std::pair<const char*, std::size_t> servers[] = {
      {"one loop", 0}, {"sharded, 1 loop", 1}, {"sharded, 2 loops", 2}};
  for (const auto& [load, clients] : loads) {
    std::vector<double> rates[3];
    std::vector<double> cpus[3];
    for (int run = 0; run < runs; ++run) {
      for (std::size_t i = 0; i < 3; ++i) {
        const Result result = measure(clients, servers[i].second, seconds);
        rates[i].push_back(result.rate);
        cpus[i].push_back(result.cpu);
      }
    }
    for (std::size_t i = 0; i < 3; ++i) {
      std::printf("%-15s %-18s %9.0f /s  %.2f x  %.2f CPU s/M\n", load, servers[i].first,
                  median(rates[i]), median(rates[i]) / median(rates[0]), median(cpus[i]));
    }
  }
  return 0;
}

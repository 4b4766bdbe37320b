// How fast messages leave a client that are sent from other threads, compared with those that its
// loop sends itself.
//
//     bench_threads [SECONDS [RUNS]]
//
// The server is a process of its own. The messages of all senders are counted until the server
// answers what the last one sends.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/io/loop_thread.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxPendingBytes = 1024 * 1024;

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;
  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    client.send(chat::ConnectRsp());
  }
};

class Client final : public chat::ChatClient {
 public:
  Client(messi::EventLoop& loop, std::string uri, std::size_t size)
      : ChatClient(loop, std::move(uri), client_options()) {
    message_.set_text(std::string(size, 'x'));
  }

  /// Sends until `end`.
  void stream(Clock::time_point end) {
    end_ = end;
    task_.schedule();
  }
  std::uint64_t sent = 0;
  bool streamed = false;
  bool answered = false;

 private:
  static messi::ClientOptions client_options() {
    messi::ClientOptions options;
    options.max_pending_bytes = kMaxPendingBytes;
    return options;
  }
  void on_writable() override { task_.schedule(); }
  void on_connect_rsp(const chat::ConnectRsp&) override { answered = true; }
  void send_more() {
    if (streamed || pending_bytes() > kMaxPendingBytes / 2) return;
    for (int i = 0; i < 100; ++i) send(message_);
    sent += 100;
    streamed = loop().now() >= end_;
    task_.schedule();
  }

  chat::MessageInd message_;
  Clock::time_point end_;
  messi::Task task_{loop(), [this] { send_more(); }};
};

std::uint64_t send_from(const Client::Sender& sender, std::size_t size, Clock::time_point end) {
  chat::MessageInd message;
  message.set_text(std::string(size, 'x'));
  std::uint64_t sent = 0;
  while (sent % 1024 != 0 || Clock::now() < end) {
    if (sender.send(message) == messi::SendResult::kOk) {
      ++sent;
    } else if (!sender.wait_for_room(std::chrono::seconds(10))) {
      std::abort();
    }
  }
  while (sender.pending_bytes() > 0) std::this_thread::yield();
  return sent;
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
  double cpu;  // seconds of this side for a million messages
};

/// `threads`: 0 for the loop itself.
Result measure(const std::string& uri, std::size_t size, int threads, double seconds) {
  messi::LoopThread thread;
  const auto client = thread.make<Client>(uri, size);
  thread.call([&] { client->start(); });
  thread.wait_until([&] { return client->connected(); });
  const double cpu = cpu_seconds();
  const Clock::time_point begin = Clock::now();
  const Clock::time_point end =
      begin + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::uint64_t sent = 0;
  if (threads == 0) {
    thread.call([&] { client->stream(end); });
    thread.wait_until([&] { return client->streamed; });
    sent = thread.call([&] { return client->sent; });
  } else {
    const auto sender = thread.call([&] { return Client::Sender(*client); });
    std::vector<std::future<std::uint64_t>> counts;
    for (int i = 0; i < threads; ++i) {
      counts.push_back(std::async(std::launch::async,
                                  [own = sender, size, end] { return send_from(own, size, end); }));
    }
    for (auto& count : counts) sent += count.get();
  }
  thread.call([&] { client->send(chat::ConnectReq()); });
  thread.wait_until([&] { return client->answered; });
  const double took = std::chrono::duration<double>(Clock::now() - begin).count();
  const auto count = static_cast<double>(sent);
  return {count / took, (cpu_seconds() - cpu) / count * 1e6};
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

int main(int argc, char* argv[]) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const int runs = argc > 2 ? std::atoi(argv[2]) : 5;
  int ports[2];
  if (::pipe(ports) != 0) std::abort();
  const pid_t server_process = ::fork();
  if (server_process == 0) {
    messi::EpollLoop loop;
    Server server(loop, "tcp://127.0.0.1:0");
    if (!server.start().ok()) std::abort();
    const std::uint16_t port = server.port();
    if (::write(ports[1], &port, sizeof(port)) != sizeof(port)) std::abort();
    loop.run();
  }
  std::uint16_t port = 0;
  if (::read(ports[0], &port, sizeof(port)) != sizeof(port)) std::abort();
  const std::string uri = "tcp://127.0.0.1:" + std::to_string(port);

  for (const std::size_t size : {std::size_t{16}, std::size_t{256}}) {
    constexpr int kThreads[] = {0, 1, 4};
    std::vector<double> rates[3];
    std::vector<double> cpus[3];
    for (int run = 0; run < runs; ++run) {
      for (int i = 0; i < 3; ++i) {
        const Result result = measure(uri, size, kThreads[i], seconds);
        rates[i].push_back(result.rate);
        cpus[i].push_back(result.cpu);
      }
    }
    const double of_loop = median(rates[0]);
    for (int i = 0; i < 3; ++i) {
      std::printf("%3zu B  %-9s  %6.2f M/s  %.2f x  %.3f CPU s/M\n", size,
                  i == 0   ? "the loop"
                  : i == 1 ? "1 thread"
                           : "4 threads",
                  median(rates[i]) * 1e-6, median(rates[i]) / of_loop, median(cpus[i]));
    }
  }
  ::kill(server_process, SIGTERM);
  ::waitpid(server_process, nullptr, 0);
}

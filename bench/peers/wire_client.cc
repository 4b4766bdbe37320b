// Clients without a library, for what only a client that misbehaves can show of a server that
// speaks the Messi wire:
//
//   storm         thousands connect at the same moment, each with a request
//   wire_flood    sends messages as fast as the system takes them, until it is killed
//   slow_reader   asks for a stream and reads `--rate` bytes of it a second
#include <sys/epoll.h>
#include <time.h>

#include <cstdint>
#include <string>
#include <vector>

#include "bench/common/measure.h"
#include "bench/common/options.h"
#include "bench/peers/messages.h"
#include "bench/peers/socket.h"

namespace bench {
namespace {

const std::string kPing("\x03\x00\x00\x00", 4);

std::string frame(const chat::ClientToServer& message) {
  const std::string payload = message.SerializeAsString();
  const auto byte = [&](int shift) { return static_cast<char>(payload.size() >> shift); };
  return std::string{1, byte(16), byte(8), byte(0)} + payload;
}

void storm(const Options& options) {
  struct Client {
    int fd = -1;
    bool asked = false;
  };
  const std::string request = frame(wrapped_request());
  const int epoll = epoll_create1(EPOLL_CLOEXEC);
  std::vector<Client> clients(static_cast<std::size_t>(options.connections));
  const sockaddr_in server = loopback(options.port);
  const Clock::time_point started = Clock::now();
  for (Client& client : clients) {
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    check(client.fd != -1, "socket");
    const int result =
        connect(client.fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server));
    check(result == 0 || errno == EINPROGRESS, "connect");
    epoll_event event{};
    event.events = EPOLLOUT;
    event.data.ptr = &client;
    check(epoll_ctl(epoll, EPOLL_CTL_ADD, client.fd, &event) == 0, "epoll_ctl");
  }
  const Clock::time_point all_connecting = Clock::now();
  std::size_t served = 0;
  while (served < clients.size() &&
         seconds_between(all_connecting, Clock::now()) < options.seconds) {
    epoll_event events[256];
    const int count = epoll_wait(epoll, events, 256, 100);
    for (int i = 0; i < count; ++i) {
      Client& client = *static_cast<Client*>(events[i].data.ptr);
      if (!client.asked) {
        client.asked = true;
        check(send(client.fd, request.data(), request.size(), MSG_NOSIGNAL) > 0, "send");
        events[i].events = EPOLLIN;
        epoll_ctl(epoll, EPOLL_CTL_MOD, client.fd, &events[i]);
      } else {
        char answer[64];
        check(recv(client.fd, answer, sizeof(answer), 0) > 0, "a client was not served");
        epoll_ctl(epoll, EPOLL_CTL_DEL, client.fd, nullptr);
        ++served;
      }
    }
  }
  Report()
      .add("served", static_cast<double>(served))
      .add("connect_ms", seconds_between(started, all_connecting) * 1e3)
      .add("latency_ms", seconds_between(all_connecting, Clock::now()) * 1e3)
      .print();
}

// Says now and then that it is alive, and takes what is answered.
class Keepalive {
 public:
  explicit Keepalive(int fd) : fd_(fd) {}

  void tick() {
    const Clock::time_point now = Clock::now();
    if (now < next_) return;
    next_ = now + std::chrono::seconds(1);
    check(send(fd_, kPing.data(), kPing.size(), MSG_NOSIGNAL) > 0, "send");
  }

 private:
  int fd_;
  Clock::time_point next_ = Clock::now();
};

[[noreturn]] void flood(const Options& options) {
  const int fd = connect_to(options.port);
  const std::string message = frame(wrapped_message(options));
  std::string batch;
  while (batch.size() < 64 * 1024) batch += message;
  Keepalive keepalive(fd);
  std::cout << "ready" << std::endl;
  while (true) {
    for (std::size_t sent = 0; sent < batch.size();) {
      const ssize_t size = send(fd, batch.data() + sent, batch.size() - sent, MSG_NOSIGNAL);
      check(size > 0, "send");
      sent += static_cast<std::size_t>(size);
    }
    char pongs[256];
    recv(fd, pongs, sizeof(pongs), MSG_DONTWAIT);
    keepalive.tick();
  }
}

void slow_reader(const Options& options) {
  constexpr long kTicksPerSecond = 100;
  const int fd = connect_to(options.port);
  const std::string request = frame(wrapped_request());
  check(send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0, "send");
  Keepalive keepalive(fd);
  std::vector<char> buffer(static_cast<std::size_t>(options.rate) / kTicksPerSecond);
  const Clock::time_point end =
      Clock::now() + std::chrono::milliseconds(static_cast<int>(options.seconds * 1000));
  double bytes = 0;
  const Clock::time_point started = Clock::now();
  while (Clock::now() < end) {
    const timespec tick{0, 1'000'000'000 / kTicksPerSecond};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &tick, nullptr);
    const ssize_t size = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    check(size > 0 || (size == -1 && errno == EAGAIN), "recv");
    if (size > 0) bytes += static_cast<double>(size);
    keepalive.tick();
  }
  Report().add("bytes_per_second", bytes / seconds_between(started, Clock::now())).print();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.scenario == "storm") {
    bench::storm(options);
  } else if (options.scenario == "wire_flood") {
    bench::flood(options);
  } else if (options.scenario == "slow_reader") {
    bench::slow_reader(options);
  } else {
    bench::fail("unknown scenario '" + options.scenario + "'");
  }
}

// What happens in networks that are not as they should be: each test makes its own.

#include "test/support/own_network.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/socket_address.h"
#include "messi/system_error.h"
#include "test/catch.h"
#include "test/io/attempt.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::errno_of;
using messi::test::Client;
using messi::test::in_own_network;
using messi::test::outcome;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

messi::ClientOptions impatient() {
  messi::ClientOptions options;
  options.backoff.initial = 1ms;
  options.backoff.max = 5ms;
  return options;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a client does not connect to itself", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    // The only port that the system can choose for the client's end.
    messi::test::write_file("/proc/sys/net/ipv4/ip_local_port_range", "40000 40000");
    EpollLoop loop;
    Client client(loop, "tcp://127.0.0.1:40000", impatient());
    client.start();
    if (!run_until(loop, [&] { return client.log.size() >= 20; })) return "no attempts";
    if (client.has("connected")) return "it has connected to itself";
    if (!has(client.log.front(), "Connection refused")) return client.log.front();
    messi::test::write_file("/proc/sys/net/ipv4/ip_local_port_range", "40001 50000");
    Server server(loop, "tcp://127.0.0.1:40000");
    if (!run_until(loop, [&] { return server.start().ok(); })) return "the server cannot start";
    if (!run_until(loop, [&] { return client.connected(); })) return "the server is not found";
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("that the system calls an address invalid is no reason to give up", "[io]") {
  EpollLoop loop;
  Client client(loop, "tcp://[fe80::1]:6000", impatient());  // of which device?
  client.start();
  CHECK(run_until(loop, [&] { return client.count("failed") == 3; }));
  CHECK(errno_of(client.last_failure) == EINVAL);
}

namespace {

// On Asio the system puts a name's addresses into an order of its own. So what depends on theirs is
// tested with EpollLoop only.
constexpr const char* kHost = "tcp://host:6000";

/// Has "host" have these addresses.
void name_host(const std::vector<std::string>& addresses) {
  std::string hosts;
  for (const std::string& each : addresses) hosts += each + " host\n";
  messi::test::replace_file("/etc/hosts", hosts);
}

/// Has "host" have so many addresses that do not answer, since their queues are full, and then
/// 127.0.0.1 and `others`.
class DeadHosts {
 public:
  explicit DeadHosts(int count, const std::vector<std::string>& others = {}) {
    std::vector<std::string> hosts;
    for (int i = 1; i <= count; ++i) {
      const std::string host = "127.0.1." + std::to_string(i);
      hosts.push_back(host);
      die(*messi::io::SocketAddress::parse(host, 6000));
    }
    hosts.push_back("127.0.0.1");
    hosts.insert(hosts.end(), others.begin(), others.end());
    name_host(hosts);
  }

 private:
  void die(const messi::io::SocketAddress& address) {
    sockets_.push_back(messi::test::tcp_socket());
    if (::bind(sockets_.back().get(), address.data(), address.size()) != 0 ||
        ::listen(sockets_.back().get(), 0) != 0) {
      throw std::runtime_error("cannot listen");
    }
    for (int i = 0; i < 8; ++i) {
      sockets_.push_back(messi::test::tcp_socket());
      ::connect(sockets_.back().get(), address.data(), address.size());
    }
  }

  std::vector<messi::io::Fd> sockets_;
};

}  // namespace

TEST_CASE("an address that does not answer is in the way once", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    const DeadHosts dead(1);
    EpollLoop loop;
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    messi::AddressMemory memory;
    auto fastest = messi::Duration::max();
    for (int i = 0; i < 5; ++i) {
      const auto began = loop.now();
      if (const auto to = outcome(loop, kHost, &memory); to != "127.0.0.1:6000") return to;
      const auto took = loop.now() - began;
      if (i == 0 && took < 240ms) return "the first one is not dead";
      fastest = std::min(fastest, took);
    }
    return fastest < 200ms ? "" : "it is waited for each time";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("many addresses that do not answer do not hide the one that does", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    const DeadHosts dead(22);
    const SocketLoop loop;
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    Client client(loop, kHost);
    client.start();
    if (!run_until(loop, [&] { return !client.log.empty(); })) return "no end";
    return client.log.front() == "connected" ? "" : client.log.front();
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("those that had not answered when an attempt was given up are tried last", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    const DeadHosts dead(3);
    EpollLoop loop;
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    messi::AddressMemory memory;
    {
      const messi::test::Attempt attempt(loop, kHost, &memory);
      messi::test::run_for(loop, 100ms);
      if (attempt.ended()) return "nothing is dead";
    }
    if (memory.rank("127.0.1.1:6000") == 0) return "forgotten";
    // The first to be tried now is the second.
    {
      const messi::test::Attempt attempt(loop, kHost, &memory);
      messi::test::run_for(loop, 100ms);
    }
    if (memory.rank("127.0.1.2:6000") <= memory.rank("127.0.1.1:6000")) return "the same again";
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("one address that does not answer and many that refuse do not hide the one that does",
          "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    std::vector<std::string> refusing;
    for (int i = 1; i <= 8; ++i) refusing.push_back("127.0.2." + std::to_string(i));
    const DeadHosts dead(1, refusing);
    const SocketLoop loop;
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    const auto to = outcome(loop, kHost);
    return to == "127.0.0.1:6000" ? "" : to;
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("when all of ten addresses refuse there is one failure, and all are remembered",
          "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    std::vector<std::string> refusing;
    for (int i = 1; i <= 10; ++i) refusing.push_back("127.0.2." + std::to_string(i));
    name_host(refusing);
    const SocketLoop loop;
    messi::AddressMemory memory;
    const auto to = outcome(loop, kHost, &memory);
    if (to != "tcp://host:6000: cannot connect: Connection refused") return to;
    for (const std::string& each : refusing) {
      if (memory.rank(each + ":6000") == 0) return each + " is forgotten";
    }
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("IPv6 is tried before IPv4, unless it has failed before", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    name_host({"127.0.0.5", "::1"});
    const SocketLoop loop;
    Server server(loop, "tcp://:6000");
    if (!server.start().ok()) return "the server cannot start";
    for (const char* const uri : {kHost, "tcp://:6000"}) {
      messi::AddressMemory memory;
      if (const auto to = outcome(loop, uri, &memory); to != "[::1]:6000") return to;
      memory.failed("[::1]:6000");
      if (const auto to = outcome(loop, uri, &memory); to.find("127.0.0.") != 0) return to;
    }
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

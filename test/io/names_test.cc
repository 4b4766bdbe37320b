// Finding the addresses of names, in networks whose name servers are not always well.

#include <malloc.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/io/attempt.h"
#include "test/io/dns_server.h"
#include "test/support/chat.h"
#include "test/support/own_network.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::test::Attempt;
using messi::test::Client;
using messi::test::DnsServer;
using messi::test::in_own_network;
using messi::test::outcome;
using messi::test::replace_file;
using messi::test::run_until;
using messi::test::Server;
using namespace std::chrono_literals;

namespace {

constexpr const char* kResolvConf = "/etc/resolv.conf";
constexpr const char* kLocal = "nameserver 127.0.0.1\n";

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

int threads() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("Threads:", 0) == 0) return std::stoi(line.substr(8));
  }
  return -1;
}

}  // namespace

TEST_CASE("a name's addresses come from DNS, those of IPv6 first", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.5"};
    dns.aaaa["chat.example"] = {"::1"};
    Server server(loop, "tcp://:6000");
    if (!server.start().ok()) return "the server cannot start";
    if (const auto to = outcome(loop, "tcp://chat.example:6000"); to != "[::1]:6000") return to;
    dns.aaaa["chat.example"] = {};
    if (const auto to = outcome(loop, "tcp://chat.example:6000"); to != "127.0.0.5:6000") return to;
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a name server that says nothing of IPv6 does not keep anybody from IPv4", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.5"};
    Server server(loop, "tcp://127.0.0.5:6000");
    if (!server.start().ok()) return "the server cannot start";
    const auto began = loop.now();
    if (const auto to = outcome(loop, "tcp://chat.example:6000"); to != "127.0.0.5:6000") return to;
    return loop.now() - began < 900ms ? "" : "it has waited for the name server to give up";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("addresses of IPv6 that come late are tried when those of IPv4 fail", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.5"};
    Server server(loop, "tcp://[::1]:6000");
    if (!server.start().ok()) return "the server cannot start";
    // The question is repeated after a second, and then there is an answer.
    messi::Timer answer(loop, [&] { dns.aaaa["chat.example"] = {"::1"}; });
    answer.set(loop.now() + 300ms);
    return outcome(loop, "tcp://chat.example:6000") == "[::1]:6000" ? "" : "not connected";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a name that does not exist is an error that names it and may pass", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.answers_unknown = true;
    const Attempt attempt(loop, "tcp://no.such.host:6000");
    if (!run_until(loop, [&] { return attempt.ended(); })) return "no end";
    if (attempt.failure().code() != messi::StatusCode::kNotFound) return "the wrong code";
    if (!has(attempt.outcome(), "tcp://no.such.host:6000: cannot find the host: ")) {
      return attempt.outcome();
    }
    messi::ClientOptions options;
    options.backoff.initial = 1ms;
    Client client(loop, "tcp://born.later:6000", options);
    client.start();
    if (!run_until(loop, [&] { return client.has("failed"); })) return "no failure";
    dns.a["born.later"] = {"127.0.0.1"};
    dns.aaaa["born.later"] = {};
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    return run_until(loop, [&] { return client.connected(); }) ? "" : "it has given up";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a silent name server is passed over, and so is one that nobody listens at", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    EpollLoop loop;
    const DnsServer silent(loop, "127.0.0.2");
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.1"};
    dns.aaaa["chat.example"] = {};
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    for (const char* const first : {"127.0.0.2", "127.0.0.3"}) {
      replace_file(kResolvConf, "nameserver " + std::string(first) + "\n" + kLocal);
      if (outcome(loop, "tcp://chat.example:6000") != "127.0.0.1:6000") return first;
    }
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("the name servers are those of today, not of when the loop began", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    EpollLoop loop;
    DnsServer old(loop, "127.0.0.2");
    old.answers_unknown = true;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.1"};
    dns.aaaa["chat.example"] = {};
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    messi::ClientOptions options;
    options.backoff.initial = 1ms;
    Client client(loop, "tcp://chat.example:6000", options);
    replace_file(kResolvConf, "nameserver 127.0.0.2\n");
    client.start();
    if (!run_until(loop, [&] { return client.has("failed"); })) return "the old server answers";
    replace_file(kResolvConf, kLocal);
    return run_until(loop, [&] { return client.connected(); }) ? "" : "it asks the old one";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a thousand that ask for the same name ask once", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    const auto limit = messi::test::DescriptorLimit::raised();
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.1"};
    dns.aaaa["chat.example"] = {};
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    std::vector<std::unique_ptr<Attempt>> attempts;
    for (int i = 0; i < 1000; ++i) {
      attempts.push_back(std::make_unique<Attempt>(loop, "tcp://chat.example:6000"));
    }
    for (const auto& attempt : attempts) {
      if (!run_until(loop, [&] { return attempt->ended(); })) return "no end";
      if (attempt->outcome() != "127.0.0.1:6000") return attempt->outcome();
    }
    return dns.questions == 2 ? "" : std::to_string(dns.questions) + " questions";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("clients of a silent name server cost no thread, little, and nothing when they are gone",
          "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    const auto limit = messi::test::DescriptorLimit::raised();
    EpollLoop loop;
    const DnsServer silent(loop);
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    const std::size_t descriptors = messi::test::open_descriptors().size();
    const auto threads_before = threads();  // a sanitizer may have one of its own
    constexpr std::size_t kMuch =
        101 * 128 * 1024;  // 101 names; an old c-ares takes 80 kB for each
    const std::size_t memory = ::mallinfo2().uordblks;
    messi::ClientOptions options;
    options.connect_timeout = 100ms;
    options.backoff.initial = 1ms;
    options.backoff.max = 1ms;
    std::vector<std::unique_ptr<Client>> clients;
    for (int i = 0; i < 200; ++i) {
      const std::string name = i % 2 == 0 ? "one.example" : "n" + std::to_string(i) + ".example";
      clients.push_back(std::make_unique<Client>(loop, "tcp://" + name + ":6000", options));
      clients.back()->start();
    }
    for (const auto& client : clients) {
      if (!run_until(loop, [&] { return client->count("failed") >= 5; })) return "no time-out";
    }
    if (outcome(loop, "tcp://127.0.0.1:6000") != "127.0.0.1:6000") return "the others wait";
    if (threads() != threads_before) return "there are threads";
    if (messi::test::open_descriptors().size() > descriptors + 150) return "many descriptors";
    if (::mallinfo2().uordblks > memory + kMuch) return "much memory";
    clients.clear();
    const auto all_gone = [&] { return messi::test::open_descriptors().size() == descriptors; };
    return run_until(loop, all_gone) ? "" : "descriptors are left";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("without descriptors a name is not found, for as long as that lasts", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.1"};
    dns.aaaa["chat.example"] = {};
    Server server(loop, "tcp://127.0.0.1:6000");
    if (!server.start().ok()) return "the server cannot start";
    const messi::test::DescriptorLimit limit(64);
    // All are taken at the beginning of each attempt, or all but a few.
    for (std::size_t left = 0; left < 4; ++left) {
      std::vector<messi::io::Fd> taken = messi::test::take_all_descriptors();
      taken.resize(taken.size() - left);
      const Attempt attempt(loop, "tcp://chat.example:6000");
      if (!run_until(loop, [&] { return attempt.ended(); })) return "no end";
      if (left == 0 && attempt.failure().system_error() != EMFILE) return attempt.outcome();
    }
    const auto to = outcome(loop, "tcp://chat.example:6000");
    return to == "127.0.0.1:6000" ? "" : to;
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a look-up may be given up at any moment, and leaves nothing behind", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    replace_file(kResolvConf, kLocal);
    EpollLoop loop;
    DnsServer dns(loop);
    dns.a["chat.example"] = {"127.0.0.1"};
    dns.aaaa["late.example"] = {"::1"};
    dns.a["late.example"] = {"127.0.0.1"};
    dns.answers_unknown = true;
    const std::size_t descriptors = messi::test::open_descriptors().size();
    for (const std::string name : {"chat.example", "late.example", "no.example", "localhost"}) {
      for (int turns = 0; turns < 12; ++turns) {
        std::vector<std::unique_ptr<Client>> clients;
        for (int i = 0; i < 3; ++i) {
          clients.push_back(std::make_unique<Client>(loop, "tcp://" + name + ":6000"));
          // The first to hear of the failure ends all others, and asks again.
          clients.back()->retry = [&clients, i](const absl::Status& /*error*/) {
            for (int other = 0; other < 3; ++other) {
              if (other != i) clients[static_cast<std::size_t>(other)].reset();
            }
            return messi::Duration::zero();
          };
          clients.back()->start();
        }
        for (int i = 0; i < turns; ++i) loop.poll(1ms);
      }
    }
    return messi::test::open_descriptors().size() == descriptors ? "" : "descriptors are left";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("names that DNS has no room for are errors", "[io]") {
  EpollLoop loop;
  for (const std::string& name :
       {std::string(64, 'x') + ".example", std::string(300, 'x'), std::string("a..b"),
        std::string("\xff"), std::string("fe80::1%nosuch:device")}) {
    CAPTURE(name);
    const std::string host = name.find(':') == std::string::npos ? name : "[" + name + "]";
    const std::string uri = "tcp://" + host + ":6000";
    const Attempt attempt(loop, uri);
    CHECK(run_until(loop, [&] { return attempt.ended(); }));
    CHECK(attempt.failure().code() != messi::StatusCode::kInvalidArgument);
    CHECK(attempt.outcome().find(uri + ": cannot ") == 0);
  }
}

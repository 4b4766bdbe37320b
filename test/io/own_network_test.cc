// What happens in networks that are not as they should be: each test makes its own.

#include "test/support/own_network.h"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "messi/io/epoll_loop.h"
#include "messi/io/system_error.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::errno_of;
using messi::test::Client;
using messi::test::in_own_network;
using messi::test::run_until;
using messi::test::Server;
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

void run(const std::string& command) {
  if (std::system(command.c_str()) != 0) throw std::runtime_error("failed: " + command);
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

TEST_CASE("a route that goes nowhere is no reason to give up", "[io]") {
  const auto wrong = in_own_network([]() -> std::string {
    run("ip route add blackhole 10.1.2.3/32");
    EpollLoop loop;
    Client client(loop, "tcp://10.1.2.3:6000", impatient());
    client.start();
    if (!run_until(loop, [&] { return client.count("failed") == 3; })) return "it has given up";
    if (errno_of(client.last_failure) != EINVAL) return client.log.back();
    run("ip route del blackhole 10.1.2.3/32");
    run("ip address add 10.1.2.3/32 dev lo");
    Server server(loop, "tcp://10.1.2.3:6000");
    if (!server.start().ok()) return "the server cannot start";
    if (!run_until(loop, [&] { return client.connected(); })) return "the server is not found";
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

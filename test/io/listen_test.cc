// Where a server listens.

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/linux/socket_address.h"
#include "messi/system_error.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/own_network.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::errno_of;
using messi::io::Fd;
using messi::io::SocketAddress;
using messi::test::Client;
using messi::test::in_child;
using messi::test::in_own_network;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

Fd listen_at(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK, 0));
  const bool listening =
      ::bind(fd.get(), address.data(), address.size()) == 0 && ::listen(fd.get(), 10) == 0;
  return listening ? std::move(fd) : Fd();
}

bool answers(SocketLoop& loop, const std::string& uri) {
  messi::ClientOptions options;
  options.connect_timeout = 5s;
  Client client(loop, uri, options);
  client.start();
  return run_until(loop, [&] { return !client.log.empty(); }) && client.connected();
}

/// Has systemd pass sockets, as this process sees it.
void pass(const std::vector<const Fd*>& sockets, const char* names) {
  int number = 3;
  std::vector<int> copies;  // above those numbers, lest one be overwritten
  for (const Fd* const socket : sockets) copies.push_back(::fcntl(socket->get(), F_DUPFD, 100));
  for (const int copy : copies) ::dup2(copy, number++);
  ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
  ::setenv("LISTEN_FDS", std::to_string(sockets.size()).c_str(), 1);
  ::setenv("LISTEN_FDNAMES", names, 1);
}

}  // namespace

TEST_CASE("a server listens at all addresses of a name, with one port", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    messi::test::replace_file("/etc/hosts", "127.0.0.1 both\n::1 both\n127.0.0.1 both\n");
    SocketLoop loop;
    Server server(loop, "tcp://both:0");
    if (const auto status = server.start(); !status.ok()) return std::string(status.message());
    const std::string port = ":" + std::to_string(server.port());
    if (server.uri() != "tcp://both" + port) return server.uri();
    for (const char* const host : {"127.0.0.1", "[::1]", "both"}) {
      if (!answers(loop, "tcp://" + std::string(host) + port)) return host;
    }
    Server second(loop, server.uri());
    if (errno_of(second.start()) != EADDRINUSE) return "a second one has started";
    return "";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a server does not start when one of its name's addresses is taken", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    messi::test::replace_file("/etc/hosts", "127.0.0.1 both\n::1 both\n");
    SocketLoop loop;
    for (const char* const address : {"127.0.0.1", "::1"}) {
      const Fd taken = listen_at(*SocketAddress::parse(address, 6000));
      if (!taken.valid()) return "cannot listen";
      Server server(loop, "tcp://both:6000");
      if (errno_of(server.start()) != EADDRINUSE) return address;
    }
    Server server(loop, "tcp://both:6000");
    return server.start().ok() ? "" : "something is left of the failures";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("port 0 is one port for all addresses, even if few are free", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    messi::test::replace_file("/etc/hosts", "127.0.0.1 both\n::1 both\n");
    messi::test::write_file("/proc/sys/net/ipv4/ip_local_port_range", "40000 40003");
    const Fd a = listen_at(*SocketAddress::parse("::1", 40000));
    const Fd b = listen_at(*SocketAddress::parse("127.0.0.1", 40001));
    if (!a.valid() || !b.valid()) return "cannot listen";
    SocketLoop loop;
    Server server(loop, "tcp://both:0");
    if (const auto status = server.start(); !status.ok()) return std::string(status.message());
    return server.port() >= 40002 ? "" : "the port is taken";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("addresses that this host does not have are passed over, unless there is no other",
          "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    messi::test::replace_file("/etc/hosts", "10.9.9.9 half\n127.0.0.1 half\n10.9.9.8 none\n");
    SocketLoop loop;
    Server half(loop, "tcp://half:0");
    if (const auto status = half.start(); !status.ok()) return std::string(status.message());
    if (!answers(loop, "tcp://127.0.0.1:" + std::to_string(half.port()))) return "no answer";
    Server none(loop, "tcp://none:0");
    return errno_of(none.start()) == EADDRNOTAVAIL ? "" : "listens nowhere";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a server at any address does not start where another has one of them", "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    SocketLoop loop;
    const Fd taken = listen_at(*SocketAddress::parse("0.0.0.0", 6000));
    Server server(loop, "tcp://:6000");
    return errno_of(server.start()) == EADDRINUSE ? "" : "it has started";
  });
  if (wrong) CHECK(*wrong == "");
}

TEST_CASE("a server stops and starts while a forked child has its descriptors", "[io]") {
  SocketLoop loop;
  std::string folder = "/tmp/messi-test-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  for (const std::string& uri :
       {std::string("tcp://127.0.0.1:0"), "unix://" + folder + "/socket"}) {
    CAPTURE(uri);
    auto first = std::make_unique<Server>(loop, uri);
    REQUIRE(first->start().ok());
    int life[2];
    REQUIRE(::pipe(life) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      ::close(life[1]);
      char byte;
      ::_exit(::read(life[0], &byte, 1) == 0 ? 0 : 1);
    }
    const std::string place = first->uri();
    first->stop();
    messi::test::run_for(loop, 5ms);
    Server second(loop, place);
    const absl::Status status = second.start();
    CHECK(std::string(status.message()) == "");
    CHECK(answers(loop, place));
    ::close(life[0]);
    ::close(life[1]);
    ::waitpid(child, nullptr, 0);
  }
  ::rmdir(folder.c_str());
}

TEST_CASE("a forked child that destroys its copy of a server takes nothing away", "[io]") {
  SocketLoop loop;
  std::string folder = "/tmp/messi-test-XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  for (const std::string& uri :
       {std::string("tcp://127.0.0.1:0"), "unix://" + folder + "/socket"}) {
    CAPTURE(uri);
    auto server = std::make_unique<Server>(loop, uri);
    REQUIRE(server->start().ok());
    CHECK(in_child([&] {
            server.reset();
            return "";
          }) == "");
    // As the kernel sees it; nobody needs to accept.
    SocketLoop another;
    CHECK(answers(another, server->uri()));
  }
  ::rmdir(folder.c_str());
}

TEST_CASE("a forked child that destroys its copies takes none of the parent's input", "[io]") {
  SocketLoop loop;
  auto server = std::make_unique<Server>(loop, "tcp://127.0.0.1:0");
  REQUIRE(server->start().ok());
  const Fd peer = messi::test::connected_socket(server->port());
  CHECK(run_until(loop, [&] { return server->client_count() == 1; }));
  messi::test::write_some(peer, messi::test::from_client(messi::test::message("hello")));
  CHECK(in_child([&] {
          server.reset();
          return "";
        }) == "");
  CHECK(run_until(loop, [&] { return server->has("1 message hello"); }));
}

TEST_CASE("a peer is told of the end though a forked child has the connection open", "[io]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  const Fd peer = messi::test::connected_socket(server.port());
  CHECK(run_until(loop, [&] { return server.client_count() == 1; }));
  int hold[2];
  REQUIRE(::pipe(hold) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(hold[1]);
    char byte;
    [[maybe_unused]] const ssize_t ended = ::read(hold[0], &byte, 1);
    ::_exit(0);
  }
  server.stop_now();
  CHECK(run_until(loop, [&] { return server.stopped(); }));
  CHECK(run_until(loop, [&] { return messi::test::at_end(peer); }));
  ::close(hold[1]);
  ::close(hold[0]);
  ::waitpid(child, nullptr, 0);
}

TEST_CASE("a server takes over the socket that systemd has opened", "[io][loops]") {
  CHECK(in_child([]() -> std::string {
          const Fd tcp = listen_at(*SocketAddress::parse("127.0.0.1", 0));
          const Fd unix_socket =
              listen_at(SocketAddress::unix_abstract("messi-test-" + std::to_string(::getpid())));
          pass({&tcp, &unix_socket}, "web:local");
          SocketLoop loop;
          for (const std::string& uri : {std::string("systemd:"), std::string("systemd:web")}) {
            Server server(loop, uri);
            if (const auto status = server.start(); !status.ok())
              return std::string(status.message());
            if (server.uri() != "tcp://127.0.0.1:" + std::to_string(server.port()))
              return server.uri();
            if (!answers(loop, server.uri())) return uri;
          }
          Server server(loop, "systemd:local");
          for (int i = 0; i < 2; ++i) {
            if (const auto status = server.start(); !status.ok())
              return std::string(status.message());
            if (server.uri().find("unix-abstract:messi-test-") != 0) return server.uri();
            if (!answers(loop, server.uri())) return "no answer";
            server.stop();
            messi::test::run_for(loop, 1ms);
          }
          return "";
        }) == "");
}

TEST_CASE("a server whose socket systemd has not opened does not start, and says why",
          "[io][loops]") {
  CHECK(in_child([]() -> std::string {
          SocketLoop loop;
          ::unsetenv("LISTEN_PID");
          if (Server(loop, "systemd:").start().ok()) return "without anything";
          const Fd tcp = listen_at(*SocketAddress::parse("127.0.0.1", 0));
          pass({&tcp}, "web");
          if (Server(loop, "systemd:other").start().ok()) return "by another name";
          ::setenv("LISTEN_PID", "1", 1);
          if (Server(loop, "systemd:web").start().ok()) return "of another process";
          const Fd connected = messi::test::tcp_socket();
          pass({&connected}, "web");
          const absl::Status status = Server(loop, "systemd:web").start();
          const std::string text(status.message());
          return text.find("systemd:web: ") == 0 ? "" : text;
        }) == "");
}

TEST_CASE("no descriptor of a loop, a server, or a client is left to another program",
          "[io][loops]") {
  const auto wrong = in_own_network([]() -> std::string {
    const std::vector<int> before = messi::test::open_descriptors();
    messi::test::replace_file("/etc/resolv.conf",
                              "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    const Fd dns(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto at = SocketAddress::parse("127.0.0.1", 53);
    if (::bind(dns.get(), at->data(), at->size()) != 0) return "no name server";
    SocketLoop loop;
    Server tcp(loop, "tcp://:0");
    Server abstract(loop, "unix-abstract:messi-test");
    if (!tcp.start().ok() || !abstract.start().ok()) return "the servers cannot start";
    Client a(loop, tcp.uri());
    Client b(loop, abstract.uri());
    Client c(loop, "tcp://being.looked.up:6000");
    for (Client* const client : {&a, &b, &c}) client->start();
    if (!run_until(loop, [&] { return a.connected() && b.connected(); })) return "not connected";
    int checked = 0;
    for (const int fd : messi::test::open_descriptors()) {
      if (std::find(before.begin(), before.end(), fd) != before.end()) continue;
      if ((::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) return "descriptor " + std::to_string(fd);
      ++checked;
    }
    return checked >= 12 ? "" : "only " + std::to_string(checked);
  });
  if (wrong) CHECK(*wrong == "");
}

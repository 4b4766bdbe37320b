// Errors of a write that pass: the system is out of memory for a moment.

#include <dlfcn.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <string>

#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::test::Client;
using messi::test::message;
using messi::test::run_until;
using messi::test::Server;
using messi::test::SocketLoop;
using namespace std::chrono_literals;

namespace {

int failures_left = 0;
int error_to_fail_with = 0;
int failed = 0;

bool fails() {
  if (failures_left == 0) return false;
  --failures_left;
  ++failed;
  errno = error_to_fail_with;
  return true;
}

template <typename Call>
Call original(const char* name) {
  return reinterpret_cast<Call>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

// In place of the C library's, for this whole program.
extern "C" ssize_t send(int fd, const void* data, size_t size, int flags) {
  static const auto call = original<ssize_t (*)(int, const void*, size_t, int)>("send");
  return fails() ? -1 : call(fd, data, size, flags);
}
extern "C" ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto call = original<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  return fails() ? -1 : call(fd, message, flags);
}

TEST_CASE("a write that fails for want of memory is tried again, without spinning", "[io][loops]") {
  for (const int error : {ENOBUFS, ENOMEM, EPERM}) {
    CAPTURE(error);
    SocketLoop loop;
    Server server(loop, "tcp://127.0.0.1:0");
    REQUIRE(server.start().ok());
    Client client(loop, server.uri());
    client.start();
    CHECK(run_until(loop, [&] { return client.connected() && server.client_count() == 1; }));
    error_to_fail_with = error;
    failed = 0;
    failures_left = 5;
    int turns = 0;
    client.send(message("one"));
    client.send(message("two"));
    CHECK(run_until(loop, [&] {
      ++turns;
      return server.has("1 message two");
    }));
    failures_left = 0;
    CHECK(failed == 5);
    CHECK(server.count("1 message") == 2);
    CHECK(turns < 100);
    CHECK(client.connected());
  }
}

TEST_CASE("a connection that waits to write again may go in the meantime", "[io][loops]") {
  SocketLoop loop;
  Server server(loop, "tcp://127.0.0.1:0");
  REQUIRE(server.start().ok());
  auto client = std::make_unique<Client>(loop, server.uri());
  client->start();
  CHECK(run_until(loop, [&] { return client->connected() && server.client_count() == 1; }));
  error_to_fail_with = ENOBUFS;
  failures_left = 1;
  client->send(message("never"));
  loop.poll();
  client.reset();
  CHECK(run_until(loop, [&] { return server.client_count() == 0; }));
  failures_left = 0;
}

// No descriptors left: in a process of its own, since the limit is the process's.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/io/live.h"
#include "test/support/chat.h"

using messi::EpollLoop;
using messi::test::Server;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

double cpu_seconds() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// What the child does; 0 if all is as it should be, else the number of the step that is not.
int serve_without_descriptors(EpollLoop& loop, Server& server, int answers) {
  const auto answer = [answers](char c) { return ::write(answers, &c, 1) == 1; };
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const int probe = ::dup(0);
  limit.rlim_cur = static_cast<rlim_t>(probe) + 4;  // room for a handful of clients
  ::close(probe);
  if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  if (!answer('r')) return 2;

  const auto end = std::chrono::steady_clock::now() + messi::test::kPatience;
  while (messi::test::count(server.log, "refused : Too many clients.") < 3) {
    loop.poll(100ms);
    if (std::chrono::steady_clock::now() > end) return 3;
  }
  // Nobody comes now, so there is nothing to do: the process sleeps.
  const double cpu = cpu_seconds();
  const auto idle_end = std::chrono::steady_clock::now() + 300ms;
  while (std::chrono::steady_clock::now() < idle_end) loop.poll(50ms);
  if (cpu_seconds() - cpu > 0.1) return 4;

  // The others are served as ever, and when they go new ones are welcome.
  if (server.client_count() == 0) return 5;
  if (!answer('f')) return 6;
  while (server.last_text != "welcome") {
    loop.poll(100ms);
    if (std::chrono::steady_clock::now() > end) return 7;
  }
  return 0;
}

}  // namespace

TEST_CASE("without descriptors a server turns clients away, sleeps, and recovers", "[io]") {
  EpollLoop loop;
  int answers[2];
  REQUIRE(::pipe(answers) == 0);
  // The port is known to both, since the server listens before the process is split.
  auto server_loop = std::make_unique<EpollLoop>();
  auto server = std::make_unique<Server>(*server_loop, "tcp://127.0.0.1:0");
  REQUIRE(server->start().ok());
  const std::string uri = server->uri();

  const pid_t child = ::fork();
  if (child == 0) ::_exit(serve_without_descriptors(*server_loop, *server, answers[1]));
  const auto wait_for = [&](char expected) {
    char c = 0;
    REQUIRE(::read(answers[0], &c, 1) == 1);
    REQUIRE(c == expected);
  };
  wait_for('r');
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 12; ++i) clients.push_back(std::make_unique<RawClient>(loop, uri));
  const auto ended = [&] {
    int count = 0;
    for (const auto& client : clients) {
      if (client->peer() != nullptr && client->peer()->ended()) ++count;
    }
    return count;
  };
  messi::test::run_until(loop, [&] { return ended() >= 3; });
  wait_for('f');
  clients.clear();

  messi::ClientOptions options;
  options.backoff.initial = 20ms;
  options.backoff.max = 20ms;
  messi::test::Client welcome(loop, uri, options);
  int status = -1;
  welcome.start();
  welcome.then = [&](const std::string& line) {
    if (line == "connected") welcome.send(messi::test::message("welcome"));
  };
  bool exited = false;
  messi::test::run_until(loop, [&] {
    exited = exited || ::waitpid(child, &status, WNOHANG) == child;
    return exited;
  });
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  ::close(answers[0]);
  ::close(answers[1]);
}

// Many clients at once.

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/epoll_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/io/live.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::EpollLoop;
using messi::test::run_until;
using messi::test::Server;
using messi::testing::RawClient;

namespace {

// As many clients as wished for, or as the limit on descriptors allows: each has two here.
std::size_t possible(std::size_t wished) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t possible = std::min<std::size_t>(wished, (limit.rlim_cur - 100) / 2);
  if (possible < wished) WARN("only " << possible << " clients: the limit on descriptors is low");
  return possible;
}

}  // namespace

TEST_CASE("two thousand clients that come at once are all served", "[io]") {
  EpollLoop loop;
  messi::ServerOptions options;
  options.max_clients = 10'000;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  std::vector<std::unique_ptr<RawClient>> clients(possible(2000));
  for (auto& client : clients) client = std::make_unique<RawClient>(loop, server.uri());
  run_until(loop, [&] {
    return server.client_count() == clients.size() &&
           std::all_of(clients.begin(), clients.end(),
                       [](const auto& client) { return client->peer() != nullptr; });
  });
  for (auto& client : clients) (*client)->send(messi::test::kPing);
  run_until(loop, [&] {
    return std::all_of(clients.begin(), clients.end(), [](const auto& client) {
      return client->peer()->received() == messi::test::kPong;
    });
  });
}

TEST_CASE("a full server turns clients away, and takes one when another has gone", "[io]") {
  EpollLoop loop;
  messi::ServerOptions options;
  options.max_clients = 2;
  Server server(loop, "tcp://127.0.0.1:0", options);
  REQUIRE(server.start().ok());
  RawClient first(loop, server.uri());
  RawClient second(loop, server.uri());
  run_until(loop, [&] { return server.client_count() == 2; });
  RawClient third(loop, server.uri());
  run_until(loop, [&] { return third.peer() != nullptr && third->ended(); });
  CHECK(server.has("refused 127.0.0.1:"));
  CHECK(server.client_count() == 2);

  first->close();
  run_until(loop, [&] { return server.client_count() == 1; });
  RawClient fourth(loop, server.uri());
  run_until(loop, [&] { return server.client_count() == 2; });
}

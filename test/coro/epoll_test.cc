// Over sockets, both sides with coroutines.

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "chat.messi.h"
#include "messi/coro.h"
#include "messi/io/epoll_loop.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"

using messi::coro::Job;
using messi::coro::spawn;
using messi::coro::Task;
using namespace std::chrono_literals;

namespace {

using Client = messi::coro::Client<chat::ChatClient>;
using Server = messi::coro::Server<chat::ChatServer>;

Task<> echo(Server::Peer& peer) {
  while (auto said = co_await peer.next<chat::MessageInd>()) peer.send(*said);
}

Task<> exchange(Client& client, const chat::MessageInd& said, std::size_t& count) {
  if (!(co_await client.connected()).ok()) co_return;
  for (;;) {
    client.send(said);
    const auto answer = co_await client.next<chat::MessageInd>(10s);
    if (!answer) co_return;
    ++count;
  }
}

}  // namespace

TEST_CASE("waiting for a message allocates nothing but the message's own texts", "[coro]") {
  messi::EpollLoop loop;
  Server server(loop, "tcp://127.0.0.1:0", echo);
  REQUIRE(server.start().ok());
  Client client(loop, server.uri());
  std::size_t count = 0;
  const chat::MessageInd said;
  const Job job = spawn(loop, exchange(client, said, count));
  client.start();
  const auto allocations_of = [&](std::size_t exchanges) {
    const std::size_t end = count + exchanges;
    const std::size_t before = messi::test::allocations();
    while (count < end && !job.done()) loop.poll(1s);
    return messi::test::allocations() - before;
  };
  allocations_of(600);
  std::size_t least = ~std::size_t{0};
  for (int round = 0; round < 5 && least > 0; ++round) least = std::min(least, allocations_of(200));
  CHECK(least == 0);
  CHECK_FALSE(job.done());
}

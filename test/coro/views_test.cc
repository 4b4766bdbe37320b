// Coroutines with messages that are structs with views: what waits for them owns what it looks at.

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "calls.messi.h"
#include "messi/coro.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"

using asking::AskReq;
using asking::AskRsp;
using asking::EchoReq;
using asking::EchoRsp;
using asking::Text;
using messi::Owned;
using messi::coro::Job;
using messi::coro::sleep;
using messi::coro::spawn;
using messi::coro::Task;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

namespace {

using Client = messi::coro::Client<asking::CallsClient>;
using Server = messi::coro::Server<asking::CallsServer>;
using Log = std::vector<std::string>;

struct World {
  explicit World(Server::Handler handler) : server(loop, "tcp://:6000", std::move(handler)) {
    REQUIRE(server.start().ok());
    client.start();
    loop.run_until_idle();
  }
  Job run(Task<> task) {
    Job job = spawn(loop, std::move(task));
    loop.run_until_idle();
    return job;
  }

  ManualLoop loop;
  Server server;
  Client client{loop, "tcp://localhost:6000"};
};

/// Longer than what a string has in itself, so that AddressSanitizer sees who looks at it too late.
std::string long_text(const std::string& text) { return text + std::string(100, '.'); }

}  // namespace

TEST_CASE("messages with views are kept until a coroutine takes them", "[coro]") {
  Log log;
  World world([&log](Server::Peer& peer) -> Task<> {
    co_await sleep(1s);  // all have arrived before
    while (const auto note = co_await peer.next<Text>()) log.emplace_back((*note)->text);
  });
  for (const char* text : {"a", "b", "c"}) {
    world.client.send_note(Text{long_text(text)});
    world.loop.run_until_idle();
  }
  CHECK(log.empty());
  world.loop.advance(1s);
  CHECK(log == Log{long_text("a"), long_text("b"), long_text("c")});
}

TEST_CASE("a request with views waits for its answer", "[coro]") {
  World world([](Server::Peer& peer) -> Task<> {
    while (auto request = co_await peer.next<EchoReq>()) {
      co_await sleep(1s);
      const std::string text = "re: " + std::string((*request)->text);
      request->reply(EchoRsp{text});
    }
  });
  std::string answer;
  const Job job = world.run([](Client& client, std::string& into) -> Task<> {
    const std::string text = long_text("hello");
    const auto result = co_await client.call(EchoReq{text}, 5s);
    co_await sleep(1s);  // the answer is kept too
    if (result) into = (*result)->text;
  }(world.client, answer));
  world.loop.advance(2s);
  CHECK(job.done());
  CHECK(answer == "re: " + long_text("hello"));
}

TEST_CASE("a server's coroutine asks, and takes messages of any type", "[coro]") {
  Log log;
  World world([&log](Server::Peer& peer) -> Task<> {
    const std::string question = long_text("who?");
    const auto answer = co_await peer.call(AskReq{question}, 5s);
    log.emplace_back(answer ? (*answer)->text : "none");
    while (const auto any = co_await peer.next()) {
      const auto* const note = std::get_if<Owned<Text>>(&*any);
      log.emplace_back(note == nullptr ? "something else" : (*note)->text);
    }
  });
  const Job job = world.run([](Client& client) -> Task<> {
    auto request = co_await client.next<AskReq>();
    const std::string answer = "me, " + std::string((*request)->text);
    request->reply(AskRsp{answer});
    const std::string text = long_text("sent");
    const absl::Status sent = co_await client.sent(EchoReq{text});
    CHECK(sent.ok());
  }(world.client));
  world.client.send_note(Text{long_text("note")});
  world.loop.run_until_idle();
  CHECK(job.done());
  CHECK(log == Log{"me, " + long_text("who?"), "something else", long_text("note")});
}

TEST_CASE("a client that is sent too much with views is paused", "[coro]") {
  World world([](Server::Peer& peer) -> Task<> {
    const std::string text(60'000, 'x');
    for (int i = 0; i < 20; ++i) {
      const absl::Status sent = co_await peer.sent(EchoRsp{text});
      if (!sent.ok()) co_return;
    }
    co_await sleep(1h);
  });
  int taken = 0;
  const Job job = world.run([](Client& client, int& count) -> Task<> {
    static_cast<void>(co_await client.next<EchoRsp>());
    ++count;
    co_await sleep(1s);
    while (const auto text = co_await client.next<EchoRsp>()) {
      count += static_cast<int>((*text)->text.size() / 60'000);
    }
  }(world.client, taken));
  CHECK(world.client.paused());
  world.loop.advance(1s);
  CHECK(taken == 20);
  CHECK_FALSE(world.client.paused());
}

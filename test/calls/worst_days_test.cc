// Calls when callbacks, callees and threads do what they like.

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "calls.messi.h"
#include "quiet.messi.h"
#include "test/calls/world.h"
#include "test/catch.h"

using messi::CallResult;
using messi::Responder;
using messi::test::Log;
using messi::test::Mode;
using messi::test::text_of;
using messi::test::with_text;
using messi::test::World;
using namespace std::chrono_literals;

namespace {

Mode any_mode() { return GENERATE(Mode::kInOrder, Mode::kNamed, Mode::kSession); }

const std::string kLate = "DEADLINE_EXCEEDED no answer in time";

using Result = CallResult<asking::EchoRsp>;

// A peer of a release before calls: answers are messages like others.
class QuietServer : public quiet::QuietServer {
 public:
  explicit QuietServer(messi::EventLoop& loop)
      : quiet::QuietServer(loop, "tcp://:6000", messi::test::server_options(Mode::kSession)) {
    REQUIRE(start().ok());
  }

  std::vector<std::string> asked;
  Client* last = nullptr;

  void answer_all() {
    for (const std::string& text : std::exchange(asked, {})) {
      last->send(with_text<quiet::EchoRsp>(text));
    }
  }

  void on_client_connected(Client& client) override { last = &client; }
  void on_echo_req(Client& /*client*/, const quiet::EchoReq& request) override {
    asked.push_back(text_of(request));
  }
};

class QuietClient : public quiet::QuietClient {
 public:
  explicit QuietClient(messi::EventLoop& loop)
      : quiet::QuietClient(loop, "tcp://localhost:6000",
                           messi::test::client_options(Mode::kSession)) {
    start();
  }

  std::vector<std::string> asked;

  void answer_all() {
    for (const std::string& text : std::exchange(asked, {})) send(with_text<quiet::AskRsp>(text));
  }
  void on_ask_req(const quiet::AskReq& request) override { asked.push_back(text_of(request)); }
};

}  // namespace

TEST_CASE("a callback that throws ends the connection, and every other call is told", "[calls]") {
  World world(GENERATE(Mode::kInOrder, Mode::kNamed));
  world.client.call(with_text<asking::EchoReq>("a"), 2s,
                    [](const Result& /*result*/) { throw std::runtime_error("on purpose"); });
  world.client.echo("b", 60s);
  world.client.echo("c", 60s);
  CHECK_THROWS_AS(world.loop.run_until_idle(), std::runtime_error);
  world.loop.run_until_idle();
  const std::string general(to_string(messi::DisconnectReason::kGeneralError));
  CHECK(world.client.take_log() ==
        Log{"UNAVAILABLE " + general, "UNAVAILABLE " + general, "disconnected: " + general});
  world.loop.advance(5s);
  world.client.echo("d");
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok d"});
}

TEST_CASE("a callback that throws when its time is up keeps the others from nothing", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  for (int i = 0; i < 2; ++i) {
    world.client.call(with_text<asking::EchoReq>("a"), 1s,
                      [](const Result& /*result*/) { throw std::runtime_error("on purpose"); });
    world.client.echo("b", 1s);
  }
  for (int i = 0; i < 2; ++i) CHECK_THROWS_AS(world.loop.advance(1s), std::runtime_error);
  world.loop.run_until_idle();
  CHECK(std::count(world.client.log.begin(), world.client.log.end(), kLate) == 2);
}

TEST_CASE("a callback may stop its client, which cancels the others once", "[calls]") {
  World world(any_mode());
  world.client.call(with_text<asking::EchoReq>("a"), 2s,
                    [&](const Result& /*result*/) { world.client.stop_now(); });
  world.client.echo("b");
  world.client.echo("c");
  world.loop.run_until_idle();
  REQUIRE(world.client.log.size() >= 3);
  CHECK(std::count(world.client.log.begin(), world.client.log.end(), "CANCELLED Stopped.") == 2);
  CHECK(world.client.log[1] == "CANCELLED Stopped.");
  CHECK(world.client.log.back() == "disconnected: Stopped.");
  CHECK(world.client.stopped());
}

TEST_CASE("a callback of a server may disconnect its client", "[calls]") {
  World world(any_mode());
  world.server.last->call(
      with_text<asking::AskReq>("a"), 2s,
      [&](CallResult<asking::AskRsp> /*result*/) { world.server.last->disconnect_now(); });
  world.server.ask("b");
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"CANCELLED Disconnected.", "disconnected: Disconnected."});
}

TEST_CASE("a call to a client that is gone is dropped, and its callback destroyed", "[calls]") {
  World world(any_mode());
  const auto alive = std::make_shared<int>();
  const auto ask_in_vain = [&alive](asking::CallsServer::Client& client) {
    client.call(with_text<asking::AskReq>("in vain"), 2s,
                [held = alive](const CallResult<asking::AskRsp>& /*result*/) { FAIL(); });
  };
  asking::CallsServer::Client& client = *world.server.last;
  client.call(with_text<asking::AskReq>("a"), 2s,
              [&](const CallResult<asking::AskRsp>& /*result*/) { ask_in_vain(client); });
  world.server.farewell = ask_in_vain;
  client.disconnect_now();
  world.loop.run_until_idle();
  CHECK(world.server.log == Log{"disconnected: Disconnected."});
  CHECK(alive.use_count() == 1);
  world.loop.advance(3s);
}

TEST_CASE("a callback may destroy another client, whose calls end with it", "[calls]") {
  World world(any_mode());
  auto other = std::make_unique<messi::test::Client>(world.loop, world.client.options());
  other->start();
  world.loop.advance(1s);
  REQUIRE(other->connected());
  world.server.answer_echo_later();
  other->echo("of the other", 60s);
  world.loop.run_until_idle();
  world.client.call(with_text<asking::EchoReq>("a"), 2s,
                    [&](const Result& /*result*/) { other.reset(); });
  world.loop.run_until_idle();
  REQUIRE(world.server.later.size() == 2);
  world.server.later[1].reply(with_text<asking::EchoRsp>("x"));
  world.loop.run_until_idle();
  CHECK(other == nullptr);
  world.loop.advance(60s);
  CHECK(world.client.connected());
}

TEST_CASE("a callee that leaves takes its calls with it, and keeps responders that answer nobody",
          "[calls]") {
  World world(any_mode());
  Responder<asking::AskRsp> of_client;
  world.client.answer = [&](const asking::AskReq& request) {
    of_client = world.client.answer_later(request);
  };
  world.server.ask("a", 60s);
  world.loop.run_until_idle();
  CHECK(of_client.open());
  world.client.stop();
  world.loop.advance(6s);
  REQUIRE(world.server.log.size() == 2);
  CHECK(world.server.log[0].substr(0, 11) == "UNAVAILABLE");
  CHECK_FALSE(of_client.open());
  of_client.reply(with_text<asking::AskRsp>("to nobody"));
}

TEST_CASE("another thread posts the answer", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  world.client.echo("a");
  world.loop.run_until_idle();
  REQUIRE(world.server.later.size() == 1);
  const auto responder =
      std::make_shared<Responder<asking::EchoRsp>>(std::move(world.server.later[0]));
  std::thread([&] {
    world.loop.post([responder] { responder->reply(with_text<asking::EchoRsp>("computed")); });
  }).join();
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok computed"});
}

TEST_CASE("each of a thousand calls has its own time", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  std::vector<int> over;
  for (int i = 0; i < 1000; ++i) {
    const int turn = i * 7 % 1000;  // in no order
    world.client.call(with_text<asking::EchoReq>("x"), 1s + turn * 1ms,
                      [&over, turn](const Result& /*result*/) { over.push_back(turn); });
  }
  world.loop.advance(999ms);
  CHECK(over.empty());
  for (int i = 0; i < 1000; ++i) {
    world.loop.advance(1ms);
    REQUIRE(over.size() == static_cast<std::size_t>(i + 1));
    REQUIRE(over.back() == i);
  }
}

TEST_CASE("calls without an end wait as long as it takes", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  world.client.echo("a", messi::Duration::max());
  world.loop.advance(3600s);
  REQUIRE(world.server.later.size() == 1);
  world.server.later[0].reply(with_text<asking::EchoRsp>("at last"));
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok at last"});
}

TEST_CASE("a call with no time at all is over in the next turn", "[calls]") {
  World world(any_mode());
  world.client.echo("a", 0s);
  CHECK(world.client.log.empty());
  world.loop.run_until_idle();
  REQUIRE(world.client.log.size() == 1);
  CHECK(world.client.connected());
}

TEST_CASE("with a server that has sessions and no calls, calls survive connections in their order",
          "[calls]") {
  messi::testing::ManualLoop loop;
  QuietServer server(loop);
  messi::test::Client client(loop, messi::test::client_options(Mode::kSession));
  client.start();
  loop.advance(1s);
  client.echo("a", 60s);
  client.echo("b", 60s);
  loop.run_until_idle();
  server.answer_all();
  loop.network().cut_all();  // before the answers were read, or acknowledged
  client.echo("c", 60s);
  loop.advance(5s);
  server.answer_all();
  loop.run_until_idle();
  CHECK(client.take_log() == Log{"detached", "ok a", "ok b", "ok c"});
  server.last->send(with_text<quiet::EchoRsp>("pushed"));
  loop.run_until_idle();
  CHECK(client.log == Log{"echo_rsp pushed"});
}

TEST_CASE("with a client that has sessions and no calls, the server's calls survive too",
          "[calls]") {
  messi::testing::ManualLoop loop;
  messi::test::Server server(loop, messi::test::server_options(Mode::kSession));
  QuietClient client(loop);
  loop.advance(1s);
  REQUIRE(server.last != nullptr);
  server.ask("a", 60s);
  server.ask("b", 60s);
  loop.run_until_idle();
  loop.network().cut_all();
  client.answer_all();
  server.ask("c", 60s);
  loop.advance(5s);
  client.answer_all();
  loop.run_until_idle();
  CHECK(server.log == Log{"ok a", "ok b", "ok c"});
}

// Calls between a client and a server, in all the ways in which answers find their requests.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "calls.messi.h"
#include "test/calls/world.h"
#include "test/catch.h"

using messi::Call;
using messi::CallResult;
using messi::Responder;
using messi::test::Log;
using messi::test::Mode;
using messi::test::text_of;
using messi::test::to_text;
using messi::test::with_text;
using messi::test::World;
using namespace std::chrono_literals;

namespace {

Mode any_mode() { return GENERATE(Mode::kInOrder, Mode::kNamed, Mode::kSession); }
Mode naming_mode() { return GENERATE(Mode::kNamed, Mode::kSession); }

const std::string kLate = "DEADLINE_EXCEEDED no answer in time";

}  // namespace

TEST_CASE("a call gets its answer, both ways, and the hook of the reply does not", "[calls]") {
  World world(any_mode());
  world.client.echo("hello");
  world.server.ask("who?");
  CHECK(world.client.log.empty());
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok hello"});
  CHECK(world.server.log == Log{"ok who?"});
}

TEST_CASE("a pair of other names is called like any other", "[calls]") {
  World world(any_mode());
  world.client.call_book_seat(
      with_text<asking::Text>("4a"), 2s,
      [&](CallResult<asking::Text> result) { world.client.log.push_back(to_text(result)); });
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok seat 4a"});
}

TEST_CASE("a request that is sent and not called is answered to the hook", "[calls]") {
  World world(any_mode());
  world.client.send(with_text<asking::EchoReq>("sent"));
  world.client.echo("called");
  world.client.send(with_text<asking::EchoReq>("sent again"));
  world.loop.run_until_idle();
  if (world.client.options().handshake ||
      world.client.options().session != messi::SessionMode::kOff) {
    CHECK(world.client.log == Log{"echo_rsp sent", "ok called", "echo_rsp sent again"});
  } else {
    // In order: the first answer is for the call.
    CHECK(world.client.log == Log{"ok sent", "echo_rsp called", "echo_rsp sent again"});
  }
}

TEST_CASE("answers that name their requests may come in any order", "[calls]") {
  World world(naming_mode());
  world.server.answer_echo_later();
  for (const char* text : {"a", "a", "b", "c"}) world.client.echo(text);
  world.loop.run_until_idle();
  REQUIRE(world.server.later.size() == 4);
  for (const std::size_t which : {2U, 0U, 3U, 1U}) {
    world.server.later[which].reply(with_text<asking::EchoRsp>(std::to_string(which)));
  }
  CHECK_FALSE(world.server.later[2].open());
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok 2", "ok 0", "ok 3", "ok 1"});
}

TEST_CASE("answers that do not name their requests come in their order", "[calls]") {
  World world(Mode::kInOrder);
  world.server.answer_echo_later();
  world.client.echo("a");
  world.client.echo("b");
  world.loop.run_until_idle();
  for (auto& each : world.server.later) each.reply(with_text<asking::EchoRsp>("x"));
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok x", "ok x"});
}

TEST_CASE("a call without an answer ends in time, and its late answer is nobody's", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  world.client.echo("slow", 1s);
  world.loop.advance(1s);
  CHECK(world.client.take_log() == Log{kLate});
  world.client.echo("next", 1s);
  world.loop.run_until_idle();
  for (auto& each : world.server.later) each.reply(with_text<asking::EchoRsp>("late"));
  world.server.later.clear();
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok late"});
  CHECK(world.client.late_answers() == 1);
  world.loop.advance(5s);
  CHECK(world.client.log.size() == 1);
}

TEST_CASE("a call that is cancelled ends from the loop, and the callee can know", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  Call call = world.client.echo("never mind");
  world.loop.run_until_idle();
  call.cancel();
  call.cancel();
  CHECK(world.client.log.empty());
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"CANCELLED cancelled"});
  CHECK(world.server.later[0].cancelled() ==
        (world.client.options().handshake ||
         world.client.options().session != messi::SessionMode::kOff));
  world.server.later[0].reply(with_text<asking::EchoRsp>("late"));
  world.loop.run_until_idle();
  CHECK(world.client.log.empty());
}

TEST_CASE("a callee fails a call with a status of its own", "[calls]") {
  World world(naming_mode());
  world.server.answer_echo_later();
  world.client.echo("a");
  world.client.echo("b");
  world.loop.run_until_idle();
  world.server.later[1].fail(absl::NotFoundError("no such\nseat " + std::string(300, 'x')));
  world.server.later.clear();  // the other is dropped
  world.loop.run_until_idle();
  REQUIRE(world.client.log.size() == 2);
  CHECK(world.client.log[0] == "NOT_FOUND no such?seat " + std::string(256 - 13, 'x'));
  CHECK(world.client.log[1] == "INTERNAL not answered");
}

TEST_CASE("only the first answer in a hook is the answer, a second one is a message", "[calls]") {
  World world(naming_mode());
  world.server.echo = [&](messi::test::Server::Client& client, const asking::EchoReq& /*request*/) {
    client.send(with_text<asking::EchoRsp>("first"));
    CHECK(client.try_send(with_text<asking::EchoRsp>("second")) == messi::SendResult::kOk);
  };
  world.client.echo("a");
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok first", "echo_rsp second"});
}

TEST_CASE("a reply in another hook is no answer", "[calls]") {
  World world(naming_mode());
  world.server.answer_echo_later();
  world.client.echo("a", 1s);
  world.client.send_book_seat(with_text<asking::Text>("1"));
  world.loop.run_until_idle();
  world.server.last->send(with_text<asking::EchoRsp>("pushed"));
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"echo_rsp pushed"});
  CHECK_FALSE(world.server.answer_later_echo_req().open());
  world.server.later[0].reply(with_text<asking::EchoRsp>("answer"));
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok answer"});
}

TEST_CASE("a call that cannot be sent says why, from the loop, and hurts nobody", "[calls]") {
  messi::ClientOptions options = messi::test::client_options(any_mode());
  options.max_payload_size = 100;
  options.max_open_calls = 2;
  messi::ServerOptions server = messi::test::server_options(Mode::kSession);
  World world(options, server);
  world.server.answer_echo_later();
  world.client.echo(std::string(200, 'x'));
  world.client.echo("\xff");
  world.client.echo("a");
  world.client.echo("b");
  world.client.echo("c");
  CHECK(world.client.log.empty());
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"INVALID_ARGUMENT the message is too big",
                                       "INVALID_ARGUMENT the message cannot be encoded",
                                       "RESOURCE_EXHAUSTED too many calls are open"});
  CHECK(world.client.connected());
  world.client.stop_now();
  world.loop.run_until_idle();
  world.client.take_log();
  world.client.echo("d");
  CHECK(world.client.log.empty());
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"UNAVAILABLE not connected"});
}

TEST_CASE("calls fail once when the connection ends, before its hook", "[calls]") {
  World world(GENERATE(Mode::kInOrder, Mode::kNamed));
  world.server.answer_echo_later();
  world.client.echo("a");
  world.server.ask("b");
  world.client.answer = [](const asking::AskReq& /*request*/) {};
  world.loop.run_until_idle();
  world.loop.network().cut_all();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() ==
        Log{"UNAVAILABLE Connection closed.", "disconnected: Connection closed."});
  CHECK(world.server.take_log() ==
        Log{"UNAVAILABLE Connection closed.", "disconnected: Connection closed."});
  CHECK_FALSE(world.server.later[0].open());
  world.server.later[0].reply(with_text<asking::EchoRsp>("to nobody"));
  world.loop.advance(5s);
  CHECK(world.client.log.empty());
  world.server.later.clear();
  world.client.echo("again");
  world.loop.run_until_idle();
  world.server.later[0].reply(with_text<asking::EchoRsp>("here"));
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok here"});
}

TEST_CASE("open calls survive a session's connections, and are answered exactly once", "[calls]") {
  World world(Mode::kSession);
  world.server.answer_echo_later();
  world.client.answer = [](const asking::AskReq& /*request*/) {};
  std::optional<Responder<asking::AskRsp>> of_client;
  world.client.answer = [&](const asking::AskReq& request) {
    of_client = world.client.answer_later(request);
  };
  world.client.echo("a", 30s);
  world.server.ask("b", 30s);
  world.loop.run_until_idle();
  world.loop.network().cut_all();
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"detached"});
  world.client.echo("c", 30s);  // waits for the next connection
  world.server.later[0].reply(with_text<asking::EchoRsp>("A"));
  of_client->reply(with_text<asking::AskRsp>("B"));
  world.loop.advance(3s);
  REQUIRE(world.server.later.size() == 2);
  world.server.later[1].reply(with_text<asking::EchoRsp>("C"));
  world.loop.run_until_idle();
  CHECK(world.client.take_log() == Log{"ok A", "ok C"});
  CHECK(world.server.take_log() == Log{"ok B"});
  for (int i = 0; i < 3; ++i) {
    world.loop.network().cut_all();
    world.loop.advance(3s);
  }
  CHECK(world.client.take_log() == Log{"detached", "detached", "detached"});
  CHECK(world.client.late_answers() == 0);
}

TEST_CASE("what a client answers to a server that drains is no message of its next session",
          "[calls]") {
  World world(Mode::kSession);
  std::optional<Responder<asking::AskRsp>> later;
  world.client.answer = [&](const asking::AskReq& request) {
    if (text_of(request) == "now") {
      world.client.reply(with_text<asking::AskRsp>("now"));
    } else if (text_of(request) == "perhaps") {
      CHECK(world.client.try_send(with_text<asking::AskRsp>("perhaps")) ==
            messi::SendResult::kNotConnected);
    } else {
      later = world.client.answer_later(request);
      CHECK_FALSE(later->open());
    }
  };
  world.server.drain(5s);
  for (const char* text : {"now", "perhaps", "later"}) world.server.ask(text, 60s);
  world.loop.run_until_idle();
  CHECK(world.server.take_log() == Log{"UNAVAILABLE Draining.", "UNAVAILABLE Draining.",
                                       "UNAVAILABLE Draining.", "disconnected: Draining."});
  REQUIRE(world.server.start().ok());
  world.loop.advance(5s);
  REQUIRE(world.server.last != nullptr);
  REQUIRE(later);
  later->reply(with_text<asking::AskRsp>("later"));
  world.loop.run_until_idle();
  CHECK(world.server.log.empty());
}

TEST_CASE("calls of a session that is lost fail before it is told", "[calls]") {
  messi::ServerOptions options = messi::test::server_options(Mode::kSession);
  options.session_timeout = 1s;
  World world(messi::test::client_options(Mode::kSession), options);
  world.server.answer_echo_later();
  world.client.answer = [](const asking::AskReq& /*request*/) {};
  world.client.echo("a", 60s);
  world.server.ask("b", 60s);
  world.loop.run_until_idle();
  world.loop.network().faults.refuse_connects = true;
  world.loop.network().cut_all();
  world.loop.advance(5s);
  CHECK(world.server.take_log() == Log{"UNAVAILABLE Session lost.", "disconnected: Session lost."});
  world.loop.network().faults.refuse_connects = false;
  world.loop.advance(30s);
  CHECK(world.client.take_log() ==
        Log{"detached", "UNAVAILABLE Session lost.", "lost", "disconnected: Session lost."});
  world.server.later[0].reply(with_text<asking::EchoRsp>("of another session"));
  world.loop.run_until_idle();
  world.server.later.clear();
  CHECK(world.client.log.empty());
  world.client.echo("new");
  world.loop.run_until_idle();
  world.server.later[0].reply(with_text<asking::EchoRsp>("NEW"));
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok NEW"});
}

TEST_CASE("stop cancels all calls", "[calls]") {
  World world(any_mode());
  world.server.answer_echo_later();
  world.client.echo("a", 60s);
  world.loop.run_until_idle();
  world.client.stop();
  world.loop.advance(6s);
  CHECK(world.client.take_log() == Log{"CANCELLED Stopped.", "disconnected: Stopped."});
  CHECK(world.client.stopped());
}

TEST_CASE("a server that stops or disconnects cancels its calls", "[calls]") {
  World world(any_mode());
  world.client.answer = [](const asking::AskReq& /*request*/) {};
  world.server.ask("a", 60s);
  world.loop.run_until_idle();
  world.server.last->disconnect();
  world.loop.advance(6s);
  CHECK(world.server.take_log() == Log{"CANCELLED Disconnected.", "disconnected: Disconnected."});
}

TEST_CASE("a responder may outlive its client, its server and the caller", "[calls]") {
  std::vector<Responder<asking::EchoRsp>> outlives;
  Call call;
  {
    World world(any_mode());
    world.server.answer_echo_later();
    call = world.client.echo("a");
    world.client.echo("b");
    world.loop.run_until_idle();
    outlives = std::move(world.server.later);
  }
  call.cancel();
  REQUIRE(outlives.size() == 2);
  CHECK_FALSE(outlives[0].open());
  outlives[0].reply(with_text<asking::EchoRsp>("a"));
  outlives[1].fail(absl::AbortedError("b"));
}

TEST_CASE("a callback may hold what cannot be copied, and is destroyed with its client",
          "[calls]") {
  const auto alive = std::make_shared<int>(1);
  {
    World world(any_mode());
    world.server.echo = [](messi::test::Server::Client& /*client*/,
                           const asking::EchoReq& /*request*/) {};
    auto held = std::make_unique<std::shared_ptr<int>>(alive);
    world.client.call(with_text<asking::EchoReq>("a"), 5s,
                      [held = std::move(held)](CallResult<asking::EchoRsp> /*result*/) { FAIL(); });
    world.loop.run_until_idle();
    CHECK(alive.use_count() == 2);
  }
  CHECK(alive.use_count() == 1);
}

TEST_CASE("a callback may call again, also when its call has failed", "[calls]") {
  World world(any_mode());
  int rounds = 0;
  std::function<void(CallResult<asking::EchoRsp>)> again =
      [&](const CallResult<asking::EchoRsp>& result) {
        if (!result.ok() || ++rounds == 1000) return;
        world.client.call(with_text<asking::EchoReq>("x"), 2s, again);
      };
  world.client.call(with_text<asking::EchoReq>("x"), 2s, again);
  world.loop.run_until_idle();
  CHECK(rounds == 1000);
  world.client.call(
      with_text<asking::EchoReq>("\xff"), 2s,
      [&](const CallResult<asking::EchoRsp>& /*result*/) { world.client.echo("ok"); });
  world.loop.run_until_idle();
  CHECK(world.client.log == Log{"ok ok"});
}

TEST_CASE("thousands of calls are open at once", "[calls]") {
  messi::ClientOptions options = messi::test::client_options(any_mode());
  options.max_open_calls = 5000;
  World world(options, messi::test::server_options(Mode::kSession));
  world.server.answer_echo_later();
  for (int i = 0; i < 5000; ++i) world.client.echo(std::to_string(i), 100s + i * 1ms);
  world.loop.run_until_idle();
  REQUIRE(world.server.later.size() == 5000);
  for (auto& each : world.server.later) each.reply(with_text<asking::EchoRsp>("x"));
  world.loop.run_until_idle();
  CHECK(world.client.log.size() == 5000);
  CHECK(world.client.log.back() == "ok x");
}

TEST_CASE("a peer that never answers gets no more calls than the bound", "[calls]") {
  World world(any_mode());
  world.server.echo = [](messi::test::Server::Client& /*client*/,
                         const asking::EchoReq& /*request*/) {};
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 1024; ++i) world.client.echo("x", 1s);
    world.loop.advance(1s);
  }
  world.loop.advance(1s);
  REQUIRE(world.client.log.size() == 3 * 1024);
  const bool in_order = world.client.log.back() != kLate;
  CHECK(in_order == !(world.client.options().handshake ||
                      world.client.options().session != messi::SessionMode::kOff));
  CHECK(world.client.log.front() == kLate);
  CHECK(world.client.connected());
}

TEST_CASE("calls made before there is a session go with it, to whatever server that is",
          "[calls]") {
  messi::ClientOptions options;
  options.session = messi::SessionMode::kPrefer;
  messi::ServerOptions server = messi::test::server_options(any_mode());
  messi::testing::ManualLoop loop;
  messi::test::Server callee(loop, server);
  messi::test::Client client(loop, options);
  client.start();
  client.echo("early");
  client.echo("bird");
  loop.advance(1s);
  CHECK(client.log == Log{"ok early", "ok bird"});
}

TEST_CASE("a client of one connection and a server of sessions count alike after large messages",
          "[calls]") {
  World world(naming_mode());
  for (int i = 0; i < 5; ++i) {
    world.client.send_note(with_text<asking::Text>(std::string(100'000, 'x')));
    world.client.echo(std::string(i % 2 == 0 ? 70'000 : 10, 'y'));
    world.loop.run_until_idle();
  }
  CHECK(world.client.log.size() == 5);
  CHECK(world.client.log.back() == "ok " + std::string(70'000, 'y'));
}

TEST_CASE("everything holds byte by byte, and in a network that takes little", "[calls]") {
  World world(any_mode());
  world.loop.network().faults.most_per_read = 1;
  world.loop.network().faults.capacity = 7;
  for (int i = 0; i < 20; ++i) {
    world.client.echo(std::to_string(i));
    world.server.ask(std::to_string(i));
  }
  world.loop.run_until_idle();
  CHECK(world.client.log.size() == 20);
  CHECK(world.client.log.back() == "ok 19");
  CHECK(world.server.log.size() == 20);
  CHECK(world.server.log.back() == "ok 19");
}

// Calls between clients for devices and our server, over a link that the test moves byte by byte.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "messi/call.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/calls/world.h"
#include "test/catch.h"
#include "test/device/calling_device.h"

using messi::SendResult;
using messi::SessionMode;
using messi::test::BriefAsker;
using messi::test::client_options;
using messi::test::LastingAsker;
using messi::test::Log;
using messi::test::Mode;
using messi::test::server_options;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

/// A device whose link is a connection to the server.
template <typename Device>
struct World {
  template <typename... Options>
  explicit World(const messi::ServerOptions& of_server, const Options&... of_device)
      : options(of_server), device(of_device...) {
    server.emplace(loop, options);
  }

  void up() {
    wire = std::make_unique<RawClient>(loop, "tcp://localhost:6000");
    loop.run_until_idle();
    arrived.clear();
    device.link_up(loop.now());
  }
  /// What is on its way is lost.
  void down() {
    (*wire)->close();
    device.link_down();
    loop.run_until_idle();
  }
  void restart_server() {
    server.reset();
    server.emplace(loop, options);
  }

  /// Moves bytes until there are no more, or `most` were moved. Returns how many.
  std::size_t move(std::size_t most = SIZE_MAX) {
    std::size_t moved = 0;
    while (moved < most) {
      device.handle_time(loop.now());
      if (!device.output().empty()) {
        (*wire)->send(device.output().substr(0, 1));
        device.handle_written(1);
      } else if (!arrived.empty()) {
        device.handle_bytes({arrived.data(), 1}, loop.now());
        arrived.erase(0, 1);
      } else {
        loop.run_until_idle();
        arrived = (*wire)->take_received();
        if (!arrived.empty()) continue;
        if ((*wire)->ended()) device.link_down();
        break;
      }
      ++moved;
    }
    loop.run_until_idle();
    return moved;
  }
  void pass(messi::Duration time) {
    for (; time > 0s; time -= 100ms) {
      loop.advance(100ms);
      move();
    }
  }

  SendResult echo(std::string_view text, std::uintptr_t context, messi::Duration timeout = 2s) {
    return device.echo(text, loop.now() + timeout, context);
  }

  const messi::ServerOptions options;
  ManualLoop loop;
  std::optional<messi::test::Server> server;
  Device device;
  std::unique_ptr<RawClient> wire;
  std::string arrived;
};

messi::SessionDeviceOptions without_session() {
  messi::SessionDeviceOptions options;
  options.session = SessionMode::kOff;
  return options;
}

/// `test(world, named)` in a connected world of each kind; whether answers name their requests.
template <typename Test>
void in_all_modes(Test&& test) {
  const auto run = [&test](auto world, const char* mode, bool named) {
    INFO(mode);
    world->up();
    world->move();
    world->pass(2s);  // a server with sessions waits for an answer to its OFFER
    REQUIRE(world->device.connected());
    REQUIRE(world->server->last != nullptr);
    test(*world, named);
  };
  using Lasting = World<LastingAsker>;
  run(std::make_unique<World<BriefAsker>>(server_options(Mode::kInOrder)), "device", false);
  run(std::make_unique<World<BriefAsker>>(server_options(Mode::kSession)), "knows no OFFER", false);
  run(std::make_unique<Lasting>(server_options(Mode::kInOrder)), "no OFFER", false);
  run(std::make_unique<Lasting>(server_options(Mode::kNamed)), "handshake", true);
  run(std::make_unique<Lasting>(server_options(Mode::kSession), without_session()), "off", true);
  run(std::make_unique<Lasting>(server_options(Mode::kSession)), "session", true);
}

}  // namespace

TEST_CASE("a device calls its server") {
  in_all_modes([](auto& world, bool /*named*/) {
    REQUIRE(world.echo("hello", 1) == SendResult::kOk);
    CHECK(world.device.log.empty());
    world.move();
    CHECK(world.device.take_log() == Log{"1 ok hello"});
    REQUIRE(world.device.call_book_seat({"7"}, world.loop.now() + 1s, 2) == SendResult::kOk);
    world.move();
    CHECK(world.device.take_log() == Log{"2 ok seat 7"});
    world.pass(5s);
    CHECK(world.device.log.empty());
  });
}

TEST_CASE("calls of a device that are open at the same time, with the same content") {
  in_all_modes([](auto& world, bool named) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("same", 1) == SendResult::kOk);
    REQUIRE(world.echo("same", 2) == SendResult::kOk);
    world.move();
    REQUIRE(world.server->later.size() == 2);
    const std::size_t first = named ? 1 : 0;  // answers in any order
    world.server->later[first].reply(messi::test::with_text<asking::EchoRsp>("a"));
    world.server->later[1 - first].reply(messi::test::with_text<asking::EchoRsp>("b"));
    world.move();
    CHECK(world.device.log == (named ? Log{"2 ok a", "1 ok b"} : Log{"1 ok a", "2 ok b"}));
  });
}

TEST_CASE("answers of different pairs may overtake each other") {
  in_all_modes([](auto& world, bool /*named*/) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("slow", 1) == SendResult::kOk);
    REQUIRE(world.device.call_book_seat({"7"}, world.loop.now() + 2s, 2) == SendResult::kOk);
    world.move();
    CHECK(world.device.take_log() == Log{"2 ok seat 7"});
    REQUIRE(world.server->later.size() == 1);
    world.server->later[0].reply(messi::test::with_text<asking::EchoRsp>("slow"));
    world.move();
    CHECK(world.device.take_log() == Log{"1 ok slow"});
  });
}

TEST_CASE("what the server says instead of an answer comes to the device") {
  in_all_modes([](auto& world, bool named) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("refused", 1) == SendResult::kOk);
    REQUIRE(world.echo("dropped", 2) == SendResult::kOk);
    REQUIRE(world.echo("too much to say", 3) == SendResult::kOk);
    world.move();
    REQUIRE(world.server->later.size() == 3);
    world.server->later[0].fail(absl::NotFoundError("no\nsuch"));
    world.server->later[2].fail(absl::AbortedError(std::string(1000, 'x')));
    world.server->later.clear();
    world.move();
    world.pass(3s);
    Log log = world.device.take_log();
    REQUIRE(log.size() == 3);
    log[1].resize(std::min<std::size_t>(log[1].size(), 9));  // of its text as much as fits
    CHECK(log == (named ? Log{"1 NOT_FOUND no?such", "3 ABORTED", "2 INTERNAL not answered"}
                        : Log{"1 DEADLINE_EXCEEDED", "2 DEADLIN", "3 DEADLINE_EXCEEDED"}));
    CHECK(world.device.connected());
  });
}

TEST_CASE("a call of a device times out once, and its late answer is nobody's") {
  in_all_modes([](auto& world, bool named) {
    world.server->answer_echo_later();
    const messi::TimePoint deadline = world.loop.now() + 150ms;
    REQUIRE(world.device.echo("late", deadline, 1) == SendResult::kOk);
    world.move();
    CHECK(world.device.handle_time(deadline - 1ms) <= deadline);
    CHECK(world.device.log.empty());
    world.pass(200ms);
    CHECK(world.device.take_log() == Log{"1 DEADLINE_EXCEEDED"});
    REQUIRE(world.echo("in time", 2) == SendResult::kOk);
    world.move();
    REQUIRE(world.server->later.size() == 2);
    CHECK(world.server->later[0].cancelled() == named);
    CHECK_FALSE(world.server->later[1].cancelled());
    world.server->later[0].reply(messi::test::with_text<asking::EchoRsp>("late"));
    world.server->later[1].reply(messi::test::with_text<asking::EchoRsp>("in time"));
    world.move();
    world.pass(5s);
    CHECK(world.device.log == Log{"2 ok in time"});
  });
}

TEST_CASE("a device cancels a call, and the server hears it if it can") {
  in_all_modes([](auto& world, bool named) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("one", 1) == SendResult::kOk);
    REQUIRE(world.echo("two", 2) == SendResult::kOk);
    world.move();
    CHECK(world.device.cancel_call(1));
    CHECK(world.device.take_log() == Log{"1 CANCELLED"});
    CHECK_FALSE(world.device.cancel_call(1));
    CHECK_FALSE(world.device.cancel_call(3));
    world.move();
    REQUIRE(world.server->later.size() == 2);
    CHECK(world.server->later[0].cancelled() == named);
    world.server->later[0].reply(messi::test::with_text<asking::EchoRsp>("one"));
    world.server->later[1].reply(messi::test::with_text<asking::EchoRsp>("two"));
    world.move();
    CHECK(world.device.take_log() == Log{"2 ok two"});
    CHECK_FALSE(world.device.cancel_call(2));
    CHECK(world.device.log.empty());
  });
}

TEST_CASE("a device hears that its answer is not wanted any more, if it can") {
  in_all_modes([](auto& world, bool named) {
    std::vector<messi::DeviceRequest> later;
    world.device.answer = [&](const auto& request) {
      later.push_back(world.device.answer_later(request));
    };
    world.server->ask("one", 1s);
    world.server->ask("two", 5s);
    world.move();
    REQUIRE(later.size() == 2);
    CHECK(world.device.unwanted.empty());
    world.pass(2s);
    CHECK(world.server->take_log() == Log{"DEADLINE_EXCEEDED no answer in time"});
    REQUIRE(world.device.unwanted.size() == (named ? 1 : 0));
    if (!named) return;
    CHECK(world.device.unwanted[0] == later[0]);
    CHECK(world.device.unwanted[0] != later[1]);
    CHECK(world.device.unwanted[0] != messi::DeviceRequest());
    CHECK(world.device.try_answer_ask_req(later[0], {"late"}) == SendResult::kOk);
    CHECK(world.device.try_answer_ask_req(later[1], {"2"}) == SendResult::kOk);
    world.move();
    CHECK(world.server->take_log() == Log{"ok 2"});
  });
}

TEST_CASE("more calls than there is room for are not begun") {
  in_all_modes([](auto& world, bool named) {
    world.server->answer_echo_later();
    for (std::uintptr_t i = 1; i <= 4; ++i) REQUIRE(world.echo("x", i, 100ms) == SendResult::kOk);
    CHECK(world.echo("x", 5) == SendResult::kFull);
    world.move();
    REQUIRE(world.server->later.size() == 4);
    world.server->later[0].reply(messi::test::with_text<asking::EchoRsp>("there"));
    world.move();
    CHECK(world.device.take_log() == Log{"1 ok there"});
    CHECK(world.echo("x", 5, 100ms) == SendResult::kOk);
    CHECK(world.echo("x", 6) == SendResult::kFull);
    world.pass(200ms);
    CHECK(world.device.take_log() == Log{"2 DEADLINE_EXCEEDED", "3 DEADLINE_EXCEEDED",
                                         "4 DEADLINE_EXCEEDED", "5 DEADLINE_EXCEEDED"});
    // Without names the answers of those still have their turn.
    CHECK(world.echo("x", 7) == (named ? SendResult::kOk : SendResult::kFull));
    REQUIRE(world.server->later.size() == 5);
    for (messi::Responder<asking::EchoRsp>& each : world.server->later) {
      each.reply(messi::test::with_text<asking::EchoRsp>("late"));
    }
    world.move();
    // What was forgotten to make room is a message like others.
    CHECK(world.device.take_log() == (named ? Log{"echo_rsp late"} : Log{}));
    const std::size_t before = world.server->later.size();
    REQUIRE(world.echo("y", 8) == SendResult::kOk);
    world.move();
    REQUIRE(world.server->later.size() == before + 1);
    world.server->later[before].reply(messi::test::with_text<asking::EchoRsp>("y"));
    world.move();
    CHECK(world.device.take_log() == Log{"8 ok y"});
  });
}

TEST_CASE("what cannot be sent is no call") {
  in_all_modes([](auto& world, bool /*named*/) {
    CHECK(world.echo("\xff", 1) == SendResult::kInvalid);
    CHECK(world.echo(std::string(400, 'a'), 1) == SendResult::kTooBig);
    if constexpr (std::is_same_v<decltype(world), World<BriefAsker>&>) {
      world.down();
      world.device.take_log();
      CHECK(world.echo("x", 1) == SendResult::kNotConnected);
    }
    world.pass(3s);
    CHECK(world.device.log.empty());
  });
}

TEST_CASE("the calls of a connection end with it, before its hook") {
  in_all_modes([](auto& world, bool /*named*/) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("one", 1) == SendResult::kOk);
    REQUIRE(world.echo("two", 2) == SendResult::kOk);
    REQUIRE(world.echo("given up", 3) == SendResult::kOk);
    CHECK(world.device.cancel_call(3));
    world.device.take_log();
    world.move();
    world.device.on_result = [&world](std::uintptr_t /*context*/) {
      CHECK(world.echo("again", 4) == SendResult::kNotConnected);
    };
    world.restart_server();
    world.move();
    world.up();  // a session is lost only now
    world.device.on_result = nullptr;
    world.move();
    Log log = world.device.take_log();
    if (log.front() == "detached") {
      CHECK(log == Log{"detached", "1 UNAVAILABLE", "2 UNAVAILABLE", "lost",
                       "disconnected: Session lost."});
    } else {
      CHECK(log == Log{"1 UNAVAILABLE", "2 UNAVAILABLE", "disconnected: Connection closed."});
    }
    world.pass(5s);
    CHECK(world.device.log.empty());
    // Another connection knows nothing of them.
    REQUIRE(world.echo("new", 5) == SendResult::kOk);
    world.move();
    CHECK(world.device.log == Log{"5 ok new"});
  });
}

TEST_CASE("the server calls a device, which answers in its hook") {
  in_all_modes([](auto& world, bool /*named*/) {
    world.server->ask("one");
    world.server->ask("two");
    world.move();
    CHECK(world.server->take_log() == Log{"ok one", "ok two"});
    // A second answer is a message, and so is one without a request.
    world.device.answer = [&world](const auto& request) {
      CHECK(world.device.try_send_ask_rsp({request.text}) == SendResult::kOk);
      CHECK(world.device.try_send_ask_rsp({request.text}) == SendResult::kOk);
    };
    world.server->ask("three");
    world.move();
    CHECK(world.server->take_log() == Log{"ok three", "ask_rsp three"});
    REQUIRE(world.device.try_send_ask_rsp({"unasked"}) == SendResult::kOk);
    world.move();
    CHECK(world.server->take_log() == Log{"ask_rsp unasked"});
  });
}

TEST_CASE("a device answers later, or says that it does not") {
  in_all_modes([](auto& world, bool named) {
    std::vector<messi::DeviceRequest> later;
    world.device.answer = [&](const auto& request) {
      later.push_back(world.device.answer_later(request));
    };
    world.server->ask("one", 5s);
    world.server->ask("two", 5s);
    world.server->ask("three", 5s);
    world.server->ask("none", 5s);
    world.move();
    REQUIRE(later.size() == 4);
    CHECK(world.server->log.empty());
    if (named) {
      CHECK(world.device.try_fail(later[2], messi::StatusCode::kNotFound, "no such") ==
            SendResult::kOk);
      CHECK(world.device.try_answer_ask_req(later[1], {"2"}) == SendResult::kOk);
      CHECK(world.device.try_answer_ask_req(later[0], {"1"}) == SendResult::kOk);
      world.move();
      CHECK(world.server->take_log() == Log{"NOT_FOUND no such", "ok 2", "ok 1"});
    } else {
      CHECK(world.device.try_answer_ask_req(later[0], {"1"}) == SendResult::kOk);
      CHECK(world.device.try_answer_ask_req(later[1], {"2"}) == SendResult::kOk);
      CHECK(world.device.try_fail(later[2], messi::StatusCode::kNotFound, "x") == SendResult::kOk);
      world.move();
      CHECK(world.server->take_log() == Log{"ok 1", "ok 2"});
    }
    world.pass(6s);
    CHECK(world.server->take_log() == (named ? Log{"DEADLINE_EXCEEDED no answer in time"}
                                             : Log{"DEADLINE_EXCEEDED no answer in time",
                                                   "DEADLINE_EXCEEDED no answer in time"}));
    // Nobody waits for it any more.
    CHECK(world.device.try_answer_ask_req(later[3], {"late"}) == SendResult::kOk);
    world.move();
    CHECK(world.server->log.empty());
    // Outside of its hook there is no request, and another connection has none of these.
    CHECK(world.device.try_answer_ask_req(world.device.answer_later_ask_req(), {"x"}) ==
          SendResult::kNotConnected);
    world.restart_server();
    world.move();
    world.up();
    world.move();
    CHECK(world.device.try_answer_ask_req(later[0], {"x"}) == SendResult::kNotConnected);
    CHECK(world.device.try_fail(later[0], messi::StatusCode::kAborted) ==
          SendResult::kNotConnected);
  });
}

TEST_CASE("a text of a failure that does not fit is left out, or its end is") {
  World<LastingAsker> world(server_options(Mode::kSession));
  world.up();
  world.move();
  std::size_t size = 0;
  world.device.answer = [&](const auto& request) {
    CHECK(world.device.try_fail(world.device.answer_later(request), messi::StatusCode::kAborted,
                                std::string(size, 'x')) == SendResult::kOk);
  };
  for (const std::size_t each : {256U, 257U}) {
    size = each;
    world.server->ask("?");
    world.pass(300ms);
    CHECK(world.server->take_log() == Log{"ABORTED " + std::string(256, 'x')});
  }
}

TEST_CASE("calls of both sides survive the cuts of a session's connections") {
  World<LastingAsker> world(server_options(Mode::kSession));
  world.up();
  world.move();
  constexpr std::uintptr_t kGivenUp = 99'999;
  Log answers;
  std::size_t all = SIZE_MAX;
  for (std::size_t bytes = 0; bytes < all; ++bytes) {
    const std::string text = std::to_string(bytes);
    REQUIRE(world.echo(text, bytes, 60s) == SendResult::kOk);
    REQUIRE(world.echo("given up", kGivenUp, 60s) == SendResult::kOk);
    world.server->ask(text, 60s);
    answers.push_back("ok " + text);
    std::size_t moved = world.move(bytes / 2);
    (void)world.device.cancel_call(kGivenUp);
    moved += world.move(bytes - bytes / 2);
    if (moved < bytes) all = moved;
    world.down();
    world.up();
    world.move(bytes);
    world.down();
    world.up();
    world.pass(600ms);
    Log results;
    for (std::string& each : world.device.take_log()) {
      if (each != "detached" && each != "resumed") results.push_back(std::move(each));
    }
    std::sort(results.begin(), results.end());
    REQUIRE(results.size() == 2);
    CHECK(results[0] == text + " ok " + text);
    CHECK((results[1] == "99999 CANCELLED" || results[1] == "99999 ok given up"));
  }
  CHECK(all > 100);
  CHECK(world.server->log == answers);
}

TEST_CASE("calls made before the first connection, or without one, are answered with it") {
  for (const Mode mode : {Mode::kInOrder, Mode::kNamed, Mode::kSession}) {
    World<LastingAsker> world(server_options(mode));
    REQUIRE(world.echo("early", 1, 5s) == SendResult::kOk);
    REQUIRE(world.echo("too early", 2, 100ms) == SendResult::kOk);
    CHECK(world.device.handle_time(world.loop.now()) == world.loop.now() + 100ms);
    world.loop.advance(100ms);
    CHECK(world.device.handle_time(world.loop.now()) == world.loop.now() + 4900ms);
    CHECK(world.device.take_log() == Log{"2 DEADLINE_EXCEEDED"});
    world.up();
    world.move();
    CHECK(world.device.take_log() == Log{"1 ok early"});
    world.down();
    world.device.take_log();
    if (mode == Mode::kSession) {
      REQUIRE(world.echo("detached", 3, 5s) == SendResult::kOk);
      REQUIRE(world.echo("for nothing", 4, 5s) == SendResult::kOk);
      CHECK(world.device.cancel_call(4));
      world.up();
      world.move();
      CHECK(world.device.log == Log{"4 CANCELLED", "resumed", "3 ok detached"});
    }
  }
}

TEST_CASE("hooks of results call, cancel and hang up") {
  in_all_modes([](auto& world, bool named) {
    // Each result is followed by another call, at last by some whose time is up already.
    std::uintptr_t last = 1;
    world.device.on_result = [&](std::uintptr_t context) {
      CHECK(context == last);
      if (last == 20) return;
      ++last;
      const SendResult result = world.echo("again", last, last < 10 ? 2s : -1s);
      // Without names there is no room for a fifth whose answer has not come.
      CHECK(result == (named || last < 14 ? SendResult::kOk : SendResult::kFull));
    };
    REQUIRE(world.echo("first", 1) == SendResult::kOk);
    world.pass(3s);
    CHECK(world.device.results == (named ? 20 : 13));
    world.device.take_log();

    world.device.on_result = [&world](std::uintptr_t context) {
      if (context == 1) CHECK(world.device.cancel_call(2));
      if (context == 2) world.device.link_down();
    };
    REQUIRE(world.echo("one", 1) == SendResult::kOk);
    REQUIRE(world.echo("two", 2) == SendResult::kOk);
    REQUIRE(world.echo("three", 3, 100ms) == SendResult::kOk);
    world.move();
    world.pass(200ms);
    const Log log = world.device.take_log();
    REQUIRE(log.size() == 4);
    CHECK(log[0] == "1 ok one");
    CHECK(log[1] == "2 CANCELLED");
    CHECK((log[2] == "3 UNAVAILABLE" || log[3] == "3 DEADLINE_EXCEEDED"));
    CHECK((log[2] == "detached" || log[3] == "disconnected: Connection closed."));
  });
}

TEST_CASE("a server that drains answers what a device has asked before") {
  in_all_modes([](auto& world, bool /*named*/) {
    world.server->answer_echo_later();
    REQUIRE(world.echo("before", 1) == SendResult::kOk);
    REQUIRE(world.echo("without", 2) == SendResult::kOk);
    world.move();
    REQUIRE(world.server->later.size() == 2);
    world.server->drain(5s);
    world.server->later[0].reply(messi::test::with_text<asking::EchoRsp>("answer"));
    world.pass(6s);
    Log log = world.device.take_log();
    REQUIRE(log.size() >= 2);
    CHECK((log[0] == "1 ok answer" || log[0] == "1 UNAVAILABLE"));
    CHECK(log[1].substr(0, 2) == "2 ");
    CHECK(world.echo("after", 3) != SendResult::kFull);
  });
}

#include "messi/calls/call_counts.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/metrics.h"
#include "messi/statistics.h"
#include "test/calls/world.h"
#include "test/catch.h"

using messi::CallEnd;
using messi::Counts;
using messi::DurationHistogram;
using messi::Statistics;
using messi::test::Mode;
using messi::test::with_text;
using messi::test::World;
using namespace std::chrono_literals;

namespace {

template <typename Options>
Options counted_by(const std::shared_ptr<Statistics>& statistics, Options options) {
  options.statistics = statistics;
  return options;
}

struct CountedWorld {
  explicit CountedWorld(Mode mode)
      : world(counted_by(callers, messi::test::client_options(mode)),
              counted_by(callees, messi::test::server_options(mode))) {}

  std::uint64_t made(CallEnd how) const { return callers->read().calls[how]; }
  std::uint64_t served(CallEnd how) const { return callees->read().served_calls[how]; }
  std::uint64_t timed() const {
    const Counts counts = callers->read();
    std::uint64_t sum = 0;
    for (const std::uint64_t each : counts.call_duration.buckets()) sum += each;
    return sum;
  }

  std::shared_ptr<Statistics> callers = std::make_shared<Statistics>();
  std::shared_ptr<Statistics> callees = std::make_shared<Statistics>();
  World world;
};

Mode any_mode() { return GENERATE(Mode::kInOrder, Mode::kNamed, Mode::kSession); }
Mode naming_mode() { return GENERATE(Mode::kNamed, Mode::kSession); }

bool has_line(const std::string& text, const std::string& line) {
  return text.find('\n' + line + '\n') != std::string::npos;
}

}  // namespace

TEST_CASE("answers are counted by who has asked and by who answers, both ways", "[calls]") {
  CountedWorld counted(any_mode());
  counted.world.client.echo("hello");
  counted.world.server.ask("who?");
  counted.world.loop.run_until_idle();
  for (const Counts& counts : {counted.callers->read(), counted.callees->read()}) {
    CHECK(counts.calls[CallEnd::kAnswered] == 1);
    CHECK(counts.served_calls[CallEnd::kAnswered] == 1);
    CHECK(counts.call_duration.buckets()[0] == 1);
  }
  counted.world.client.send(with_text<asking::EchoReq>("only sent"));
  counted.world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kAnswered) == 1);
  CHECK(counted.served(CallEnd::kAnswered) == 2);
}

TEST_CASE("what the callee says of a call is counted with how long it took", "[calls]") {
  CountedWorld counted(naming_mode());
  World& world = counted.world;
  world.server.answer_echo_later();
  for (int i = 0; i < 3; ++i) world.client.echo("later", 10s);
  world.loop.advance(2s);
  world.server.later[0].reply(with_text<asking::EchoRsp>("yes"));
  world.server.later[1].fail(absl::NotFoundError("no"));
  world.server.later.clear();
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kAnswered) == 1);
  CHECK(counted.made(CallEnd::kFailed) == 2);
  CHECK(counted.served(CallEnd::kAnswered) == 1);
  CHECK(counted.served(CallEnd::kFailed) == 2);
  const DurationHistogram<std::uint64_t> durations = counted.callers->read().call_duration;
  CHECK(durations.nanoseconds() == 6'000'000'000);
  CHECK(durations.buckets()[9] == 3);
}

TEST_CASE("calls that nobody waits for are counted once, as such", "[calls]") {
  CountedWorld counted(naming_mode());
  World& world = counted.world;
  world.server.answer_echo_later();
  world.client.echo("slow", 1s);
  messi::Call call = world.client.echo("not wanted", 5s);
  world.loop.advance(2s);
  call.cancel();
  call.cancel();
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kTimedOut) == 1);
  CHECK(counted.made(CallEnd::kCancelled) == 1);
  for (auto& each : world.server.later) each.reply(with_text<asking::EchoRsp>("late"));
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kAnswered) == 0);
  CHECK(counted.served(CallEnd::kCancelled) == 2);
  CHECK(counted.served(CallEnd::kAnswered) == 0);
  CHECK(counted.timed() == 0);
}

TEST_CASE("calls that end with their connection are lost, but not those that were stopped",
          "[calls]") {
  CountedWorld counted(Mode::kNamed);
  World& world = counted.world;
  world.server.answer_echo_later();
  world.client.echo("lost", 1h);
  world.client.echo("lost", 1h);
  world.loop.run_until_idle();
  world.loop.network().cut_all();
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kLost) == 2);
  world.server.later.front().reply(with_text<asking::EchoRsp>("to nobody"));
  CHECK(counted.served(CallEnd::kLost) == 1);
  world.client.echo("not sent");
  CHECK(counted.made(CallEnd::kNotSent) == 1);
  world.loop.advance(10s);
  world.client.echo("stopped", 1h);
  world.loop.run_until_idle();
  world.client.stop();
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kCancelled) == 1);
  CHECK(counted.made(CallEnd::kLost) == 2);
}

TEST_CASE("a resumed session loses no call, and counts it once", "[calls]") {
  CountedWorld counted(Mode::kSession);
  World& world = counted.world;
  world.server.answer_echo_later();
  world.client.echo("patient", 1h);
  world.loop.run_until_idle();
  world.loop.network().cut_all();
  world.loop.advance(10s);
  world.server.later.front().reply(with_text<asking::EchoRsp>("yes"));
  world.loop.run_until_idle();
  CHECK(counted.made(CallEnd::kAnswered) == 1);
  CHECK(counted.made(CallEnd::kLost) == 0);
  CHECK(counted.timed() == 1);
}

TEST_CASE("the end of all that was counted by leaves the counts", "[calls]") {
  const auto statistics = std::make_shared<Statistics>();
  std::vector<messi::Responder<asking::EchoRsp>> later;
  {
    World world(messi::test::client_options(Mode::kNamed),
                counted_by(statistics, messi::test::server_options(Mode::kNamed)));
    world.server.answer_echo_later();
    world.client.echo("for ever", 1h);
    world.loop.run_until_idle();
    later = std::move(world.server.later);
  }
  later.front().reply(with_text<asking::EchoRsp>("to nobody"));
  CHECK(statistics->read().served_calls[CallEnd::kAnswered] == 0);
}

TEST_CASE("a duration is in the first bucket whose bound it does not exceed", "[calls]") {
  DurationHistogram<std::uint64_t> durations;
  const auto& bounds = durations.kBounds;
  for (const auto& bound : bounds) {
    durations.observe(bound.duration);
    durations.observe(bound.duration + 1ns);
  }
  durations.observe(0s);
  CHECK(durations.buckets().front() == 2);
  for (std::size_t i = 1; i < bounds.size(); ++i) CHECK(durations.buckets()[i] == 2);
  CHECK(durations.buckets().back() == 1);
}

TEST_CASE("durations are a histogram of OpenMetrics", "[calls]") {
  CountedWorld counted(Mode::kNamed);
  World& world = counted.world;
  world.server.answer_echo_later();
  world.client.echo("later", 1h);
  world.client.echo("later", 1h);
  world.loop.advance(1500ms);
  world.server.later[0].reply(with_text<asking::EchoRsp>("yes"));
  world.loop.advance(20s);
  world.server.later[1].reply(with_text<asking::EchoRsp>("yes"));
  world.loop.run_until_idle();
  messi::Metrics metrics;
  metrics.add("c", counted.callers);
  const std::string text = metrics.text();
  CHECK(has_line(text, "# TYPE messi_call_duration_seconds histogram"));
  CHECK(has_line(text, "# UNIT messi_call_duration_seconds seconds"));
  CHECK(has_line(text, R"(messi_call_duration_seconds_bucket{name="c",le="1.0"} 0)"));
  CHECK(has_line(text, R"(messi_call_duration_seconds_bucket{name="c",le="3.0"} 1
messi_call_duration_seconds_bucket{name="c",le="10.0"} 1
messi_call_duration_seconds_bucket{name="c",le="+Inf"} 2
messi_call_duration_seconds_sum{name="c"} 23.000000000
messi_call_duration_seconds_count{name="c"} 2)"));
  CHECK(has_line(text, R"(messi_calls_total{name="c",outcome="answered"} 2)"));
}

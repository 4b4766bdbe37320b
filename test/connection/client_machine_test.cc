#include "messi/connection/client_machine.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <random>
#include <vector>

#include "test/catch.h"

namespace connection = messi::connection;
using connection::can_happen;
using connection::ClientAction;
using connection::ClientActions;
using connection::ClientEvent;
using connection::ClientMachine;
using connection::ClientState;
using connection::ClientStep;
using connection::find_step;
using connection::client_table::kSteps;

namespace {

constexpr ClientState kStates[] = {ClientState::kStopped,     ClientState::kWaiting,
                                   ClientState::kConnecting,  ClientState::kAsking,
                                   ClientState::kIntroducing, ClientState::kConnected,
                                   ClientState::kEnding,      ClientState::kRestarting};
constexpr ClientEvent kEvents[] = {
    ClientEvent::kStart,  ClientEvent::kStop,   ClientEvent::kStopNow,  ClientEvent::kTimer,
    ClientEvent::kStream, ClientEvent::kOpened, ClientEvent::kWelcomed, ClientEvent::kNoStream,
    ClientEvent::kRetry,  ClientEvent::kGiveUp, ClientEvent::kEnded,    ClientEvent::kLost};

constexpr bool is_hook(ClientAction action) {
  return action == ClientAction::kServe || action == ClientAction::kAsk ||
         action == ClientAction::kTell;
}

/// Does as the machine says, with a timer, an attempt and a link that are only noted, and hooks
/// that call the client back.
class Driver {
 public:
  explicit Driver(std::uint32_t seed) : random_(seed) {}

  ClientState state() const { return machine_.state(); }

  /// Something of what can happen now, from outside.
  void step() {
    switch (random_() % 9) {
      case 0:
        return handle(ClientEvent::kStart);
      case 1:
        return handle(ClientEvent::kStop);
      case 2:
        return handle(ClientEvent::kStopNow);
      case 3:
        if (!timer_) return;
        timer_ = false;
        return handle(ClientEvent::kTimer);
      case 4:
        if (!attempt_) return;
        attempt_ = false;
        link_ = true;
        return handle(random_() % 2 == 0 ? ClientEvent::kStream : ClientEvent::kOpened);
      case 5:
        if (!attempt_) return;
        attempt_ = false;
        return handle(ClientEvent::kNoStream);
      case 6:
        if (link_ && !ended_) handle(ClientEvent::kLost);
        return;
      case 7:
        if (state() == ClientState::kIntroducing) handle(ClientEvent::kWelcomed);
        return;
      default:
        if (link_ && ended_) handle(ClientEvent::kEnded);
    }
  }

  void handle(ClientEvent event) {
    REQUIRE(can_happen(event, state()));
    for (const ClientAction action : machine_.handle(event)) perform(action);
    check();
  }

  /// Whatever is under way ends by itself.
  void finish() {
    for (int i = 0; i < 10 && state() != ClientState::kStopped; ++i) {
      handle(ClientEvent::kStop);
      if (link_) handle(ended_ ? ClientEvent::kEnded : ClientEvent::kLost);
    }
    CHECK(state() == ClientState::kStopped);
    CHECK(connected_ == disconnected_);
  }

  void check() const {
    CHECK(timer_ == has_timer(state()));
    CHECK(attempt_ == has_attempt(state()));
    CHECK(link_ == has_link(state()));
    if (state() == ClientState::kEnding) CHECK(ended_);
    if (state() == ClientState::kConnected) CHECK_FALSE(ended_);
    const bool connected = link_ && state() != ClientState::kIntroducing;
    CHECK(connected_ - disconnected_ == (connected ? 1U : 0U));
  }

 private:
  void perform(ClientAction action) {
    switch (action) {
      case ClientAction::kNothing:
      case ClientAction::kBegin:
        return;
      case ClientAction::kWait:
        CHECK_FALSE((attempt_ || link_));
        timer_ = true;
        return;
      case ClientAction::kConnect:
        CHECK_FALSE((attempt_ || link_));
        attempt_ = timer_ = true;
        return;
      case ClientAction::kDrop:
        timer_ = attempt_ = link_ = ended_ = false;
        return;
      case ClientAction::kServe:
        CHECK(link_);
        timer_ = true;
        ++connected_;
        return call_back();
      case ClientAction::kIntroduce:
        CHECK((link_ && timer_));
        return;
      case ClientAction::kTend:
        CHECK((link_ && !ended_));
        timer_ = true;
        return;
      case ClientAction::kLinger:
        CHECK((link_ && ended_));
        timer_ = true;
        return;
      case ClientAction::kEnd:
      case ClientAction::kAbort:
        CHECK(link_);
        ended_ = timer_ = true;
        return;
      case ClientAction::kAsk: {
        call_back();
        return handle(random_() % 4 == 0 ? ClientEvent::kGiveUp : ClientEvent::kRetry);
      }
      case ClientAction::kTell:
        ++disconnected_;
        return call_back();
    }
  }

  void call_back() {
    for (auto calls = random_() % 3; calls > 0; --calls) {
      static constexpr ClientEvent kCalls[] = {ClientEvent::kStart, ClientEvent::kStop,
                                               ClientEvent::kStopNow};
      handle(kCalls[random_() % 3]);
    }
  }

  ClientMachine machine_;
  std::minstd_rand random_;
  bool timer_ = false;
  bool attempt_ = false;
  bool link_ = false;
  bool ended_ = false;
  unsigned connected_ = 0;
  unsigned disconnected_ = 0;
};

}  // namespace

TEST_CASE("a client's table has one row for all that can happen in a state", "[connection]") {
  for (const ClientState state : kStates) {
    for (const ClientEvent event : kEvents) {
      CAPTURE(static_cast<int>(state), static_cast<int>(event));
      const auto is_it = [&](const ClientStep& step) {
        return step.state == state && step.event == event;
      };
      CHECK(std::count_if(std::begin(kSteps), std::end(kSteps), is_it) ==
            (can_happen(event, state) ? 1 : 0));
      CHECK((find_step(state, event) != nullptr) == can_happen(event, state));
    }
  }
}

TEST_CASE("a row of a client's table calls one hook at most, and last", "[connection]") {
  for (const ClientStep& step : kSteps) {
    CAPTURE(static_cast<int>(step.state), static_cast<int>(step.event));
    bool called = false;
    for (const ClientAction action : step.actions) {
      if (called) CHECK(action == ClientAction::kNothing);
      called = called || is_hook(action);
    }
  }
}

TEST_CASE("starting a client that is started changes nothing, and so does stopping one that is not",
          "[connection]") {
  for (const ClientStep& step : kSteps) {
    CAPTURE(static_cast<int>(step.state), static_cast<int>(step.event));
    const bool started = step.state != ClientState::kStopped && step.state != ClientState::kEnding;
    const bool in_vain =
        step.event == ClientEvent::kStart ? started : step.event == ClientEvent::kStop && !started;
    if (!in_vain) continue;
    CHECK(step.next == step.state);
    CHECK(step.actions == ClientActions{});
  }
}

TEST_CASE("after stop a client never connects unless it is started", "[connection]") {
  for (const ClientStep& step : kSteps) {
    CAPTURE(static_cast<int>(step.state), static_cast<int>(step.event));
    const bool stopped = step.state == ClientState::kStopped || step.state == ClientState::kEnding;
    if (step.event == ClientEvent::kStop || step.event == ClientEvent::kStopNow ||
        (stopped && step.event != ClientEvent::kStart)) {
      CHECK((step.next == ClientState::kStopped || step.next == ClientState::kEnding));
    }
  }
}

TEST_CASE("whatever happens to a client, timer, attempt and link are those of its state",
          "[connection]") {
  std::vector<bool> reached(std::size(kStates));
  for (std::uint32_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Driver driver(seed);
    for (int i = 0; i < 100; ++i) {
      driver.step();
      reached[static_cast<std::size_t>(driver.state())] = true;
    }
    driver.finish();
  }
  // Somebody is only asked within a step.
  reached[static_cast<std::size_t>(ClientState::kAsking)] = true;
  CHECK(std::all_of(reached.begin(), reached.end(), [](bool each) { return each; }));
}

#ifndef MESSI_CONNECTION_CLIENT_MACHINE_H_
#define MESSI_CONNECTION_CLIENT_MACHINE_H_

// What a client does, as a table: no loop, no streams, no clock. The driver reports events,
// performs the actions, and has one timer, one attempt to connect and one link. ARCHITECTURE.md
// shows it as a diagram, and the Python runtime has the same table.

#include <array>
#include <cassert>
#include <cstdint>

namespace messi::connection {

enum class ClientState : std::uint8_t {
  kStopped,      ///< Nothing is left to happen.
  kWaiting,      ///< The timer begins the next attempt.
  kConnecting,   ///< An attempt is under way. The timer gives it up.
  kAsking,       ///< An attempt has failed, and `on_connect_failure` is asked how to go on.
  kIntroducing,  ///< There is a link, and the two sides say who they are. The timer gives it up.
  kConnected,    ///< There is a link. The timer is its keepalive's.
  kEnding,       ///< The link ends in order. The timer pings, and aborts the link after `linger`.
  kRestarting,   ///< As kEnding, and a new connection follows.
};

enum class ClientEvent : std::uint8_t {
  kStart,
  kStop,
  kStopNow,
  kTimer,
  kStream,    ///< The attempt has succeeded.
  kOpened,    ///< The same, for a client that introduces itself.
  kWelcomed,  ///< The two sides know each other.
  kNoStream,  ///< The attempt has failed.
  kRetry,     ///< The answer of `on_connect_failure`: after a delay.
  kGiveUp,    ///< The answer of `on_connect_failure`: never.
  kEnded,     ///< The link is over, as `stop` wanted.
  kLost,      ///< The link is over for another reason.
};

enum class ClientAction : std::uint8_t {
  kNothing,
  kBegin,      ///< A new round of the URIs begins.
  kWait,       ///< Set the timer to the next attempt.
  kConnect,    ///< Begin an attempt, and set the timer to its limit.
  kDrop,       ///< Drop the attempt, the link and the timer, if any.
  kIntroduce,  ///< Say who this is. The timer stays.
  kServe,      ///< Use the link, set the timer to its first deadline, and call `on_connected`.
  kTend,       ///< Ping, or give up a server that is silent, and set the timer again.
  kEnd,        ///< End the link in order, and set the timer to the limit for that.
  kLinger,     ///< Ping, or abort the link if its limit has come, and set the timer again.
  kAbort,      ///< End the link now.
  kAsk,        ///< Call `on_connect_failure`; its answer is an event.
  kTell,       ///< Call `on_disconnected`.
};

constexpr bool has_attempt(ClientState state) { return state == ClientState::kConnecting; }
constexpr bool has_link(ClientState state) { return state >= ClientState::kIntroducing; }
constexpr bool has_timer(ClientState state) {
  return state == ClientState::kWaiting || has_attempt(state) || has_link(state);
}

constexpr bool can_happen(ClientEvent event, ClientState state) {
  switch (event) {
    case ClientEvent::kStart:
    case ClientEvent::kStop:
    case ClientEvent::kStopNow:
      return true;
    case ClientEvent::kTimer:
      return has_timer(state);
    case ClientEvent::kStream:
    case ClientEvent::kOpened:
    case ClientEvent::kNoStream:
      return has_attempt(state);
    case ClientEvent::kWelcomed:
      return state == ClientState::kIntroducing;
    case ClientEvent::kRetry:
    case ClientEvent::kGiveUp:
      // The hook may have stopped the client before it answers, and started it again.
      return state == ClientState::kAsking || state == ClientState::kStopped ||
             state == ClientState::kWaiting;
    case ClientEvent::kEnded:
      return state == ClientState::kEnding || state == ClientState::kRestarting;
    case ClientEvent::kLost:
      return has_link(state);
  }
  return false;
}

/// In order. Hooks come last, so that what a hook does happens in the next state.
using ClientActions = std::array<ClientAction, 3>;

struct ClientStep {
  ClientState state;
  ClientEvent event;
  ClientState next;
  ClientActions actions;
};

namespace client_table {

using S = ClientState;
using E = ClientEvent;
using A = ClientAction;

// One row for each event that can happen in a state. A row with the same state and no action: the
// event is ignored.
inline constexpr ClientStep kSteps[] = {
    {S::kStopped, E::kStart, S::kWaiting, {A::kBegin, A::kWait}},
    {S::kStopped, E::kStop, S::kStopped, {}},
    {S::kStopped, E::kStopNow, S::kStopped, {}},
    {S::kStopped, E::kRetry, S::kStopped, {}},
    {S::kStopped, E::kGiveUp, S::kStopped, {}},

    {S::kWaiting, E::kStart, S::kWaiting, {}},
    {S::kWaiting, E::kStop, S::kStopped, {A::kDrop}},
    {S::kWaiting, E::kStopNow, S::kStopped, {A::kDrop}},
    {S::kWaiting, E::kTimer, S::kConnecting, {A::kConnect}},
    {S::kWaiting, E::kRetry, S::kWaiting, {A::kWait}},
    {S::kWaiting, E::kGiveUp, S::kStopped, {A::kDrop}},

    {S::kConnecting, E::kStart, S::kConnecting, {}},
    {S::kConnecting, E::kStop, S::kStopped, {A::kDrop}},
    {S::kConnecting, E::kStopNow, S::kStopped, {A::kDrop}},
    {S::kConnecting, E::kTimer, S::kAsking, {A::kDrop, A::kAsk}},
    {S::kConnecting, E::kStream, S::kConnected, {A::kServe}},
    {S::kConnecting, E::kOpened, S::kIntroducing, {A::kIntroduce}},
    {S::kConnecting, E::kNoStream, S::kAsking, {A::kDrop, A::kAsk}},

    {S::kAsking, E::kStart, S::kAsking, {}},
    {S::kAsking, E::kStop, S::kStopped, {}},
    {S::kAsking, E::kStopNow, S::kStopped, {}},
    {S::kAsking, E::kRetry, S::kWaiting, {A::kWait}},
    {S::kAsking, E::kGiveUp, S::kStopped, {}},

    {S::kIntroducing, E::kStart, S::kIntroducing, {}},
    {S::kIntroducing, E::kStop, S::kStopped, {A::kDrop}},
    {S::kIntroducing, E::kStopNow, S::kStopped, {A::kDrop}},
    {S::kIntroducing, E::kTimer, S::kAsking, {A::kDrop, A::kAsk}},
    {S::kIntroducing, E::kWelcomed, S::kConnected, {A::kServe}},
    {S::kIntroducing, E::kLost, S::kAsking, {A::kDrop, A::kAsk}},

    {S::kConnected, E::kStart, S::kConnected, {}},
    {S::kConnected, E::kStop, S::kEnding, {A::kEnd}},
    {S::kConnected, E::kStopNow, S::kEnding, {A::kAbort}},
    {S::kConnected, E::kTimer, S::kConnected, {A::kTend}},
    {S::kConnected, E::kLost, S::kWaiting, {A::kDrop, A::kWait, A::kTell}},

    {S::kEnding, E::kStart, S::kRestarting, {A::kBegin}},
    {S::kEnding, E::kStop, S::kEnding, {}},
    {S::kEnding, E::kStopNow, S::kEnding, {A::kAbort}},
    {S::kEnding, E::kTimer, S::kEnding, {A::kLinger}},
    {S::kEnding, E::kEnded, S::kStopped, {A::kDrop, A::kTell}},
    {S::kEnding, E::kLost, S::kStopped, {A::kDrop, A::kTell}},

    {S::kRestarting, E::kStart, S::kRestarting, {}},
    {S::kRestarting, E::kStop, S::kEnding, {}},
    {S::kRestarting, E::kStopNow, S::kEnding, {A::kAbort}},
    {S::kRestarting, E::kTimer, S::kRestarting, {A::kLinger}},
    // A client that was stopped and started again connects at once.
    {S::kRestarting, E::kEnded, S::kConnecting, {A::kDrop, A::kConnect, A::kTell}},
    {S::kRestarting, E::kLost, S::kWaiting, {A::kDrop, A::kWait, A::kTell}},
};

}  // namespace client_table

/// Null if it cannot happen.
constexpr const ClientStep* find_step(ClientState state, ClientEvent event) {
  for (const ClientStep& step : client_table::kSteps) {
    if (step.state == state && step.event == event) return &step;
  }
  return nullptr;
}

class ClientMachine {
 public:
  ClientState state() const { return state_; }

  /// It is already in the next state when it returns the actions.
  ClientActions handle(ClientEvent event) {
    const ClientStep* const step = find_step(state_, event);
    assert(step != nullptr && "this cannot happen in this state");
    if (step == nullptr) return {};
    state_ = step->next;
    return step->actions;
  }

 private:
  ClientState state_ = ClientState::kStopped;
};

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_CLIENT_MACHINE_H_

#ifndef MESSI_TEST_SIMULATION_LOSSES_H_
#define MESSI_TEST_SIMULATION_LOSSES_H_

// Whether a session may be lost, and whether what its user is told is true.

#include <cstdint>

#include "messi/base/time.h"
#include "messi/session/session_loss.h"
#include "test/simulation/journal.h"

namespace messi::simulation {

/// What has happened in a run that may end a session before its promise is kept.
struct Causes {
  bool disturbed = false;    ///< A connection may have broken.
  bool ended = false;        ///< Somebody has ended something, or was destroyed.
  bool drained = false;      ///< A server has.
  bool overflow = false;     ///< A message may have been more than may wait.
  bool too_big = false;      ///< A message may have been too big for one side.
  bool few_places = false;   ///< A server may be full.
  bool two_servers = false;  ///< Each knows only its own sessions.
  bool downgrade = false;    ///< Only one of two servers has sessions.
  bool calm_drain = false;   ///< Servers drain at the end, when nothing else happens.
  Duration session_timeout = Duration::zero();
};

/// What is wrong with the end of the session that `side` has, or "".
const char* wrong_cause(const Side& side, SessionLossReason reason, bool is_server,
                        const Causes& causes, TimePoint now);

/// What is wrong with the figures, or "". `hash` is that of a payload.
template <typename Hash>
const char* wrong_figures(Journal& out, const SessionLoss& loss, Hash&& hash) {
  const std::uint64_t delivered = out.all_delivered();
  // Else some broadcasts may have been left out, and some answers not have been given.
  const bool exact = out.offers_made == 0 && out.said == 0;
  if (out.perhaps && exact && loss.last_accepted == out.accepted.size() + 1) out.settle_doubt();
  if (exact && loss.last_accepted != out.accepted.size()) {
    return "a lost session names a last message that is not";
  }
  if (loss.first_unacked == 0 || loss.first_unacked > loss.last_accepted + 1) {
    return "a lost session names a first message that is not";
  }
  if (loss.first_unacked > delivered + out.said + 1) {
    return "a message is acknowledged that was not handled";
  }
  if (loss.peer_handled &&
      (*loss.peer_handled < delivered || *loss.peer_handled > delivered + out.said)) {
    return "a lost session says that the peer has handled more or less than it has";
  }
  if (loss.peer_handled && loss.first_unacked != *loss.peer_handled + 1) {
    return "a lost session names a first message that was handled";
  }
  std::uint64_t number = loss.first_unacked;
  for (const session::KeptMessage& message : loss.messages) {
    if (message.number != number++) return "a lost session hands back a message of another number";
    if (!exact) continue;
    if (message.number > out.accepted.size() ||
        hash(message.payload) != out.accepted[message.number - 1]) {
      return "a lost session hands back another message";
    }
  }
  if (number != loss.last_accepted + 1) return "a lost session does not hand back all messages";
  return "";
}

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_LOSSES_H_

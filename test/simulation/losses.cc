#include "test/simulation/losses.h"

namespace messi::simulation {

static bool may_be(const Side& side, SessionLossReason reason, bool is_server, const Causes& causes,
                   TimePoint now) {
  const Journal& out = *side.out;
  const Journal* const in = side.in;
  const bool anything = causes.disturbed || causes.ended;
  // If nothing has come from the peer, nobody knows whose session it was.
  const bool peer_over = in == nullptr ? anything : in->gone || in->sender_end;
  switch (reason) {
    case SessionLossReason::kUnknown:
      return !is_server && (peer_over || (causes.two_servers && anything));
    case SessionLossReason::kExpired:
      if (is_server) return side.detached && now - side.detached_at >= causes.session_timeout;
      return in == nullptr ? causes.disturbed : in->lost == reason;
    case SessionLossReason::kOverflow:
      return causes.overflow;
    case SessionLossReason::kEvicted:
      return causes.few_places;
    case SessionLossReason::kClosed:
      return out.asked || out.refused || causes.drained || peer_over ||
             (in != nullptr && (in->asked || in->refused));
    case SessionLossReason::kLimit:
      return causes.too_big;
    case SessionLossReason::kDowngraded:
      return !is_server && causes.downgrade;
    case SessionLossReason::kProtocol:
    case SessionLossReason::kDecode:
      return false;
  }
  return false;
}

const char* wrong_cause(const Side& side, SessionLossReason reason, bool is_server,
                        const Causes& causes, TimePoint now) {
  if (reason == SessionLossReason::kProtocol) return "a side has broken the protocol of sessions";
  if (!may_be(side, reason, is_server, causes, now)) return "a session is lost without a cause";
  const bool of_drain = reason == SessionLossReason::kClosed && !side.detached &&
                        !side.out->refused && side.in != nullptr &&
                        side.in->lost.value_or(reason) == reason && !side.in->refused &&
                        !side.out->says_later && !side.in->says_later;
  if (causes.calm_drain && of_drain) return "a session is lost in a drain";
  return "";
}

}  // namespace messi::simulation

#include "messi/connection/disconnect_reason.h"

#include <sstream>
#include <utility>

#include "test/catch.h"

using messi::DisconnectReason;

TEST_CASE("every reason prints as a sentence", "[session]") {
  const std::pair<DisconnectReason, const char*> kSentences[] = {
      {DisconnectReason::kMessageEncodeError, "Message encode error."},
      {DisconnectReason::kMessageDecodeError, "Message decode error."},
      {DisconnectReason::kConnectionClosed, "Connection closed."},
      {DisconnectReason::kKeepAliveTimeout, "Keep alive timeout."},
      {DisconnectReason::kGeneralError, "General error."},
      {DisconnectReason::kMessageTooBig, "Message too big."},
      {DisconnectReason::kSlowReader, "Slow reader."},
      {DisconnectReason::kProtocolError, "Protocol error."},
      {DisconnectReason::kTooManyClients, "Too many clients."},
      {DisconnectReason::kStopped, "Stopped."},
      {DisconnectReason::kDisconnected, "Disconnected."},
      {DisconnectReason::kTooMuchAtOnce, "Too much sent at once."},
      {DisconnectReason::kRefused, "Refused."},
      {DisconnectReason::kUnauthenticated, "Not authenticated."},
      {DisconnectReason::kDraining, "Draining."},
      {DisconnectReason::kFrameTooSlow, "Frame too slow."},
      {DisconnectReason::kTooManyPings, "Too many pings."},
      {DisconnectReason::kTooMuchQueued, "Too much queued."},
      {DisconnectReason::kTooManyFromAddress, "Too many clients from this address."},
      {DisconnectReason::kTooManyAtOnce, "Too many connections at once."},
      {DisconnectReason::kSessionLost, "Session lost."},
      {DisconnectReason::kSchemaMismatch, "Schema mismatch."},
      {DisconnectReason::kReplaced, "Replaced."},
  };
  for (const auto& [reason, sentence] : kSentences) {
    CHECK(messi::to_string(reason) == sentence);
    std::ostringstream out;
    out << reason;
    CHECK(out.str() == sentence);
  }
  CHECK(messi::to_string(static_cast<DisconnectReason>(200)) == "Unknown reason.");
}

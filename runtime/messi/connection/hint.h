#ifndef MESSI_CONNECTION_HINT_H_
#define MESSI_CONNECTION_HINT_H_

#include <cstdint>
#include <string_view>

namespace messi {

/// More about why a connection ended than its DisconnectReason says.
enum class Hint : std::uint8_t { kNone, kHttp, kTls, kSsh, kClient, kHookThrew };

/// The hint as a sentence, or "". The text has static storage.
constexpr std::string_view to_string(Hint hint) {
  switch (hint) {
    case Hint::kNone:
      return "";
    case Hint::kHttp:
      return "The peer seems to speak HTTP.";
    case Hint::kTls:
      return "The peer seems to speak TLS.";
    case Hint::kSsh:
      return "The peer seems to speak SSH.";
    case Hint::kClient:
      return "The peer is a client, not a server.";
    case Hint::kHookThrew:
      return "A hook threw an exception.";
  }
  return "";
}

/// The protocol of a peer that sends these four bytes where a frame's header should be.
constexpr Hint foreign_protocol(std::string_view header) {
  for (const std::string_view http :
       {"HTTP", "GET ", "PUT ", "POST", "HEAD", "OPTI", "DELE", "PATC", "CONN", "PRI "}) {
    if (header == http) return Hint::kHttp;
  }
  if (header == "SSH-") return Hint::kSsh;
  // A record of version 3.x with a handshake or an alert.
  const bool tls =
      (header[0] == 0x16 || header[0] == 0x15) && header[1] == 0x03 && header[2] <= 0x04;
  return tls ? Hint::kTls : Hint::kNone;
}

}  // namespace messi

#endif  // MESSI_CONNECTION_HINT_H_

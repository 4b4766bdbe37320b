#ifndef MESSI_IO_PEER_CERTIFICATE_H_
#define MESSI_IO_PEER_CERTIFICATE_H_

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace messi {

/// What the certificate of a peer says. It has been verified: an authority that this side trusts
/// has signed it, and it was valid when the connection was made.
struct PeerCertificate {
  /// The subject, such as "CN=erik,O=Example" (RFC 2253).
  std::string subject;
  // The subject alternative names, in the order of the certificate.
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;  ///< "127.0.0.1" or "::1".
  std::vector<std::string> uris;
  std::vector<std::string> emails;
  /// SHA-256 of the whole certificate.
  std::array<std::uint8_t, 32> sha256{};
  /// From then on it is not valid any more.
  std::chrono::system_clock::time_point not_after;
};

}  // namespace messi

#endif  // MESSI_IO_PEER_CERTIFICATE_H_

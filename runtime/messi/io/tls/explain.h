#ifndef MESSI_IO_TLS_EXPLAIN_H_
#define MESSI_IO_TLS_EXPLAIN_H_

// Why a handshake or a connection failed, in words.

#include <cstdint>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/io/tls/certificate.h"
#include "messi/io/tls/openssl.h"

namespace messi::tls {

enum class Side : std::uint8_t { kClient, kServer };

constexpr std::string_view other(Side side) {
  return side == Side::kClient ? "the server" : "the client";
}

/// A certificate that is not accepted: the peer's, or at a greater depth one of its authorities'.
struct Refused {
  explicit Refused(X509_STORE_CTX* store)
      : error(X509_STORE_CTX_get_error(store)),
        depth(X509_STORE_CTX_get_error_depth(store)),
        certificate(X509_STORE_CTX_get_current_cert(store)) {
    if (certificate != nullptr) X509_up_ref(certificate.get());
  }

  int error;
  int depth;
  Owner<X509> certificate;  // may be null
};

/// Why it is not accepted.
inline std::string explain_verification(const Refused& refused, Side side,
                                        const std::string& expected_name) {
  X509* const certificate = refused.certificate.get();
  const int error = refused.error;
  std::string whose = std::string(other(side)) + "'s certificate";
  if (certificate == nullptr) return whose + ": " + X509_verify_cert_error_string(error);
  if (refused.depth > 0) {
    whose = "the certificate of its authority, " + to_text(X509_get_subject_name(certificate));
    whose += ",";
  }
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return whose + " expired on " + to_text(X509_get0_notAfter(certificate));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return whose + " is not valid before " + to_text(X509_get0_notBefore(certificate));
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return whose + " is self-signed, and not among those that we trust";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return std::string(other(side)) +
             "'s certificate comes from an authority that we do not trust: " +
             to_text(X509_get_subject_name(certificate));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return std::string(other(side)) +
             "'s certificate has an unknown issuer: " + to_text(X509_get_issuer_name(certificate));
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return whose + " is for " + names_text(certificate) + ", not for " + expected_name;
    case X509_V_ERR_INVALID_PURPOSE:
      return whose + " is not meant for " + (side == Side::kClient ? "servers" : "clients") +
             " (extended key usage)";
    default:
      return whose + " is not accepted: " + X509_verify_cert_error_string(error);
  }
}

/// What an alert of the peer means.
inline std::string explain_alert(int alert, Side side) {
  const std::string who(other(side));
  switch (alert) {
    case SSL_AD_CERTIFICATE_REQUIRED:
      return who + " demands a certificate, and we have shown none";
    case SSL_AD_CERTIFICATE_EXPIRED:
      return who + " refuses our certificate: it has expired";
    case SSL_AD_UNKNOWN_CA:
      return who + " refuses our certificate: its issuer is unknown there";
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_ACCESS_DENIED:
      return who + " refuses our certificate: " + SSL_alert_desc_string_long(alert);
    case SSL_AD_PROTOCOL_VERSION:
      return who + " and we have no TLS version in common";
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_INSUFFICIENT_SECURITY:
      return who + " found no cipher, signature or certificate in common (" +
             SSL_alert_desc_string_long(alert) + ")";
    default:
      return who + " has ended TLS with an alert: " + SSL_alert_desc_string_long(alert);
  }
}

/// What OpenSSL's error queue says of a failure, apart from certificates that were not accepted.
inline Status explain_failure(unsigned long error, Side side) {
  const std::string who(other(side));
  const int reason = ERR_GET_REASON(error);
  if (error == 0 || ERR_GET_LIB(error) != ERR_LIB_SSL) {
    return {StatusCode::kFailedPrecondition,
            who + " does not keep to TLS" + (error == 0 ? "" : ": " + to_text(error))};
  }
  if (reason > SSL_AD_REASON_OFFSET) {
    return {StatusCode::kUnauthenticated, explain_alert(reason - SSL_AD_REASON_OFFSET, side)};
  }
  switch (reason) {
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SHARED_GROUPS:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
      return {StatusCode::kFailedPrecondition,
              who + " and we have no cipher in common (" + to_text(error) + ")"};
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_VERSION_TOO_HIGH:
    case SSL_R_NO_PROTOCOLS_AVAILABLE:
    case SSL_R_INAPPROPRIATE_FALLBACK:
      return {StatusCode::kFailedPrecondition,
              who + " and we have no TLS version in common; we speak 1.2 and 1.3"};
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
      return {StatusCode::kUnauthenticated, who + " has shown no certificate"};
    default:
      return {StatusCode::kFailedPrecondition, who + " does not keep to TLS: " + to_text(error)};
  }
}

/// What a peer speaks whose first bytes are not those of TLS; "" while it may still be TLS.
inline std::string_view foreign_protocol(std::string_view begin) {
  if (begin.empty()) return "";
  // A record with a handshake or an alert, of a version 3.x.
  const bool record = begin[0] == 0x16 || begin[0] == 0x15;
  if (record && (begin.size() < 2 || begin[1] == 0x03)) return "";
  for (const std::string_view method :
       {"HTTP", "GET ", "PUT ", "POST", "HEAD", "OPTI", "DELE", "PATC", "CONN", "PRI "}) {
    if (begin.substr(0, 4) == method) return "HTTP";
  }
  // The header of a frame without a payload: the ping that a client begins with.
  if (begin.substr(0, 4) == std::string_view("\x03\0\0\0", 4)) return "messi without TLS";
  return "something else";
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_EXPLAIN_H_

#ifndef MESSI_IO_TLS_CERTIFICATE_H_
#define MESSI_IO_TLS_CERTIFICATE_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

#include "messi/io/peer_certificate.h"
#include "messi/io/tls/openssl.h"

namespace messi::tls {

/// The bytes of an IP address as text: "127.0.0.1", or "2001:db8::1" as RFC 5952 wants it. "" if
/// there are neither 4 nor 16.
inline std::string address_text(const unsigned char* bytes, std::size_t size) {
  if (size == 4) {
    std::string text = std::to_string(bytes[0]);
    for (int i = 1; i < 4; ++i) text += "." + std::to_string(bytes[i]);
    return text;
  }
  if (size != 16) return "";
  constexpr int kGroups = 8;
  const auto group = [&](int i) { return bytes[2 * i] * 256 + bytes[2 * i + 1]; };
  // The first of the longest runs of zeros, of at least two.
  int gap = kGroups;
  int gap_size = 1;
  for (int begin = 0; begin < kGroups; ++begin) {
    int end = begin;
    while (end < kGroups && group(end) == 0) ++end;
    if (end - begin > gap_size) {
      gap = begin;
      gap_size = end - begin;
    }
  }
  std::string text;
  for (int i = 0; i < kGroups; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[8];
    std::snprintf(digits, sizeof(digits), "%x", static_cast<unsigned>(group(i)));
    text += digits;
  }
  return text;
}

inline std::chrono::system_clock::time_point to_time_point(const ASN1_TIME* time) {
  using std::chrono::system_clock;
  const Owner<ASN1_TIME> epoch(ASN1_TIME_set(nullptr, 0));
  int days = 0;
  int seconds = 0;
  if (epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return {};
  // The year 9999, which means never, is more nanoseconds than there are numbers.
  constexpr int kMostDays = 365 * 250;
  if (days > kMostDays) return system_clock::time_point::max();
  return system_clock::from_time_t(0) + std::chrono::hours(24) * days +
         std::chrono::seconds(seconds);
}

/// Copies what a certificate says. A name that is not printable ASCII is left out, since those who
/// compare or print it may be fooled: "good\0evil".
inline PeerCertificate describe(X509* certificate) {
  PeerCertificate result;
  result.subject = to_text(X509_get_subject_name(certificate));
  result.not_after = to_time_point(X509_get0_notAfter(certificate));
  unsigned size = 0;
  X509_digest(certificate, EVP_sha256(), result.sha256.data(), &size);

  const Owner<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const auto* const value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    if (type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI && type != GEN_IPADD) continue;
    const unsigned char* const data = ASN1_STRING_get0_data(value);
    const auto length = static_cast<std::size_t>(ASN1_STRING_length(value));
    if (type == GEN_IPADD) {
      if (std::string address = address_text(data, length); !address.empty()) {
        result.ip_addresses.push_back(std::move(address));
      }
      continue;
    }
    const bool printable =
        std::all_of(data, data + length, [](unsigned char c) { return c > ' ' && c < 0x7f; });
    if (!printable) continue;
    std::vector<std::string>& list = type == GEN_DNS     ? result.dns_names
                                     : type == GEN_EMAIL ? result.emails
                                                         : result.uris;
    list.emplace_back(data, data + length);
  }
  return result;
}

/// The names that a certificate is for, as a list for people.
inline std::string names_text(X509* certificate) {
  const PeerCertificate described = describe(certificate);
  std::string text;
  for (const auto* const list : {&described.dns_names, &described.ip_addresses}) {
    for (const std::string& name : *list) text += (text.empty() ? "" : ", ") + name;
  }
  return text.empty() ? "no host at all" : text;
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_CERTIFICATE_H_

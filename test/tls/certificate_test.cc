#include "messi/io/tls/certificate.h"

#include <chrono>
#include <string>
#include <vector>

#include "messi/io/peer_certificate.h"
#include "messi/io/tls/openssl.h"
#include "test/catch.h"
#include "test/support/authority.h"

using messi::PeerCertificate;
using messi::test::Authority;
using messi::test::Says;
using messi::tls::address_text;
using messi::tls::Owner;
using Texts = std::vector<std::string>;

namespace {

PeerCertificate described(const Says& says) {
  const std::string pem = Authority().issue(says).certificate;
  const Owner<BIO> in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Owner<X509> certificate(PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr));
  return messi::tls::describe(certificate.get());
}

std::string v6(const std::vector<int>& groups) {
  std::string bytes;
  for (const int group : groups) {
    bytes += static_cast<char>(group / 256);
    bytes += static_cast<char>(group % 256);
  }
  return address_text(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

}  // namespace

TEST_CASE("a certificate says who it is for", "[tls]") {
  Says says;
  says.name = "erik, \"the\" Grüße";
  says.not_after = 3'600;
  says.alternative_names =
      "DNS:a.example.com,DNS:*.example.com,IP:10.0.0.1,IP:2001:db8::1,URI:urn:x,email:a@b.c,"
      "RID:1.2.3,DNS:b.example.com";
  const PeerCertificate certificate = described(says);
  CHECK(certificate.subject == R"(CN=erik\, \"the\" Grüße)");
  CHECK(certificate.dns_names == Texts{"a.example.com", "*.example.com", "b.example.com"});
  CHECK(certificate.ip_addresses == Texts{"10.0.0.1", "2001:db8::1"});
  CHECK(certificate.uris == Texts{"urn:x"});
  CHECK(certificate.emails == Texts{"a@b.c"});
  CHECK(certificate.sha256 != decltype(certificate.sha256){});
  const auto left = certificate.not_after - std::chrono::system_clock::now();
  CHECK(left > std::chrono::minutes(55));
  CHECK(left < std::chrono::minutes(65));
}

TEST_CASE("names that may fool those who print them are escaped or left out", "[tls]") {
  Says says;
  says.name = "two\nlines";
  says.alternative_names =
      "DNS:good.com,DNS:bad name,DNS:b\xc3\xa4"
      "d";
  const PeerCertificate certificate = described(says);
  CHECK(certificate.subject == "CN=two\\0Alines");
  CHECK(certificate.dns_names == Texts{"good.com"});
}

TEST_CASE("a certificate for ever", "[tls]") {
  Says says;
  says.not_after = 400L * 365 * 24 * 3'600;
  CHECK(described(says).not_after == std::chrono::system_clock::time_point::max());
}

TEST_CASE("addresses are written in one way", "[tls]") {
  CHECK(v6({0, 0, 0, 0, 0, 0, 0, 1}) == "::1");
  CHECK(v6({0, 0, 0, 0, 0, 0, 0, 0}) == "::");
  CHECK(v6({1, 0, 0, 0, 0, 0, 0, 0}) == "1::");
  CHECK(v6({0x2001, 0xdb8, 0, 1, 1, 1, 1, 1}) == "2001:db8:0:1:1:1:1:1");
  CHECK(v6({0x2001, 0, 0, 1, 0, 0, 0, 1}) == "2001:0:0:1::1");
  CHECK(v6({0x2001, 0xdb8, 0, 0, 1, 0, 0, 1}) == "2001:db8::1:0:0:1");
  CHECK(v6({0xffff, 2, 3, 4, 5, 6, 7, 0xabcd}) == "ffff:2:3:4:5:6:7:abcd");
  CHECK(v6({1, 2}) == "0.1.0.2");
  CHECK(v6({1}) == "");
}

#ifndef MESSI_IO_TLS_OPENSSL_H_
#define MESSI_IO_TLS_OPENSSL_H_

// OpenSSL's objects with an owner, and its texts as strings.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <memory>
#include <string>

namespace messi::tls {

struct Free {
  void operator()(ASN1_TIME* object) const { ASN1_TIME_free(object); }
  void operator()(BIO* object) const { BIO_free(object); }
  void operator()(BIO_METHOD* object) const { BIO_meth_free(object); }
  void operator()(EVP_PKEY* object) const { EVP_PKEY_free(object); }
  void operator()(GENERAL_NAMES* object) const { GENERAL_NAMES_free(object); }
  void operator()(SSL* object) const { SSL_free(object); }
  void operator()(SSL_CTX* object) const { SSL_CTX_free(object); }
  void operator()(SSL_SESSION* object) const { SSL_SESSION_free(object); }
  void operator()(X509* object) const { X509_free(object); }
};
template <typename Object>
using Owner = std::unique_ptr<Object, Free>;

/// What `print(BIO*)` prints.
template <typename Print>
std::string printed(Print&& print) {
  const Owner<BIO> out(BIO_new(BIO_s_mem()));
  if (out == nullptr) return {};
  print(out.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return data != nullptr ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

/// "CN=erik,O=Example". Control characters are escaped.
inline std::string to_text(const X509_NAME* name) {
  return printed([&](BIO* out) {
    X509_NAME_print_ex(out, name, 0,
                       XN_FLAG_RFC2253 & ~static_cast<unsigned>(ASN1_STRFLGS_ESC_MSB));
  });
}

/// "Jan  1 00:00:00 2026 GMT"
inline std::string to_text(const ASN1_TIME* time) {
  return printed([&](BIO* out) { ASN1_TIME_print(out, time); });
}

/// OpenSSL's words for an error of its queue.
inline std::string to_text(unsigned long error) {
  const char* const reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(error);
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_OPENSSL_H_

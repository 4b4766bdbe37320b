#ifndef MESSI_IO_TLS_CONTEXT_H_
#define MESSI_IO_TLS_CONTEXT_H_

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/tls/bio.h"
#include "messi/io/tls/config.h"
#include "messi/io/tls/explain.h"
#include "messi/io/tls/openssl.h"
#include "messi/io/tls/pem.h"

namespace messi::tls {

/// A configuration that has been read and checked, for all connections of one thread. A connection
/// keeps the one that it began with.
class Context {
 public:
  static Result<std::shared_ptr<Context>> make(const Config& config) {
    auto context = std::make_shared<Context>();
    Status status = context->set_up(config);
    if (!status.ok()) return status;
    return context;
  }

  Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Whether there is a certificate to show: a server needs one.
  bool has_certificate() const { return has_certificate_; }

  /// The name to expect instead of the URI's host; "" if that counts.
  const std::string& server_name() const { return server_name_; }

  SSL_CTX* settings(Side side) const {
    return side == Side::kClient ? connecting_.get() : accepting_.get();
  }
  const BIO_METHOD* bio_method() const { return bio_method_.get(); }

  // A client resumes the last session with a server, which saves both a signature.

  /// The session that was kept under `key`; null if there is none.
  SSL_SESSION* session(const std::string& key) const {
    const auto found = sessions_.find(key);
    return found != sessions_.end() ? found->second.get() : nullptr;
  }
  void keep_session(const std::string& key, Owner<SSL_SESSION> session) {
    if (sessions_.size() >= kMostSessions && sessions_.count(key) == 0) {
      sessions_.erase(sessions_.begin());
    }
    sessions_[key] = std::move(session);
  }
  void forget_session(const std::string& key) { sessions_.erase(key); }

  /// Memory that engines lend each other for what they write at once.
  std::string& spare() { return spare_; }

 private:
  static constexpr std::size_t kMostSessions = 256;

  inline Status set_up(const Config& config);
  inline Status set_certificate(const Config& config);
  static inline Status set_authorities(SSL_CTX* settings, const Pem& pem);
  static inline Owner<SSL_CTX> make_settings(const SSL_METHOD* method);

  // Destroyed last: sessions and connections refer to them.
  const Owner<BIO_METHOD> bio_method_ = make_bio_method();
  Owner<SSL_CTX> connecting_;
  Owner<SSL_CTX> accepting_;
  bool has_certificate_ = false;
  std::string server_name_;
  std::map<std::string, Owner<SSL_SESSION>> sessions_;
  std::string spare_;
};

// ---------------------------------------------------------------------------------------------

inline Owner<SSL_CTX> Context::make_settings(const SSL_METHOD* method) {
  Owner<SSL_CTX> settings(SSL_CTX_new(method));
  if (settings == nullptr) return settings;
  SSL_CTX* const it = settings.get();
  SSL_CTX_set_security_level(it, 2);  // 112 bits: RSA and DH of 2,048 bits, no SHA-1
  SSL_CTX_set_min_proto_version(it, TLS1_2_VERSION);
  // Of TLS 1.2 only what 1.3 has too: forward secrecy and authenticated encryption.
  SSL_CTX_set_cipher_list(it, "ECDHE+AESGCM:ECDHE+CHACHA20");
  SSL_CTX_set_options(it, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // The certificate goes with those that are given with it, and no others that are trusted.
  SSL_CTX_set_mode(it, SSL_MODE_NO_AUTO_CHAIN | SSL_MODE_RELEASE_BUFFERS |
                           SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return settings;
}

inline Status Context::set_up(const Config& config) {
  connecting_ = make_settings(TLS_client_method());
  accepting_ = make_settings(TLS_server_method());
  if (bio_method_ == nullptr || connecting_ == nullptr || accepting_ == nullptr) {
    return {StatusCode::kResourceExhausted, "TLS: there is no memory"};
  }
  server_name_ = config.server_name;

  // Sessions are in tickets, so a server keeps none. One ticket is enough for the next connection.
  SSL_CTX_set_session_cache_mode(accepting_.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(accepting_.get(), 1);
  constexpr std::string_view kName = "messi";
  SSL_CTX_set_session_id_context(accepting_.get(),
                                 reinterpret_cast<const unsigned char*>(kName.data()),
                                 static_cast<unsigned>(kName.size()));
  SSL_CTX_set_session_cache_mode(connecting_.get(),
                                 SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);

  Result<Pem> ca = Pem::load("ca", config.ca_file, config.ca);
  if (!ca.ok()) return ca.status();
  if (ca->empty()) {
    SSL_CTX_set_default_verify_paths(connecting_.get());
  } else if (Status status = set_authorities(connecting_.get(), *ca); !status.ok()) {
    return status;
  }
  Result<Pem> client_ca = Pem::load("client_ca", config.client_ca_file, config.client_ca);
  if (!client_ca.ok()) return client_ca.status();
  int mode = SSL_VERIFY_NONE;
  if (!client_ca->empty()) {
    Status status = set_authorities(accepting_.get(), *client_ca);
    if (!status.ok()) return status;
    mode = SSL_VERIFY_PEER;
    if (!config.client_certificate_optional) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  } else if (config.client_certificate_optional) {
    return {StatusCode::kInvalidArgument,
            "TLS: client_certificate_optional is set, but there is no client_ca"};
  }
  SSL_CTX_set_verify(accepting_.get(), mode, nullptr);
  SSL_CTX_set_verify(connecting_.get(), SSL_VERIFY_PEER, nullptr);
  return set_certificate(config);
}

inline Status Context::set_authorities(SSL_CTX* settings, const Pem& pem) {
  Result<std::vector<Owner<X509>>> certificates = pem.certificates();
  if (!certificates.ok()) return certificates.status();
  for (const Owner<X509>& each : *certificates) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(settings), each.get()) != 1) {
      return pem.wrong("a certificate cannot be used: " + to_text(ERR_get_error()));
    }
  }
  return {};
}

inline Status Context::set_certificate(const Config& config) {
  const Result<Pem> certificate =
      Pem::load("certificate", config.certificate_file, config.certificate);
  if (!certificate.ok()) return certificate.status();
  const Result<Pem> key = Pem::load("key", config.key_file, config.key);
  if (!key.ok()) return key.status();
  if (certificate->empty() && key->empty()) return {};
  if (certificate->empty()) return key->wrong("there is a key, but no certificate");

  Result<std::vector<Owner<X509>>> certificates = certificate->certificates();
  if (!certificates.ok()) return certificates.status();
  const Pem& with_key = key->empty() ? *certificate : *key;
  Result<Owner<EVP_PKEY>> private_key = with_key.key(config.key_passphrase);
  if (!private_key.ok()) return private_key.status();
  X509* const own = certificates->front().get();
  if (X509_check_private_key(own, private_key->get()) != 1) {
    ERR_clear_error();
    return with_key.wrong("the key does not belong to the certificate of " + certificate->name() +
                          ", " + to_text(X509_get_subject_name(own)));
  }
  for (SSL_CTX* const settings : {connecting_.get(), accepting_.get()}) {
    bool good = SSL_CTX_use_certificate(settings, own) == 1 &&
                SSL_CTX_use_PrivateKey(settings, private_key->get()) == 1;
    for (std::size_t i = 1; i < certificates->size(); ++i) {
      good = good && SSL_CTX_add1_chain_cert(settings, (*certificates)[i].get()) == 1;
    }
    if (!good) {
      const unsigned long error = ERR_peek_last_error();
      ERR_clear_error();
      return certificate->wrong("the certificate cannot be used: " + to_text(error));
    }
  }
  has_certificate_ = true;
  return {};
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_CONTEXT_H_

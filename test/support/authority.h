#ifndef MESSI_TEST_SUPPORT_AUTHORITY_H_
#define MESSI_TEST_SUPPORT_AUTHORITY_H_

// Makes certificates and keys for tests, with all that can be wrong with them.

#include <cstdlib>
#include <memory>
#include <string>

#include "messi/io/tls/config.h"
#include "messi/io/tls/openssl.h"

namespace messi::test {

/// A certificate and its key, as PEM.
struct Identity {
  std::string certificate;
  std::string key;
};

/// What a certificate says.
struct Says {
  std::string name = "localhost";
  /// As of OpenSSL's configuration files; "" for none.
  std::string alternative_names = "DNS:localhost,IP:127.0.0.1,IP:::1";
  /// In seconds from now.
  long not_before = -3600;
  long not_after = 365L * 24 * 3600;
  /// "serverAuth" or "clientAuth"; "" for both.
  std::string purpose;
  bool authority = false;
  /// Of an RSA key; 0 for an elliptic curve.
  unsigned rsa_bits = 0;
};

/// Signs certificates.
class Authority {
 public:
  /// One that signs itself.
  explicit Authority(const std::string& name = "Test CA") : Authority(name, nullptr) {}
  /// One that `above` has signed.
  Authority(const std::string& name, const Authority& above) : Authority(name, &above) {}

  /// To be trusted by others.
  const std::string& certificate() const { return pem_; }

  Identity issue(const Says& says = {}) const {
    const tls::Owner<EVP_PKEY> key = make_key(says.rsa_bits);
    const tls::Owner<X509> certificate = make(says, key.get(), certificate_.get(), key_.get());
    return {to_pem(certificate.get()), to_pem(key.get(), "")};
  }
  Identity issue(const std::string& name, const std::string& alternative_names) const {
    Says says;
    says.name = name;
    says.alternative_names = alternative_names;
    return issue(says);
  }

  static Identity self_signed() {
    const tls::Owner<EVP_PKEY> key = make_key(0);
    const tls::Owner<X509> certificate = make(Says(), key.get(), nullptr, key.get());
    return {to_pem(certificate.get()), to_pem(key.get(), "")};
  }

  /// The same key, encrypted.
  static std::string encrypted(const std::string& key, const std::string& passphrase) {
    const tls::Owner<BIO> in(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
    const tls::Owner<EVP_PKEY> read(PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr));
    return to_pem(read.get(), passphrase);
  }

 private:
  Authority(const std::string& name, const Authority* above) : key_(make_key(0)) {
    Says says;
    says.name = name;
    says.alternative_names = "";
    says.authority = true;
    certificate_ = make(says, key_.get(), above != nullptr ? above->certificate_.get() : nullptr,
                        above != nullptr ? above->key_.get() : key_.get());
    pem_ = to_pem(certificate_.get());
  }

  static void check(bool good) {
    if (good) return;
    ERR_print_errors_fp(stderr);
    std::abort();
  }

  static tls::Owner<EVP_PKEY> make_key(unsigned rsa_bits) {
    tls::Owner<EVP_PKEY> key(rsa_bits > 0 ? EVP_RSA_gen(rsa_bits) : EVP_EC_gen("P-256"));
    check(key != nullptr);
    return key;
  }

  static tls::Owner<X509> make(const Says& says, EVP_PKEY* key, X509* issuer,
                               EVP_PKEY* issuer_key) {
    static long serial = 0;
    tls::Owner<X509> result(X509_new());
    X509* const it = result.get();
    X509_set_version(it, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(it), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(it), says.not_before);
    X509_gmtime_adj(X509_getm_notAfter(it), says.not_after);
    X509_NAME* const name = X509_get_subject_name(it);
    check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                     reinterpret_cast<const unsigned char*>(says.name.c_str()), -1,
                                     -1, 0) == 1);
    X509_set_issuer_name(it, issuer != nullptr ? X509_get_subject_name(issuer) : name);
    X509_set_pubkey(it, key);
    add(it, issuer, NID_basic_constraints, says.authority ? "critical,CA:TRUE" : "CA:FALSE");
    add(it, issuer, NID_subject_key_identifier, "hash");
    if (issuer != nullptr) add(it, issuer, NID_authority_key_identifier, "keyid");
    if (says.authority) add(it, issuer, NID_key_usage, "critical,keyCertSign,cRLSign");
    if (!says.purpose.empty()) add(it, issuer, NID_ext_key_usage, says.purpose);
    if (!says.alternative_names.empty()) {
      add(it, issuer, NID_subject_alt_name, says.alternative_names);
    }
    check(X509_sign(it, issuer_key, EVP_sha256()) > 0);
    return result;
  }

  static void add(X509* certificate, X509* issuer, int what, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer != nullptr ? issuer : certificate, certificate, nullptr,
                   nullptr, 0);
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
    check(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }

  static std::string to_pem(X509* certificate) {
    return tls::printed([&](BIO* out) { PEM_write_bio_X509(out, certificate); });
  }
  static std::string to_pem(EVP_PKEY* key, const std::string& passphrase) {
    return tls::printed([&](BIO* out) {
      const EVP_CIPHER* const cipher = passphrase.empty() ? nullptr : EVP_aes_128_cbc();
      check(PEM_write_bio_PKCS8PrivateKey(out, key, cipher, passphrase.c_str(),
                                          static_cast<int>(passphrase.size()), nullptr,
                                          nullptr) == 1);
    });
  }

  tls::Owner<EVP_PKEY> key_;
  tls::Owner<X509> certificate_;
  std::string pem_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_AUTHORITY_H_

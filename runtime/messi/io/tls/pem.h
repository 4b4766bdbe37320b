#ifndef MESSI_IO_TLS_PEM_H_
#define MESSI_IO_TLS_PEM_H_

// Certificates and keys, read from files or texts. Every error says what was given, what was
// expected, and where.

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/tls/openssl.h"

namespace messi::tls {

/// A text, and what to call it.
class Pem {
 public:
  /// `what`, such as "ca", is the name of the setting.
  static Result<Pem> load(const std::string& what, const std::string& file,
                          const std::string& text) {
    if (!text.empty() || file.empty()) return Pem(what, text);
    Pem pem(what + "_file \"" + file + "\"", "");
    std::FILE* const in = std::fopen(file.c_str(), "rbe");
    if (in == nullptr) return pem.wrong(std::generic_category().message(errno));
    char bytes[4096];
    for (std::size_t size = 0; (size = std::fread(bytes, 1, sizeof(bytes), in)) > 0;) {
      pem.text_.append(bytes, size);
    }
    const bool failed = std::ferror(in) != 0;
    const int error = errno;
    std::fclose(in);
    OPENSSL_cleanse(bytes, sizeof(bytes));  // it may be a key
    if (failed) return pem.wrong(std::generic_category().message(error));
    if (pem.text_.empty()) return pem.wrong("the file is empty");
    return pem;
  }

  Pem(const Pem&) = default;
  Pem(Pem&&) = default;
  Pem& operator=(const Pem&) = default;
  Pem& operator=(Pem&&) = default;
  ~Pem() { OPENSSL_cleanse(text_.data(), text_.size()); }

  bool empty() const { return text_.empty(); }
  const std::string& name() const { return name_; }

  /// All certificates, at least one.
  Result<std::vector<Owner<X509>>> certificates() const {
    const Owner<BIO> in(BIO_new_mem_buf(text_.data(), static_cast<int>(text_.size())));
    std::vector<Owner<X509>> result;
    for (;;) {
      Owner<X509> next(PEM_read_bio_X509_AUX(in.get(), nullptr, no_passphrase, nullptr));
      if (next == nullptr) break;
      result.push_back(std::move(next));
    }
    // After the last one, too, OpenSSL reports that it has found no other.
    const unsigned long error = ERR_peek_last_error();
    ERR_clear_error();
    if (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE) {
      return wrong("certificate " + std::to_string(result.size() + 1) +
                   " is damaged: " + to_text(error));
    }
    if (result.empty()) {
      return wrong("there is no certificate; expected PEM, -----BEGIN CERTIFICATE-----");
    }
    return result;
  }

  Result<Owner<EVP_PKEY>> key(const std::string& passphrase) const {
    if (text_.find("PRIVATE KEY-----") == std::string::npos) {
      return wrong("there is no private key; expected PEM, such as -----BEGIN PRIVATE KEY-----");
    }
    const Owner<BIO> in(BIO_new_mem_buf(text_.data(), static_cast<int>(text_.size())));
    Passphrase asked{passphrase, false};
    Owner<EVP_PKEY> result(PEM_read_bio_PrivateKey(in.get(), nullptr, give_passphrase, &asked));
    const unsigned long error = ERR_peek_error();
    ERR_clear_error();
    if (result != nullptr) return result;
    if (asked.given && passphrase.empty()) {
      return wrong("the key is encrypted; key_passphrase is missing");
    }
    if (asked.given) return wrong("key_passphrase does not fit the key");
    return wrong("the private key is damaged: " + to_text(error));
  }

  Status wrong(const std::string& what) const {
    return {StatusCode::kInvalidArgument, "TLS: " + name_ + ": " + what};
  }

 private:
  struct Passphrase {
    const std::string& text;
    bool given;
  };

  Pem(std::string name, std::string text) : name_(std::move(name)), text_(std::move(text)) {}

  // Without these, OpenSSL would ask at the terminal.
  static int no_passphrase(char* /*out*/, int /*size*/, int /*writing*/, void* /*user*/) {
    return -1;
  }
  static int give_passphrase(char* out, int size, int /*writing*/, void* user) {
    auto& asked = *static_cast<Passphrase*>(user);
    asked.given = true;
    if (asked.text.empty()) return -1;
    const std::size_t length = std::min(asked.text.size(), static_cast<std::size_t>(size));
    std::copy_n(asked.text.data(), length, out);
    return static_cast<int>(length);
  }

  std::string name_;
  std::string text_;
};

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_PEM_H_

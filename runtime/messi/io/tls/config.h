#ifndef MESSI_IO_TLS_CONFIG_H_
#define MESSI_IO_TLS_CONFIG_H_

#include <string>

namespace messi::tls {

/// Who this side is, and whom it trusts. Everything is PEM, in a file or as text; if both are
/// given, the text counts. Files are read when the network is made, and by `reload`.
struct Config {
  /// The authorities that a server's certificate must come from. By default those of the system,
  /// or of the environment variables SSL_CERT_FILE and SSL_CERT_DIR.
  std::string ca_file;
  std::string ca;

  /// The authorities that a client's certificate must come from. A server that has them demands a
  /// certificate of each client; by default it asks for none.
  std::string client_ca_file;
  std::string client_ca;
  /// Whether clients may also come without a certificate.
  bool client_certificate_optional = false;

  /// The certificate of this side, followed by those that lead to its authority. A server must have
  /// one; a client shows it to servers that demand one.
  std::string certificate_file;
  std::string certificate;

  /// The private key of the certificate; by default it is in the same file or text.
  std::string key_file;
  std::string key;
  /// If the key is encrypted.
  std::string key_passphrase;

  /// The name that a server's certificate must be for; by default the host of the URI, and
  /// "localhost" if that is empty.
  std::string server_name;
};

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_CONFIG_H_

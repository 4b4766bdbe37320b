// A peer that keeps to TLS, but sends what carries nothing, without end.

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/stream.h"
#include "messi/io/tls/context.h"
#include "messi/io/tls/engine.h"
#include "messi/io/tls/openssl.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/tls/support.h"

using messi::IoResult;
using messi::Space;
using messi::Status;
using messi::test::Authority;
using messi::test::config_of;
using messi::tls::Context;
using messi::tls::Engine;
using messi::tls::Owner;

namespace {

/// Our server. Its output is taken only when a test does so.
class Server {
 public:
  explicit Server(const Authority& authority) : engine(*Context::make(config_of(authority))) {}

  void take(std::string_view input) {
    if (!outcome) {
      outcome = engine.shake(input);
      return;
    }
    bool first = true;
    while (!ended && (first || engine.holds_input())) {
      char bytes[1'000];
      const Space space{bytes, sizeof(bytes)};
      const IoResult result = engine.read(first ? input : std::string_view(), &space, 1);
      first = false;
      heard.append(bytes, result.size);
      ended = result.kind == IoResult::Kind::kEnd;
      if (result.size == 0) break;
    }
  }
  std::string take_output() {
    std::string bytes(engine.output());
    engine.handle_written(bytes.size());
    return bytes;
  }

  Engine engine;
  std::optional<Status> outcome;
  std::string heard;
  bool ended = false;
};

/// OpenSSL's client, with TLS 1.3 and bytes in memory.
class Client {
 public:
  Client() : context_(SSL_CTX_new(TLS_client_method())) {
    REQUIRE(SSL_CTX_set_ciphersuites(context_.get(), "TLS_AES_128_GCM_SHA256") == 1);
    SSL_CTX_set_keylog_callback(context_.get(), [](const SSL* ssl, const char* line) {
      static_cast<Client*>(SSL_get_app_data(ssl))->note(line);
    });
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_app_data(ssl_.get(), this);
    SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl_.get());
  }

  SSL* ssl() const { return ssl_.get(); }
  void connect(Server& server) {
    while (SSL_do_handshake(ssl()) != 1) {
      server.take(output());
      hear(server.take_output());
    }
    server.take(output());
    REQUIRE(server.outcome);
    REQUIRE(server.outcome->ok());
  }
  std::string output() {
    std::string bytes(BIO_ctrl_pending(SSL_get_wbio(ssl())), '\0');
    BIO_read(SSL_get_wbio(ssl()), bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }
  void hear(const std::string& bytes) {
    BIO_write(SSL_get_rbio(ssl()), bytes.data(), static_cast<int>(bytes.size()));
  }

  /// A record that has no content. It sends no others.
  std::string empty_record() {
    const std::string key = expand("key", 16);
    std::string nonce = expand("iv", 12);
    for (int i = 0; i < 8; ++i) {
      nonce[static_cast<std::size_t>(11 - i)] ^= static_cast<char>(records_ >> (8 * i));
    }
    ++records_;
    std::string record("\x17\x03\x03\x00\x11", 5);
    const unsigned char type = 0x17;
    std::array<unsigned char, 17> sealed;
    int size = 0;
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<const unsigned char*>(text.data());
    };
    const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> cipher(
        EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    EVP_EncryptInit_ex(cipher.get(), EVP_aes_128_gcm(), nullptr, bytes(key), bytes(nonce));
    EVP_EncryptUpdate(cipher.get(), nullptr, &size, bytes(record), 5);
    EVP_EncryptUpdate(cipher.get(), sealed.data(), &size, &type, 1);
    EVP_EncryptFinal_ex(cipher.get(), sealed.data() + 1, &size);
    EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, 16, sealed.data() + 1);
    record.append(sealed.begin(), sealed.end());
    return record;
  }

 private:
  void note(const std::string& line) {
    if (line.rfind("CLIENT_TRAFFIC_SECRET_0 ", 0) != 0) return;
    const std::string hex = line.substr(line.rfind(' ') + 1);
    secret_.clear();
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
      secret_ += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
  }
  /// HKDF-Expand-Label of RFC 8446.
  std::string expand(std::string label, std::size_t size) {
    const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
        EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr), EVP_KDF_free);
    const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
        EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    std::string digest = "SHA256";
    std::string prefix = "tls13 ";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret_.data(), secret_.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PREFIX, prefix.data(), prefix.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_LABEL, label.data(), label.size()),
        OSSL_PARAM_construct_end()};
    std::string out(size, '\0');
    REQUIRE(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), size,
                           parameters) == 1);
    return out;
  }

  std::string secret_;
  std::uint64_t records_ = 0;
  const Owner<SSL_CTX> context_;
  Owner<SSL> ssl_;
};

}  // namespace

TEST_CASE("a peer that asks for new keys without end has to read the answers", "[tls]") {
  const Authority authority;
  Server server(authority);
  Client client;
  client.connect(server);
  const bool reads = GENERATE(true, false);
  CAPTURE(reads);
  for (int i = 0; i < 20'000 && !server.ended; ++i) {
    REQUIRE(SSL_key_update(client.ssl(), SSL_KEY_UPDATE_REQUESTED) == 1);
    REQUIRE(SSL_do_handshake(client.ssl()) == 1);
    server.take(client.output());
    REQUIRE(server.engine.output().size() <= Engine::kMostWaiting + 100);
    if (reads) client.hear(server.take_output());
  }
  CHECK(server.ended == !reads);
  if (!reads) CHECK(server.engine.why_ended() == "The client does not read what TLS answers.");
}

TEST_CASE("records without content end the connection when there are many", "[tls]") {
  const Authority authority;
  Server server(authority);
  Client client;
  client.connect(server);
  int records = 0;
  for (; records < 1'000 && !server.ended; ++records) server.take(client.empty_record());
  CHECK(server.ended);
  CHECK(records > 10);
  CHECK(records < 100);
  CHECK(server.heard.empty());
}

TEST_CASE("no ticket of a server allows early data", "[tls]") {
  const Authority authority;
  Server server(authority);
  Client client;
  client.connect(server);
  client.hear(server.take_output());
  char byte = 0;
  CHECK(SSL_read(client.ssl(), &byte, 1) < 0);
  SSL_SESSION* const session = SSL_get0_session(client.ssl());
  CHECK(SSL_SESSION_is_resumable(session) == 1);
  CHECK(SSL_SESSION_get_max_early_data(session) == 0);
}

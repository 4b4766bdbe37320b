// Configurations: what is wrong is said at once, and reload changes what follows.

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include "messi/testing/manual_loop.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/tls/support.h"

using messi::StatusCode;
using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::Identity;
using messi::test::Log;
using messi::test::mutual_config_of;
using messi::test::Says;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::tls::Config;
using namespace std::chrono_literals;

namespace {

std::string what_is_wrong(const Config& config) {
  ManualLoop loop;
  const messi::tls::Network tls(loop, config);
  CHECK(tls.status().ok() == tls.status().message().empty());
  CHECK((tls.status().ok() || tls.status().code() == StatusCode::kInvalidArgument));
  return tls.status().message();
}

/// A file, until the end of the test.
class File {
 public:
  File(std::string path, const std::string& text) : path_(std::move(path)) { write(text); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::remove(path_.c_str()); }
  void write(const std::string& text) { std::ofstream(path_) << text; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

bool begins(const std::string& text, const std::string& begin) { return text.find(begin) == 0; }

}  // namespace

TEST_CASE("mistakes in a configuration are named: the setting, and what is expected", "[tls]") {
  const Authority authority;
  const Config good = config_of(authority);
  CHECK(what_is_wrong(good) == "");
  CHECK(what_is_wrong({}) == "");

  Config config = good;
  config.ca.clear();
  config.ca_file = "no/such.pem";
  CHECK(what_is_wrong(config) == "TLS: ca_file \"no/such.pem\": No such file or directory");
  config.ca_file = ".";
  CHECK(what_is_wrong(config) == "TLS: ca_file \".\": Is a directory");
  const File empty("tls_empty.pem", "");
  config.ca_file = empty.path();
  CHECK(what_is_wrong(config) == "TLS: ca_file \"tls_empty.pem\": the file is empty");

  config = good;
  config.ca = "moin";
  CHECK(what_is_wrong(config) ==
        "TLS: ca: there is no certificate; expected PEM, -----BEGIN CERTIFICATE-----");
  config.ca = good.ca + good.ca.substr(0, good.ca.size() / 2);
  CHECK(begins(what_is_wrong(config), "TLS: ca: certificate 2 is damaged: "));

  config = good;
  config.key = "moin";
  CHECK(what_is_wrong(config) ==
        "TLS: key: there is no private key; expected PEM, such as -----BEGIN PRIVATE KEY-----");
  config.key = good.key.substr(0, 60) + "AAAA" + good.key.substr(64);
  CHECK(begins(what_is_wrong(config), "TLS: key: the private key is damaged: "));
  config.key = authority.issue().key;
  CHECK(what_is_wrong(config) ==
        "TLS: key: the key does not belong to the certificate of certificate, CN=localhost");
  config.key.clear();
  CHECK(what_is_wrong(config) ==
        "TLS: certificate: there is no private key; expected PEM, such as -----BEGIN PRIVATE "
        "KEY-----");
  config.certificate += good.key;
  CHECK(what_is_wrong(config) == "");
  config.certificate.clear();
  config.key = good.key;
  CHECK(what_is_wrong(config) == "TLS: key: there is a key, but no certificate");

  config = good;
  config.client_certificate_optional = true;
  CHECK(what_is_wrong(config) ==
        "TLS: client_certificate_optional is set, but there is no client_ca");

  Says says;
  says.rsa_bits = 1'024;
  CHECK(begins(what_is_wrong(config_of(authority, says)),
               "TLS: certificate: the certificate cannot be used: ee key too small"));
}

TEST_CASE("an encrypted key needs its passphrase, and nobody is asked for it", "[tls]") {
  const Authority authority;
  Config config = config_of(authority);
  config.key = Authority::encrypted(config.key, "secret");
  CHECK(what_is_wrong(config) == "TLS: key: the key is encrypted; key_passphrase is missing");
  config.key_passphrase = "wrong";
  CHECK(what_is_wrong(config) == "TLS: key: key_passphrase does not fit the key");
  config.key_passphrase = "secret";
  CHECK(what_is_wrong(config) == "");
}

TEST_CASE("a wrong configuration is told where it is used", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  Config config = config_of(authority);
  config.key_file = "no/such.pem";
  config.key.clear();
  messi::tls::Network tls(loop, config);
  Server server(loop, "tls://localhost:6000");
  const absl::Status status = server.start();
  CHECK(status.code() == absl::StatusCode::kInvalidArgument);
  CHECK(status.message() ==
        "tls://localhost:6000: TLS: key_file \"no/such.pem\": No such file or directory");
  Client client(loop, "tls://localhost:6000");
  client.start();
  loop.run_until_idle();
  CHECK(client.stopped());
  CHECK(client.log == Log{"failed: tls://localhost:6000: TLS: key_file \"no/such.pem\": No such "
                          "file or directory"});

  CHECK(tls.reload(config_of(authority)).ok());
  CHECK(tls.status().ok());
  CHECK(server.start().ok());
}

TEST_CASE("a server without a certificate does not start, a client needs none", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  Config config;
  config.ca = authority.certificate();
  messi::tls::Network tls(loop, config);
  CHECK(tls.status().ok());
  Server server(loop, "tls://localhost:6000");
  CHECK(server.start().message() ==
        "tls://localhost:6000: a server needs a certificate, and the configuration has none");
}

TEST_CASE("a malformed URI is told with its own scheme", "[tls]") {
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(Authority()));
  for (const char* const uri : {"tls://localhost", "tls:localhost:1", "tls://:x", "tls://::1:5"}) {
    CAPTURE(uri);
    Server server(loop, uri);
    CHECK(server.start().code() == absl::StatusCode::kInvalidArgument);
    Client client(loop, uri);
    client.start();
    loop.run_until_idle();
    CHECK(client.stopped());
  }
}

TEST_CASE("reload reads the files again, for new connections only", "[tls]") {
  const Authority authority;
  const Identity first = authority.issue("first", "DNS:localhost");
  const Identity second = authority.issue("second", "DNS:localhost");
  File certificate("tls_reload.pem", first.certificate);
  File key("tls_reload_key.pem", first.key);
  Config config;
  config.ca = authority.certificate();
  config.certificate_file = certificate.path();
  config.key_file = key.path();

  ManualLoop loop;
  messi::tls::Network tls(loop, config);
  Server server(loop, "tls://localhost:6000");
  REQUIRE(server.start().ok());
  Client before(loop, "tls://localhost:6000");
  before.start();
  loop.run_until_idle();
  REQUIRE(before.connected());
  CHECK(before.peer_certificate()->subject == "CN=first");

  certificate.write(second.certificate);
  CHECK(tls.reload().message() ==
        "TLS: key_file \"tls_reload_key.pem\": the key does not belong to the certificate of "
        "certificate_file \"tls_reload.pem\", CN=second");
  CHECK(tls.status().ok());
  key.write(second.key);
  CHECK(tls.reload().ok());
  Client after(loop, "tls://localhost:6000");
  after.start();
  loop.run_until_idle();
  REQUIRE(after.connected());
  CHECK(after.peer_certificate()->subject == "CN=second");
  CHECK(before.connected());
  loop.advance(1min);
  CHECK(before.connected());
}

TEST_CASE("whom a reload does not trust any more cannot come back with an old session", "[tls]") {
  const Authority old_authority;
  const Authority authority("New CA");
  ManualLoop loop;
  messi::tls::Network client_network(loop, config_of(old_authority), "client", "tcp");
  messi::tls::Network server_network(loop, mutual_config_of(old_authority), "server", "tcp");
  Server server(loop, "server://localhost:6000");
  REQUIRE(server.start().ok());
  Client client(loop, "client://localhost:6000");
  client.start();
  loop.run_until_idle();
  REQUIRE(client.connected());

  Config config = config_of(old_authority);
  config.client_ca = authority.certificate();
  REQUIRE(server_network.reload(config).ok());
  CHECK(client.connected());
  loop.network().cut_all();
  loop.advance(1s);
  REQUIRE(server.has("handshake failed"));
  CHECK(server.log.back().find("the client's certificate has an unknown issuer: CN=Test CA") !=
        std::string::npos);
}

TEST_CASE("the name of a server may be given instead of the URI's", "[tls]") {
  const Authority authority;
  Says says;
  says.alternative_names = "DNS:chat.example.com";
  for (const std::string name : {"chat.example.com", "other.example.com"}) {
    ManualLoop loop;
    Config config = config_of(authority, says);
    config.server_name = name;
    messi::tls::Network tls(loop, config);
    Server server(loop, "tls://localhost:6000");
    REQUIRE(server.start().ok());
    Client client(loop, "tls://localhost:6000");
    client.start();
    loop.run_until_idle();
    CHECK(client.connected() == (name == "chat.example.com"));
  }
}

TEST_CASE("the host of a URI is a name, an address, or this machine", "[tls]") {
  const Authority authority;
  for (const char* const uri :
       {"tls://localhost:6000", "tls://LOCALHOST:6000", "tls://localhost.:6000",
        "tls://127.0.0.1:6000", "tls://[::1]:6000", "tls://[::1%1]:6000", "tls://:6000"}) {
    CAPTURE(uri);
    ManualLoop loop;
    messi::tls::Network tls(loop, config_of(authority));
    Server server(loop, "tls://:6000");
    REQUIRE(server.start().ok());
    Client client(loop, uri);
    client.start();
    loop.run_until_idle();
    CHECK(client.connected());
  }
  for (const char* const uri :
       {"tls://localhost.example.com:6000", "tls://127.0.0.2:6000", "tls://[::2]:6000"}) {
    CAPTURE(uri);
    ManualLoop loop;
    messi::tls::Network tls(loop, config_of(authority));
    Server server(loop, "tls://:6000");
    REQUIRE(server.start().ok());
    Client client(loop, uri);
    client.start();
    loop.run_until_idle();
    CHECK(client.has("failed"));
  }
}

TEST_CASE("TLS works over other networks, under other schemes, and twice", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  messi::tls::Network once(loop, config_of(authority), "secret", "memory");
  Config config = config_of(authority);
  config.server_name = "localhost";
  messi::tls::Network twice(loop, config, "top-secret", "secret");
  Server server(loop, "top-secret://localhost");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "top-secret://localhost");
  Client client(loop, "top-secret://localhost");
  client.start();
  loop.run_until_idle();
  CHECK(client.connected());
}

// Every way in which two sides cannot come to terms is told in words, on both sides.

#include <chrono>
#include <string>
#include <utility>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/tls/support.h"

using messi::test::Authority;
using messi::test::Client;
using messi::test::config_of;
using messi::test::Identity;
using messi::test::Log;
using messi::test::mutual_config_of;
using messi::test::Says;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using namespace std::chrono_literals;

namespace {

/// A client and a server with configurations of their own.
struct Two {
  Two(messi::tls::Config for_client, messi::tls::Config for_server,
      const std::string& uri = "client://localhost:6000")
      : client_network(loop, std::move(for_client), "client", "tcp"),
        server_network(loop, std::move(for_server), "server", "tcp"),
        server(loop, "server://localhost:6000"),
        client(loop, uri) {
    REQUIRE(server.start().ok());
    client.then = [this](const std::string& line) {
      if (line.find("disconnected") == 0) hint = client.disconnect_hint();
      if (line != "connected") client.stop_now();
    };
    client.start();
    loop.run_until_idle();
  }

  ManualLoop loop;
  messi::tls::Network client_network;
  messi::tls::Network server_network;
  Server server;
  Client client;
  std::string hint;
};

std::string why_client(const Two& two, const std::string& uri = "client://localhost:6000") {
  REQUIRE(two.client.log.size() == 1);
  const std::string begin = "failed: " + uri + ": ";
  REQUIRE(two.client.log[0].find(begin) == 0);
  return two.client.log[0].substr(begin.size());
}

std::string why_server(const Two& two) {
  REQUIRE(two.server.log.size() == 1);
  const std::string begin = "handshake failed memory:client-1: ";
  REQUIRE(two.server.log[0].find(begin) == 0);
  return two.server.log[0].substr(begin.size());
}

bool begins(const std::string& text, const std::string& begin) { return text.find(begin) == 0; }

}  // namespace

TEST_CASE("a server whose certificate has expired, or is of tomorrow", "[tls]") {
  const Authority authority;
  Says says;
  says.not_before = -7'200;
  says.not_after = -3'600;
  const Two expired(config_of(authority), config_of(authority, says));
  CHECK(begins(why_client(expired), "the server's certificate expired on "));
  CHECK(why_server(expired) == "the client refuses our certificate: it has expired");

  says.not_before = 3'600;
  says.not_after = 7'200;
  const Two early(config_of(authority), config_of(authority, says));
  CHECK(begins(why_client(early), "the server's certificate is not valid before "));
}

TEST_CASE("a server whose certificate comes from elsewhere", "[tls]") {
  const Authority authority;
  const Authority other("Other CA");
  const Two unknown(config_of(authority), config_of(other));
  CHECK(why_client(unknown) == "the server's certificate has an unknown issuer: CN=Other CA");
  CHECK(why_server(unknown) == "the client refuses our certificate: its issuer is unknown there");

  // The same with the whole chain.
  messi::tls::Config whole = config_of(other);
  whole.certificate += other.certificate();
  const Two chain(config_of(authority), whole);
  CHECK(why_client(chain) ==
        "the server's certificate comes from an authority that we do not trust: CN=Other CA");

  messi::tls::Config alone = config_of(authority);
  const Identity self = Authority::self_signed();
  alone.certificate = self.certificate;
  alone.key = self.key;
  const Two self_signed(config_of(authority), alone);
  CHECK(why_client(self_signed) ==
        "the server's certificate is self-signed, and not among those that we trust");
}

TEST_CASE("a server whose certificate is for another name, or for another purpose", "[tls]") {
  const Authority authority;
  Says says;
  says.alternative_names = "DNS:example.com,DNS:*.example.com,IP:10.0.0.1";
  const Two name(config_of(authority), config_of(authority, says));
  CHECK(why_client(name) ==
        "the server's certificate is for example.com, *.example.com, 10.0.0.1, not for localhost");
  const Two address(config_of(authority), config_of(authority, says), "client://127.0.0.1:6000");
  CHECK(why_client(address, "client://127.0.0.1:6000") ==
        "the server's certificate is for example.com, *.example.com, 10.0.0.1, not for 127.0.0.1");
  // The common name does not count.
  says.alternative_names = "";
  const Two common(config_of(authority), config_of(authority, says));
  CHECK(why_client(common) == "the server's certificate is for no host at all, not for localhost");

  says = {};
  says.purpose = "clientAuth";
  const Two purpose(config_of(authority), config_of(authority, says));
  CHECK(why_client(purpose) ==
        "the server's certificate is not meant for servers (extended key usage)");
}

TEST_CASE("a client without the certificate that the server demands", "[tls]") {
  const Authority authority;
  messi::tls::Config bare = config_of(authority);
  bare.certificate.clear();
  bare.key.clear();
  const Two two(bare, mutual_config_of(authority));
  // In TLS 1.3 the client is done before the server is.
  CHECK(two.client.log == Log{"connected", "disconnected: Connection closed."});
  CHECK(two.hint == "The server demands a certificate, and we have shown none.");
  CHECK(why_server(two) == "the client has shown no certificate");
}

TEST_CASE("a client whose certificate the server does not accept", "[tls]") {
  const Authority authority;
  const Authority other("Other CA");
  messi::tls::Config stranger = config_of(other);
  stranger.ca = authority.certificate();
  const Two unknown(stranger, mutual_config_of(authority));
  CHECK(unknown.client.log == Log{"connected", "disconnected: Connection closed."});
  CHECK(unknown.hint == "The server refuses our certificate: its issuer is unknown there.");
  CHECK(why_server(unknown) == "the client's certificate has an unknown issuer: CN=Other CA");

  Says says;
  says.not_before = -7'200;
  says.not_after = -3'600;
  const Two expired(config_of(authority, says), mutual_config_of(authority));
  CHECK(expired.hint == "The server refuses our certificate: it has expired.");
  CHECK(begins(why_server(expired), "the client's certificate expired on "));

  says = {};
  says.purpose = "serverAuth";
  const Two purpose(config_of(authority, says), mutual_config_of(authority));
  CHECK(why_server(purpose) ==
        "the client's certificate is not meant for clients (extended key usage)");
}

TEST_CASE("clients may come without a certificate where it is optional, but not with a bad one",
          "[tls]") {
  const Authority authority;
  messi::tls::Config server = mutual_config_of(authority);
  server.client_certificate_optional = true;
  messi::tls::Config bare = config_of(authority);
  bare.certificate.clear();
  bare.key.clear();
  Two without(bare, server);
  CHECK(without.client.connected());
  CHECK(without.server.find_client(1)->peer_certificate() == nullptr);
  Two with(config_of(authority), server);
  REQUIRE(with.client.connected());
  REQUIRE(with.server.find_client(1)->peer_certificate() != nullptr);
  CHECK(with.server.find_client(1)->peer_certificate()->subject == "CN=localhost");
  messi::tls::Config stranger = config_of(Authority("Other CA"));
  stranger.ca = authority.certificate();
  const Two bad(stranger, server);
  CHECK(why_server(bad) == "the client's certificate has an unknown issuer: CN=Other CA");
}

TEST_CASE("a TLS client that reaches a server without TLS, and the reverse", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(authority));
  Server plain(loop, "tcp://localhost:6000");
  REQUIRE(plain.start().ok());
  Client client(loop, "tls://localhost:6000");
  client.start();
  loop.run_until_idle();
  CHECK(client.log == Log{"failed: tls://localhost:6000: the server has closed the connection "
                          "during the handshake; does it speak TLS?"});
  CHECK(plain.log == Log{"1 connected", "1 disconnected: Protocol error."});

  Server secure(loop, "tls://localhost:7000");
  REQUIRE(secure.start().ok());
  Client open(loop, "tcp://localhost:7000");
  std::string hint;
  open.then = [&](const std::string& /*line*/) { hint = open.disconnect_hint(); };
  open.start();
  loop.run_until_idle();
  CHECK(open.log == Log{"connected", "disconnected: Protocol error."});
  CHECK(hint == "The peer seems to speak TLS.");
  CHECK(secure.log == Log{"handshake failed memory:client-2: the client does not speak TLS; it "
                          "speaks messi without TLS"});
}

TEST_CASE("a handshake that is too slow", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(authority));
  Server server(loop, "tls://localhost:6000");
  REQUIRE(server.start().ok());
  RawClient silent(loop, "tcp://localhost:6000");
  loop.advance(4'999ms);
  CHECK(server.log.empty());
  loop.advance(1ms);
  CHECK(server.log == Log{"handshake failed memory:client-1: the handshake took too long"});
  CHECK(silent->ended());

  RawServer stuck(loop, "tcp://localhost:7000");
  Client client(loop, "tls://localhost:7000");
  client.start();
  loop.advance(5s);
  CHECK(client.log == Log{"failed: tls://localhost:7000: cannot connect: no answer in time"});
}

TEST_CASE("a server that refuses a client says so, and ends in order", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  messi::tls::Network tls(loop, config_of(authority));
  messi::ServerOptions options;
  options.max_clients = 1;
  Server server(loop, "tls://localhost:6000", options);
  REQUIRE(server.start().ok());
  Client first(loop, "tls://localhost:6000");
  first.start();
  loop.run_until_idle();
  Client second(loop, "tls://localhost:6000");
  std::string hint;
  second.then = [&](const std::string& /*line*/) { hint = second.disconnect_hint(); };
  second.start();
  loop.run_until_idle();
  CHECK(second.log == Log{"connected", "disconnected: Too many clients."});
  CHECK(hint == "Too many clients.");
}

TEST_CASE("connections that are cut have a hint, others have none", "[tls]") {
  const Authority authority;
  for (const bool cut : {true, false}) {
    CAPTURE(cut);
    ManualLoop loop;
    messi::tls::Network tls(loop, config_of(authority));
    Server server(loop, "tls://localhost:6000");
    REQUIRE(server.start().ok());
    Client client(loop, "tls://localhost:6000");
    std::string hint = "?";
    client.then = [&](const std::string& /*line*/) { hint = client.disconnect_hint(); };
    client.start();
    loop.run_until_idle();
    REQUIRE(client.connected());
    if (cut) {
      loop.network().cut_all();
    } else {
      server.stop_now();
    }
    loop.run_until_idle();
    CHECK(client.count("disconnected: Connection closed.") == 1);
    CHECK(hint == (cut ? "The connection was cut off; the server did not end it." : ""));
  }
}

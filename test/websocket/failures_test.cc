// Every way in which there is no WebSocket, or none any more, is told in words on both sides.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "messi/io/websocket/accept_key.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "messi/tls.h"
#include "messi/websocket.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/support/chat.h"
#include "test/tls/support.h"
#include "test/websocket/support.h"

using messi::test::Authority;
using messi::test::Client;
using messi::test::closing;
using messi::test::config_of;
using messi::test::kAccepted;
using messi::test::Log;
using messi::test::masked_frame;
using messi::test::plain_frame;
using messi::test::request;
using messi::test::Server;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using messi::testing::RawServer;
using messi::websocket::accept_key;
using namespace std::chrono_literals;

namespace {

/// A server for WebSocket, and somebody who sends it bytes.
struct Guest {
  explicit Guest(messi::websocket::Options options = {})
      : ws(loop, std::move(options)),
        server(loop, "ws://localhost:6000"),
        client(loop, "tcp://localhost:6000") {
    REQUIRE(server.start().ok());
    loop.run_until_idle();
  }
  /// What the server answers.
  std::string tell(const std::string& bytes) {
    client->send(bytes);
    loop.run_until_idle();
    return client->take_received();
  }

  ManualLoop loop;
  messi::websocket::Network ws;
  Server server;
  RawClient client;
};

/// A client for WebSocket, and somebody who answers it with bytes.
struct Host {
  explicit Host(const std::string& answer)
      : ws(loop), server(loop, "tcp://localhost:6000"), client(loop, "ws://localhost:6000") {
    client.then = [this](const std::string& line) {
      if (line.find("disconnected") == 0) hint = client.disconnect_hint();
      if (line != "connected") client.stop_now();
    };
    client.start();
    loop.run_until_idle();
    server.last().send(answer);
    loop.run_until_idle();
  }

  ManualLoop loop;
  messi::websocket::Network ws;
  RawServer server;
  Client client;
  std::string hint;
};

}  // namespace

TEST_CASE("a browser or curl at the port of a server is told what this is", "[websocket]") {
  Guest guest;
  const std::string answer = guest.tell("GET / HTTP/1.1\r\nHost: localhost:6000\r\n\r\n");
  CHECK(answer.find("HTTP/1.1 426 Upgrade Required\r\n") == 0);
  CHECK(answer.find("\n\nThis is a server for clients that speak WebSocket") == std::string::npos);
  CHECK(guest.client->ended());
  CHECK(guest.server.log ==
        Log{"handshake failed memory:client-1: the client has not asked for a WebSocket, but for "
            "GET / HTTP/1.1"});
}

TEST_CASE("clients of messi that speak no WebSocket, or TLS, are told apart", "[websocket]") {
  ManualLoop loop;
  const Authority authority;
  const messi::tls::Network tls(loop, config_of(authority));
  const messi::websocket::Network ws(loop);
  const messi::websocket::Network wss(loop, {}, "wss", "tls");
  const auto attempt = [&](const std::string& of_server, const std::string& of_client) {
    Server server(loop, of_server + "://localhost:6000");
    REQUIRE(server.start().ok());
    Client client(loop, of_client + "://localhost:6000");
    client.then = [&](const std::string& /*line*/) { client.stop_now(); };
    client.start();
    loop.run_until_idle();
    std::vector<std::string> both = {client.log.at(0)};
    if (!server.log.empty()) both.push_back(server.log[0]);
    return both;
  };
  const std::string failed = "handshake failed memory:client-";
  CHECK(attempt("ws", "tcp")
            .at(1)
            .find("the client does not speak WebSocket; it speaks messi "
                  "without WebSocket") != std::string::npos);
  CHECK(attempt("ws", "tls").at(1).find("the client does not speak WebSocket; it speaks TLS") !=
        std::string::npos);
  CHECK(attempt("tls", "ws") ==
        std::vector<std::string>{
            "failed: ws://localhost:6000: the server does not speak WebSocket; it speaks TLS",
            failed + "3: the client does not speak TLS; it speaks HTTP"});
  CHECK(attempt("tcp", "ws").at(0) ==
        "failed: ws://localhost:6000: the server has closed the connection during the handshake; "
        "does it speak WebSocket?");
  CHECK(attempt("ws", "wss").at(0).find("does it speak TLS?") != std::string::npos);
}

TEST_CASE("a server of HTTP that makes no WebSocket is an attempt that failed", "[websocket]") {
  const Host host("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
  CHECK(host.client.log ==
        Log{"failed: ws://localhost:6000: the server has not made a WebSocket, but answered 404 "
            "Not Found"});
}

TEST_CASE("a server that answers nothing is an attempt that took too long", "[websocket]") {
  Host host("");
  CHECK(host.client.log.empty());
  host.loop.advance(1min);
  CHECK(host.client.count("failed") == 1);
}

TEST_CASE("who takes too long for the upgrade goes", "[websocket]") {
  Guest guest;
  guest.tell("GET / HTTP/1.1\r\n");
  for (int i = 0; i < 10; ++i) {
    guest.loop.advance(490ms);
    guest.tell("X: y\r\n");
  }
  CHECK_FALSE(guest.client->ended());
  guest.loop.advance(200ms);
  CHECK(guest.client->ended());
  CHECK(guest.server.log == Log{"handshake failed memory:client-1: the handshake took too long"});
}

TEST_CASE("a page of another origin gets a close frame, and is no client", "[websocket]") {
  Guest guest({{"https://app.example"}});
  const std::string answer = guest.tell(request("/", "Origin: https://evil.example\r\n"));
  CHECK(answer ==
        std::string(kAccepted) + plain_frame(0x88, closing(1008,
                                                           "This server does not "
                                                           "allow pages of this origin.")));
  CHECK(guest.client->ended());
  CHECK(guest.server.log == Log{"handshake failed memory:client-1: the client is a page of an "
                                "origin that is not allowed: https://evil.example"});

  Guest welcome({{"https://app.example"}});
  CHECK(welcome.tell(request("/", "Origin: https://app.example\r\n")) == kAccepted);
  CHECK(welcome.server.client_count() == 1);
}

TEST_CASE("a client that breaks the rules of WebSocket hears which, and so does the server",
          "[websocket]") {
  Guest guest;
  CHECK(guest.tell(request() + masked_frame(0x89, "ping")) ==
        std::string(kAccepted) + plain_frame(0x8a, "ping"));
  CHECK(guest.server.client_count() == 1);
  CHECK(guest.tell(masked_frame(0x81, "text")) ==
        plain_frame(0x88, closing(1003, "a message is text")));
  CHECK(guest.client->ended());
  CHECK(guest.server.log.back() == "1 disconnected: Connection closed.");

  Guest plain;
  plain.tell(request());
  CHECK(plain.tell(plain_frame(0x82, "x")) ==
        plain_frame(0x88, closing(1002, "a frame is not masked")));
  CHECK(plain.client->ended());
}

TEST_CASE("why a server has closed the WebSocket is the hint", "[websocket]") {
  const auto hint_after = [](const std::string& bytes) {
    Host host("");
    const std::string request = host.server.last().received();
    const std::string field = "Sec-WebSocket-Key: ";
    const std::string key = request.substr(request.find(field) + field.size(), 24);
    std::string answer(kAccepted);
    host.server.last().send(answer.replace(answer.find("s3pP"), 28, accept_key(key)) + bytes);
    host.loop.run_until_idle();
    REQUIRE(host.client.connected() == bytes.empty());
    if (bytes.empty()) host.server.last().close();
    host.loop.run_until_idle();
    CHECK(host.client.log == Log{"connected", "disconnected: Connection closed."});
    return host.hint;
  };
  CHECK(hint_after(plain_frame(0x88, closing(1008, "no \x1b pets"))) ==
        "Closed by the server with code 1008: no ? pets");
  CHECK(hint_after(plain_frame(0x88, closing(1000))).empty());
  CHECK(hint_after(plain_frame(0x88, closing(1001, "bye"))).empty());
  CHECK(hint_after(plain_frame(0x81, "text")) ==
        "Not the WebSocket that we speak: a message is text.");
  CHECK(hint_after("") == "The connection was cut off; the server did not end it.");
}

TEST_CASE("URIs of WebSocket that can never work are refused in words", "[websocket]") {
  ManualLoop loop;
  const messi::websocket::Network ws(loop);
  const auto why = [&](const std::string& uri) {
    Client client(loop, uri);
    client.start();
    loop.run_until_idle();
    return client.log.empty() ? "" : client.log.at(0);
  };
  CHECK(why("ws://localhost:6000/ x") ==
        "failed: \"ws://localhost:6000/ x\": there is a character in it that does not belong "
        "there; expected ws://<host>:<port>/<path>");
  Server server(loop, "ws://localhost:6000/chat?x");
  const auto status = server.start();
  CHECK(status.message() ==
        "\"ws://localhost:6000/chat?x\": a server's path has no query, which clients may add");
}

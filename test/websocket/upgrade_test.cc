// The handshake: what a server accepts and answers, and what a client accepts.

#include "messi/io/websocket/upgrade.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/websocket/accept_key.h"
#include "messi/io/websocket/client_upgrade.h"
#include "messi/io/websocket/options.h"
#include "messi/io/websocket/origin.h"
#include "messi/io/websocket/server_upgrade.h"
#include "messi/io/websocket/sha1.h"
#include "messi/io/websocket/target.h"
#include "test/catch.h"
#include "test/websocket/support.h"

using messi::Status;
using messi::test::closing;
using messi::test::kAccepted;
using messi::test::plain_frame;
using messi::test::request;
using messi::websocket::accept_key;
using messi::websocket::base64;
using messi::websocket::ClientUpgrade;
using messi::websocket::is_key;
using messi::websocket::is_same_host;
using messi::websocket::Options;
using messi::websocket::ServerUpgrade;
using messi::websocket::Target;
using messi::websocket::Upgrade;

namespace {

std::string hex_of_sha1(std::string_view text) {
  std::string hex;
  for (const std::uint8_t byte : messi::websocket::sha1(text)) {
    char digits[3];
    std::snprintf(digits, sizeof(digits), "%02x", static_cast<unsigned>(byte));
    hex += digits;
  }
  return hex;
}

/// What becomes of some bytes: "" is a WebSocket, "?" is no decision yet.
std::string why(const Upgrade& upgrade) {
  return upgrade.outcome() ? upgrade.outcome()->message() : "?";
}

const Options& options() {
  static const Options result{{"https://app.example", "null"}};
  return result;
}

/// What a server at /chat says to a request, and why.
struct Answer {
  explicit Answer(const std::string& request) {
    ServerUpgrade server("/chat", options());
    server.take(request);
    reason = why(server);
    text = server.output();
  }
  std::string status() const { return text.substr(0, text.find("\r\n")); }

  std::string reason;
  std::string text;
};

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), by);
}

const std::string& good() {
  static const std::string result = request("/chat");
  return result;
}

constexpr std::string_view kNonce = "the sample nonce";

std::string why_client(const std::string& answer) {
  ClientUpgrade client(Target(), kNonce);
  client.take(answer);
  return why(client);
}

}  // namespace

TEST_CASE("SHA-1 and base64 are those of their RFCs", "[websocket]") {
  CHECK(hex_of_sha1("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex_of_sha1("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex_of_sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex_of_sha1(std::string(1'000'000, 'a')) == "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
  CHECK(hex_of_sha1(std::string(640, 'a')).size() == 40);

  CHECK(base64("").empty());
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xfb\xff\xfe") == "+//+");
}

TEST_CASE("the key of RFC 6455 is accepted as there", "[websocket]") {
  CHECK(base64(kNonce) == "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK_FALSE(is_key("dGhlIHNhbXBsZSBub25jZQ="));
  CHECK_FALSE(is_key("dGhlIHNhbXBsZSBub25jZQAA"));
  CHECK_FALSE(is_key("dGhlIHNhbXBsZSBub25jZ==="));
  CHECK_FALSE(is_key("dGhlIHNhbXBsZ-Bub25jZQ=="));
}

TEST_CASE("a request is accepted, wherever it is cut, and what follows is kept", "[websocket]") {
  const std::string bytes = good() + "frames";
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    ServerUpgrade server("/chat", options());
    server.take(bytes.substr(0, cut));
    if (cut < good().size()) {
      REQUIRE(why(server) == "?");
      server.take(bytes.substr(cut));
      REQUIRE(server.take_rest() == "frames");
    }
    REQUIRE(why(server).empty());
    REQUIRE(server.output() == kAccepted);
  }
  // Names and words in any case, in lists, and with the query and the fields that browsers add.
  CHECK(Answer("GET /chat?user=erik HTTP/1.1\r\nhost:\tlocalhost\r\nUPGRADE: h2c, WebSocket\r\n"
               "connection: keep-alive\r\nConnection: ,x , upgrade\r\nAccept-Language: de\r\n"
               "sec-websocket-key:dGhlIHNhbXBsZSBub25jZQ== \r\nsec-websocket-version: 13\r\n"
               "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
            .text == kAccepted);
}

TEST_CASE("the subprotocol is chosen if it is offered", "[websocket]") {
  const std::string chosen = "\r\nSec-WebSocket-Protocol: messi.v1\r\n\r\n";
  for (const std::string offer : {"messi.v1", "mqtt, messi.v1", "messi.v2,messi.v1,x"}) {
    const Answer answer(request("/chat", "Sec-WebSocket-Protocol: " + offer + "\r\n"));
    CHECK(answer.reason.empty());
    CHECK(answer.text.substr(answer.text.size() - chosen.size()) == chosen);
  }
  CHECK(Answer(request("/chat", "Sec-WebSocket-Protocol: mqtt\r\n")).text == kAccepted);
}

TEST_CASE("a request that is not for a WebSocket is told what this is", "[websocket]") {
  const Answer page("GET /chat HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl\r\n\r\n");
  CHECK(page.status() == "HTTP/1.1 426 Upgrade Required");
  CHECK(page.reason == "the client has not asked for a WebSocket, but for GET /chat HTTP/1.1");
  CHECK(page.text.find("\r\nConnection: Upgrade, close\r\n") != std::string::npos);
  CHECK(page.text.find("This is a server for clients that speak WebSocket") != std::string::npos);
  const std::size_t body = page.text.find("\r\n\r\n") + 4;
  CHECK(page.text.find("\r\nContent-Length: " + std::to_string(page.text.size() - body) + "\r\n") !=
        std::string::npos);

  for (const std::string field : {"Upgrade: websocket", "Connection: Upgrade"}) {
    CHECK(Answer(replaced(good(), field, "X: x")).status() == "HTTP/1.1 426 Upgrade Required");
  }
  CHECK(Answer(replaced(good(), "GET", "POST")).status() == "HTTP/1.1 426 Upgrade Required");
  const Answer version(replaced(good(), "Version: 13", "Version: 8"));
  CHECK(version.status() == "HTTP/1.1 426 Upgrade Required");
  CHECK(version.text.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(version.reason == "the client's WebSocket is not of version 13");

  for (const std::string path : {"/", "/cha", "/chat/", "/chat%20", "http://localhost/chat"}) {
    const Answer elsewhere(request(path));
    CHECK(elsewhere.status() == "HTTP/1.1 404 Not Found");
    CHECK(elsewhere.reason == "the client has asked for the path " + path + ", and not for /chat");
  }
  const Answer control(request("/\xc3\xa9" + std::string(200, 'x')));
  CHECK(control.reason.size() < 200);
}

TEST_CASE("requests that are malformed, or not quite those of RFC 6455, are refused",
          "[websocket]") {
  const auto refused = [](const std::string& bytes) {
    const Answer answer(bytes);
    CHECK(answer.status() == "HTTP/1.1 400 Bad Request");
    return answer.reason;
  };
  const std::string malformed = "the client's request is malformed";
  CHECK(refused(replaced(good(), "\r\nUpgrade", "\nUpgrade")) == malformed);
  CHECK(refused(replaced(good(), "\r\nUpgrade", "\r\n Upgrade")) == malformed);
  CHECK(refused(replaced(good(), "Upgrade:", "Upgrade :")) == malformed);
  CHECK(refused(replaced(good(), "Upgrade:", ":")) == malformed);
  CHECK(refused(replaced(good(), "Upgrade: websocket", "Upgrade")) == malformed);
  CHECK(refused(replaced(good(), "localhost", std::string("local\0host", 10))) == malformed);
  CHECK(refused(replaced(good(), "localhost", "local\rhost")) == malformed);
  CHECK(refused(replaced(good(), " HTTP/1.1", " HTTP/1.0")) ==
        "the client's request is not HTTP/1.1");
  CHECK(refused("GET\r\n\r\n") == "the client's request is not HTTP/1.1");
  CHECK(refused(replaced(good(), "Host: localhost:6000\r\n", "")) ==
        "the client's request names no host");
  CHECK(refused(request("/chat", "Host: other\r\n")) == "the client's request names no host");
  CHECK(refused(request("/chat", "Content-Length: 1\r\n")) == "the client's request has a body");
  CHECK(refused(request("/chat", "Transfer-Encoding: chunked\r\n")) ==
        "the client's request has a body");
  const std::string key = "the client's key is not 16 bytes in base64";
  CHECK(refused(replaced(good(), "dGhl", "dGh")) == key);
  CHECK(refused(request("/chat", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n")) == key);
}

TEST_CASE("a request may take 8 KiB, and no more", "[websocket]") {
  const std::string field = "X: ";
  const std::size_t left = Upgrade::kMostHead - good().size() - field.size() - 2;
  CHECK(Answer(request("/chat", field + std::string(left, 'x') + "\r\n")).reason.empty());
  const Answer longer(request("/chat", field + std::string(left + 1, 'x') + "\r\n"));
  CHECK(longer.status() == "HTTP/1.1 431 Request Header Fields Too Large");
  CHECK(longer.reason == "the client's request is longer than 8 KiB");
  // It need not end for that.
  CHECK(Answer("GET /" + std::string(Upgrade::kMostHead, 'x')).reason == longer.reason);
}

TEST_CASE("who does not speak HTTP gets no answer", "[websocket]") {
  const Answer tls(std::string("\x16\x03\x01\x00\xf0", 5));
  CHECK(tls.reason == "the client does not speak WebSocket; it speaks TLS");
  CHECK(tls.text.empty());
  CHECK(Answer(std::string("\x03\0\0\0", 4)).reason ==
        "the client does not speak WebSocket; it speaks messi without WebSocket");
  CHECK(Answer("hello").reason == "the client does not speak WebSocket; it speaks something else");
}

TEST_CASE("pages of other origins are refused in the WebSocket, where their scripts see it",
          "[websocket]") {
  const auto with = [](const std::string& origin) {
    return Answer(request("/chat", "Origin: " + origin + "\r\n"));
  };
  for (const std::string origin :
       {"http://localhost:6000", "https://LOCALHOST:6000", "https://app.example", "null"}) {
    CAPTURE(origin);
    CHECK(with(origin).reason.empty());
    CHECK(with(origin).text == kAccepted);
  }
  const std::string refused =
      std::string(kAccepted) +
      plain_frame(0x88, closing(1008, "This server does not allow pages of this origin."));
  for (const std::string origin :
       {"http://localhost", "http://localhost:60000", "http://evil.example",
        "file://localhost:6000", "http://app.example", "https://app.example.evil", "",
        "localhost:6000", "http://localhost:6000\r\nOrigin: http://evil.example"}) {
    CAPTURE(origin);
    CHECK(with(origin).reason.find("the client is a page of an origin that is not allowed: ") == 0);
    CHECK(with(origin).text == refused);
  }
  CHECK(is_same_host("https://example.com", "example.com:443"));
  CHECK(is_same_host("https://example.com:443", "example.com"));
  CHECK(is_same_host("http://example.com", "Example.com:80"));
  CHECK_FALSE(is_same_host("http://example.com", "example.com:443"));
  CHECK(is_same_host("http://[::1]:80", "[::1]"));
}

TEST_CASE("a client asks for the path and the host of its URI", "[websocket]") {
  const auto asked = [](const std::string& uri) {
    const ClientUpgrade client(*Target::parse(uri), kNonce);
    const std::string text(client.output());
    return text.substr(0, text.find("\r\nUpgrade"));
  };
  CHECK(asked("ws://example.com:6000") == "GET / HTTP/1.1\r\nHost: example.com:6000");
  CHECK(asked("wss://example.com:443/a/b?c=d&e") ==
        "GET /a/b?c=d&e HTTP/1.1\r\nHost: example.com:443");
  CHECK(asked("ws://[fe80::1%eth0]:80/x") == "GET /x HTTP/1.1\r\nHost: [fe80::1]:80");
  CHECK(asked("ws://:6000") == "GET / HTTP/1.1\r\nHost: localhost:6000");
  CHECK(asked("local:///run/chat.sock") == "GET / HTTP/1.1\r\nHost: localhost");
  CHECK(asked("local:chat") == "GET / HTTP/1.1\r\nHost: localhost");
  for (const std::string uri :
       {"ws://a:1/ b", "ws://a:1/#b", "ws://a:1/\r\nX: y", "ws://a:1/\xc3\xa9"}) {
    CHECK_FALSE(Target::parse(uri).ok());
  }
  CHECK(Target::path_in("ws://a:1/b") == "/b");
  CHECK(Target::path_in("ws://[::1]/b").empty());
  CHECK(Target::path_in("ws://[::1]:1/b") == "/b");
}

TEST_CASE("a client's request is what a server accepts", "[websocket]") {
  ClientUpgrade client(*Target::parse("ws://localhost:6000/chat"), kNonce);
  ServerUpgrade server("/chat", options());
  server.take(client.output());
  CHECK(why(server).empty());
  const std::string answer = std::string(server.output()) + "frames";
  for (std::size_t cut = 1; cut < answer.size(); ++cut) {
    ClientUpgrade again(Target(), kNonce);
    again.take(answer.substr(0, cut));
    if (!again.outcome()) again.take(answer.substr(cut));
    REQUIRE(why(again).empty());
  }
}

TEST_CASE("a client says what it got instead of a WebSocket", "[websocket]") {
  const std::string good_answer(kAccepted);
  CHECK(why_client(good_answer).empty());
  CHECK(why_client(replaced(good_answer, "s3pP", "s3pQ")) ==
        "the server's Sec-WebSocket-Accept does not belong to our key");
  CHECK(why_client(replaced(good_answer, "Sec-WebSocket-Accept", "X")) ==
        "the server's Sec-WebSocket-Accept does not belong to our key");
  CHECK(why_client(replaced(good_answer, "Upgrade: websocket", "Upgrade: h2c")) ==
        "the server has changed to another protocol than WebSocket");
  CHECK(why_client(replaced(good_answer, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x\r\n\r\n")) ==
        "the server uses an extension, and we have offered none");
  CHECK(why_client(replaced(good_answer, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: x\r\n\r\n")) ==
        "the server has chosen a subprotocol that we have not offered");
  CHECK(why_client(replaced(good_answer, "\r\nUpgrade", "\r\n Upgrade")) ==
        "the server's answer is malformed");
  CHECK(why_client("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nNo.\r\n") ==
        "the server has not made a WebSocket, but answered 404 Not Found");
  CHECK(why_client("HTTP/1.1 302 \x1b[1m\r\n\r\n") == "the server's answer is malformed");
  CHECK(why_client("HTTP/1.1 \r\n\r\n") == "the server has not made a WebSocket, but answered ");
  CHECK(why_client("HTTP/1.0 200 OK\r\n\r\n") == "the server does not speak HTTP/1.1");
  CHECK(why_client("HTTP/1.1 200 " + std::string(Upgrade::kMostHead, 'x')) ==
        "the server's answer is longer than 8 KiB");
  CHECK(why_client(std::string("\x15\x03\x01\x00\x02", 5)) ==
        "the server does not speak WebSocket; it speaks TLS");
  CHECK(why_client("220 mail ready\r\n") ==
        "the server does not speak WebSocket; it speaks something else");
}

TEST_CASE("random bytes make no WebSocket", "[websocket]") {
  std::mt19937 random(1);
  for (int round = 0; round < 5'000; ++round) {
    ServerUpgrade server("/chat", options());
    ClientUpgrade client(Target(), kNonce);
    std::string for_server = good();
    std::string for_client(kAccepted);
    for (std::string* const text : {&for_server, &for_client}) {
      // At a place that matters: not in the value of Host.
      std::string changed = *text;
      for (std::size_t count = 1 + random() % 5; count > 0; --count) {
        changed[random() % changed.size()] = static_cast<char>(random());
      }
      *text = changed.substr(0, random() % 4 == 0 ? random() % changed.size() : changed.size());
    }
    for (std::size_t at = 0; at < for_server.size() && !server.outcome(); at += 50) {
      server.take(for_server.substr(at, 50));
    }
    for (std::size_t at = 0; at < for_client.size() && !client.outcome(); at += 50) {
      client.take(for_client.substr(at, 50));
    }
    if (server.outcome() && server.outcome()->ok()) {
      REQUIRE(for_server.find("/chat") == 4);
    }
    if (client.outcome() && client.outcome()->ok()) {
      REQUIRE(for_client.find("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") != std::string::npos);
    }
  }
}

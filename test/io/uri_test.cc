#include "messi/io/uri.h"

#include <string>
#include <string_view>

#include "messi/io/epoll_loop.h"
#include "messi/io/socket_uri.h"
#include "test/catch.h"
#include "test/io/attempt.h"
#include "test/support/chat.h"

using messi::split_uri;
using messi::io::SocketUri;

TEST_CASE("a URI is a scheme and what that makes of the rest", "[io]") {
  CHECK(split_uri("tcp://host:5000").scheme == "tcp");
  CHECK(split_uri("tcp://host:5000").rest == "//host:5000");
  CHECK(split_uri("systemd:").scheme == "systemd");
  CHECK(split_uri("systemd:").rest.empty());
  CHECK(split_uri("nonsense").scheme.empty());
  CHECK(split_uri("nonsense").rest == "nonsense");
  CHECK(split_uri("").rest.empty());
}

TEST_CASE("a TCP URI is a host and a port", "[io]") {
  struct Case {
    std::string_view uri;
    std::string host;
    int port;
  };
  const Case cases[] = {
      {"tcp://127.0.0.1:6000", "127.0.0.1", 6000},
      {"tcp://:6000", "", 6000},
      {"tcp://localhost:0", "localhost", 0},
      {"tcp://[::1]:65535", "::1", 65535},
      {"tcp://[fe80::1%eth0]:1", "fe80::1%eth0", 1},
      {"tcp://example.org:00080", "example.org", 80},
      {"tcp://a-very-long-host-name.with.many.parts.example.com:1",
       "a-very-long-host-name.with.many.parts.example.com", 1},
  };
  for (const Case& each : cases) {
    CAPTURE(std::string(each.uri));
    const auto uri = SocketUri::parse(each.uri);
    REQUIRE(uri.ok());
    CHECK(uri->scheme == SocketUri::Scheme::kTcp);
    CHECK(uri->host == each.host);
    CHECK(uri->port == each.port);
  }
}

TEST_CASE("a Unix URI is a path", "[io]") {
  CHECK(SocketUri::parse("unix:///run/chat.sock")->path == "/run/chat.sock");
  CHECK(SocketUri::parse("unix://chat.sock")->path == "chat.sock");
  CHECK(SocketUri::parse("unix:///with spaces and:colons")->path == "/with spaces and:colons");
  CHECK(SocketUri::parse("unix://" + std::string(107, 'x'))->path.size() == 107);
}

TEST_CASE("a name for a Unix socket without a file, and one of systemd's", "[io]") {
  CHECK(SocketUri::parse("unix-abstract:chat")->scheme == SocketUri::Scheme::kUnixAbstract);
  CHECK(SocketUri::parse("unix-abstract:chat")->path == "chat");
  CHECK(SocketUri::parse("unix-abstract:" + std::string(107, 'x'))->path.size() == 107);
  CHECK(SocketUri::parse("systemd:chat")->scheme == SocketUri::Scheme::kSystemd);
  CHECK(SocketUri::parse("systemd:chat")->path == "chat");
  CHECK(SocketUri::parse("systemd:")->path == "");
}

TEST_CASE(
    "a URI of the wrong form is refused with what was given, what is wrong and what was expected",
    "[io]") {
  struct Case {
    std::string uri;
    std::string_view what;
  };
  const Case cases[] = {
      {"tcp:/127.0.0.1:6000", "there is no // behind the scheme"},
      {"unix:/run/chat", "there is no // behind the scheme"},
      {"tcp://", "the port is missing"},
      {"tcp://127.0.0.1", "the port is missing"},
      {"tcp://127.0.0.1:", "the port is missing"},
      {"tcp://127.0.0.1:x", "the port is not a number"},
      {"tcp://127.0.0.1:60 00", "the port is not a number"},
      {"tcp://127.0.0.1:-1", "the port is not a number"},
      {"tcp://127.0.0.1:+1", "the port is not a number"},
      {"tcp://127.0.0.1:6000/", "the port is not a number"},
      {"tcp://127.0.0.1:65536", "the port is larger than 65535"},
      {"tcp://127.0.0.1:96537", "the port is larger than 65535"},
      {"tcp://127.0.0.1:99999999999999999999", "the port is larger than 65535"},
      {"tcp://::1:6000", "an IPv6 address must be in brackets"},
      {"tcp://[::1:6000", "an address in brackets must be [<IPv6 address>]"},
      {"tcp://[]:6000", "an address in brackets must be [<IPv6 address>]"},
      {"tcp://user@host:6000", "there is a character in the host that does not belong there"},
      {"tcp://ho st:6000", "there is a character in the host that does not belong there"},
      {std::string("tcp://host\0:6000", 16), "there is a NUL byte in it"},
      {"tcp://host/path:6000", "there is a character in the host that does not belong there"},
      {"tcp://1:2:3", "an IPv6 address must be in brackets"},
      {"unix://", "the path is missing"},
      {std::string("unix://a\0b", 10), "there is a NUL byte in it"},
      {"unix://" + std::string(108, 'x'), "the path is longer than 107 bytes"},
      {"unix-abstract:", "the name is missing"},
      {"unix-abstract:" + std::string(108, 'x'), "the name is longer than 107 bytes"},
  };
  for (const Case& each : cases) {
    CAPTURE(each.uri);
    const auto uri = SocketUri::parse(each.uri);
    REQUIRE_FALSE(uri.ok());
    CHECK(uri.status().code() == messi::StatusCode::kInvalidArgument);
    CHECK(uri.status().message() == "\"" + each.uri + "\": " + std::string(each.what) +
                                        "; expected tcp://<host>:<port> or unix://<path>");
  }
}

TEST_CASE("who names a scheme that nobody knows is told of those that are known", "[io]") {
  messi::EpollLoop loop;
  for (const std::string uri :
       {"", "127.0.0.1:6000", "udp://127.0.0.1:6000", "TCP://127.0.0.1:6000", ":", "nonsense"}) {
    CAPTURE(uri);
    const messi::test::Attempt attempt(loop, uri);
    CHECK_FALSE(attempt.ended());
    CHECK(messi::test::run_until(loop, [&] { return attempt.ended(); }));
    CHECK(attempt.failure().code() == messi::StatusCode::kInvalidArgument);
    const std::string expected = "\"" + uri +
                                 "\": the scheme is unknown; expected tcp://<host>:<port>, "
                                 "unix://<path>, unix-abstract:<name> or systemd:<name>";
    CHECK(attempt.failure().message() == expected);
    messi::test::Server server(loop, uri);
    CHECK(std::string(server.start().message()) == expected);
  }
}

TEST_CASE("a server's start and a client's connect failure tell of a wrong URI", "[io]") {
  messi::EpollLoop loop;
  messi::test::Server server(loop, "tcp://127.0.0.1");
  CHECK(server.start().code() == absl::StatusCode::kInvalidArgument);

  for (const std::string uri : {"tcp://127.0.0.1", "tcp://127.0.0.1:0", "systemd:", "nonsense"}) {
    messi::test::Client client(loop, uri);
    client.start();
    while (client.log.empty()) loop.poll(std::chrono::milliseconds(100));
    CHECK(client.last_failure.code() == absl::StatusCode::kInvalidArgument);
    CHECK(std::string(client.last_failure.message()).find("\"" + uri + "\"") == 0);
  }
}

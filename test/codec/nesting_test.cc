// Messages may be nested as deeply as libprotobuf, and so Python, has it for the wrapper message:
// 100 levels below it.

#include <string>

#include "absl/status/status.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "nesting.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"

using messi::test::frame;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::string_literals;

namespace {

std::string field(char tag, const std::string& value) {
  std::string size;
  std::size_t rest = value.size();
  for (; rest >= 0x80; rest >>= 7) size += static_cast<char>(rest | 0x80);
  return tag + (size + static_cast<char>(rest)) + value;
}

/// A payload of `levels` messages in each other, the wrapper among them.
std::string payload(int levels, const std::string& innermost) {
  std::string bytes = innermost;
  for (int i = 1; i < levels; ++i) bytes = field('\x0a', bytes);
  return bytes;
}

class Server : public nesting::NestingServer {
 public:
  using NestingServer::NestingServer;
  int received = 0;
  void on_chain(Client& /*client*/, const nesting::Chain& /*message*/) override { ++received; }
};

class Client : public nesting::NestingClient {
 public:
  using NestingClient::NestingClient;
  int received = 0;
  void on_chain(const nesting::Chain& /*message*/) override { ++received; }
};

bool is_accepted(const std::string& payload, int max_decode_depth = 100) {
  ManualLoop loop;
  messi::ServerOptions options;
  options.max_decode_depth = max_decode_depth;
  Server server(loop, "tcp://:6000", options);
  REQUIRE(server.start().ok());
  RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  client->send(frame(1, payload));
  loop.run_until_idle();
  CHECK(client->ended() == (server.received == 0));

  nesting::ClientToServer wrapper;
  if (max_decode_depth == 100) CHECK(wrapper.ParseFromString(payload) == (server.received == 1));
  return server.received == 1;
}

}  // namespace

TEST_CASE("as many levels of messages are accepted as in a wrapper message", "[codec]") {
  const std::string padding = field('\x1a', std::string(300, 'x'));
  for (const std::string& innermost : {""s, padding}) {
    CHECK(is_accepted(payload(100, innermost)));
    CHECK(is_accepted(payload(101, innermost)));
    CHECK_FALSE(is_accepted(payload(102, innermost)));
    CHECK_FALSE(is_accepted(payload(1000, innermost)));
  }
}

TEST_CASE("groups are levels too, known or not", "[codec]") {
  const auto with_groups = [](int count, char begin, char end) {
    return field('\x0a', std::string(static_cast<std::size_t>(count), begin) +
                             std::string(static_cast<std::size_t>(count), end));
  };
  // Group 15 is unknown.
  CHECK(is_accepted(with_groups(99, '\x7b', '\x7c')));
  CHECK_FALSE(is_accepted(with_groups(100, '\x7b', '\x7c')));
  const auto known = [](int levels, const std::string& more) {
    std::string bytes = more;
    for (int i = 0; i < levels; i += 2) bytes = '\x13' + field('\x0a', bytes) + '\x14';
    return field('\x0a', bytes);
  };
  CHECK(is_accepted(known(98, "")));
  CHECK_FALSE(is_accepted(known(100, "")));
  CHECK(is_accepted(known(98, "\x13\x14")));
}

TEST_CASE("how deep messages may be nested is an option", "[codec]") {
  const std::string padding = field('\x1a', std::string(300, 'x'));
  for (const int depth : {1, 2, 50, 99, 101, 150, 1000}) {
    CAPTURE(depth);
    for (const std::string& innermost : {""s, padding}) {
      CHECK(is_accepted(payload(depth + 1, innermost), depth));
      CHECK_FALSE(is_accepted(payload(depth + 2, innermost), depth));
    }
  }
}

TEST_CASE("payloads of unusual forms have the same depth", "[codec]") {
  // Two members, of which the last wins, and an unknown field.
  const auto unusual = [](int levels) {
    return payload(2, "") + payload(levels, "") + "\xa0\x06\x01";
  };
  for (const int depth : {1, 20, 100, 150}) {
    CAPTURE(depth);
    CHECK(is_accepted(unusual(depth + 1), depth));
    CHECK_FALSE(is_accepted(unusual(depth + 2), depth));
  }
}

TEST_CASE("a client has the option too", "[codec]") {
  ManualLoop loop;
  messi::testing::RawServer server(loop, "tcp://:6000");
  for (const int depth : {10, 9}) {
    messi::ClientOptions options;
    options.max_decode_depth = depth;
    Client client(loop, "tcp://localhost:6000", options);
    client.start();
    loop.run_until_idle();
    server.last().send(frame(2, payload(11, "")));
    loop.run_until_idle();
    CHECK(client.received == (depth == 10 ? 1 : 0));
    CHECK(client.connected() == (depth == 10));
  }
}

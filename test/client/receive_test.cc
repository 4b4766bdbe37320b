#include <chrono>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::Client;
using messi::test::frame;
using messi::test::from_server;
using messi::test::header;
using messi::test::kPong;
using messi::test::Log;
using messi::test::message;
using messi::test::pattern;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

/// A connected client and the server's end of its connection.
struct Pair {
  explicit Pair(const messi::ClientOptions& options = {})
      : server(loop, "tcp://:6000"), client(loop, "tcp://localhost:6000", options) {
    client.start();
    loop.run_until_idle();
    client.log.clear();
  }
  void receive(const std::string& bytes) {
    server.last().send(bytes);
    loop.run_until_idle();
  }

  ManualLoop loop;
  RawServer server;
  Client client;
};

}  // namespace

TEST_CASE("messages that are read in parts arrive whole", "[client]") {
  const std::string bytes = from_server(message("one")) + kPong + from_server(chat::ConnectRsp()) +
                            from_server(message("last"));
  for (std::size_t most = 1; most <= bytes.size(); ++most) {
    Pair pair;
    pair.loop.network().faults.most_per_read = most;
    pair.receive(bytes);
    CHECK(pair.client.log == Log{"message one", "connect_rsp", "message last"});
  }
}

TEST_CASE("a large message arrives in any number of reads", "[client]") {
  for (const std::size_t most : {1'000u, 65'536u, 1'000'000u}) {
    Pair pair;
    pair.loop.network().faults.most_per_read = most;
    std::string text(1'000'000, 'a');
    for (std::size_t i = 0; i < text.size(); i += 7) text[i] = static_cast<char>('b' + i % 20);
    pair.receive(from_server(message(text)) + from_server(message("after")));
    CHECK(pair.client.log == Log{"message of 1000000 bytes", "message after"});
    pair.client.log.clear();
    pair.receive(from_server(message(text)));
    CHECK(pair.client.last_text == text);
  }
}

TEST_CASE("a message of another schema is told by its number", "[client]") {
  Pair pair;
  pair.receive(frame(2, "\x1a\x00"s));       // field 3, length-delimited
  pair.receive(frame(2, "\xa2\x06\x01x"s));  // field 100
  pair.receive(frame(2, "\x08\x01"s));       // field 1, but a number
  pair.receive(frame(2));                    // no field at all: nothing to tell
  pair.receive(from_server(message("after")));
  CHECK(pair.client.log == Log{"unknown 3", "unknown 100", "unknown 1", "message after"});
}

TEST_CASE("unknown fields of a newer server do no harm", "[client]") {
  Pair pair;
  chat::MessageInd inner = message("hello");
  std::string newer = inner.SerializeAsString() + "\x92\x03\x04more"s;
  pair.receive(frame(2, "\x12"s + static_cast<char>(newer.size()) + newer));
  // Beside the member, before and after it.
  pair.receive(frame(2, "\x18\x01\x0a\x00"s));
  pair.receive(frame(2, "\x0a\x00\x18\x01"s));
  CHECK(pair.client.log == Log{"message hello", "connect_rsp", "connect_rsp"});
}

TEST_CASE("of several members the last one counts, and equal ones are merged", "[client]") {
  Pair pair;
  const std::string hello = from_server(message("hello")).substr(4);
  const std::string rsp = from_server(chat::ConnectRsp()).substr(4);
  pair.receive(frame(2, hello + rsp));
  pair.receive(frame(2, rsp + hello));
  chat::MessageInd user;
  user.set_user("erik");
  pair.receive(frame(2, hello + from_server(user).substr(4)));
  CHECK(pair.client.log == Log{"connect_rsp", "message hello", "message hello"});
}

TEST_CASE("a message that cannot be decoded ends the connection", "[client]") {
  for (const std::string& bad :
       {"\x12\x05zzz"s,                                               // a length that is too long
        "\x12\x02\x12\x05"s,                                          // within the member
        "\x12"s,                                                      // no length
        "\x00\x00"s,                                                  // field 0
        "\x0f"s,                                                      // no such wire type
        "\xff\xff\xff\xff\xff\xff"s, "\x12\x04\x12\x02\xc3\x28"s}) {  // invalid UTF-8
    Pair pair;
    pair.receive(from_server(message("before")) + frame(2, bad) + from_server(message("after")));
    CHECK(pair.client.log == Log{"message before", "disconnected: Message decode error."});
    CHECK(pair.server.last().ended());
  }
}

TEST_CASE("strings keep their embedded NUL bytes", "[client]") {
  Pair pair;
  pair.receive(from_server(message("a\0b"s)));
  CHECK(pair.client.last_text == "a\0b"s);
}

TEST_CASE("a message that is too big is refused at its header", "[client]") {
  messi::ClientOptions options;
  options.max_payload_size = 100;
  {
    Pair pair(options);
    pair.receive(frame(2, std::string(100, '\x7a')));  // of the limit: at least looked at
    CHECK(pair.client.log == Log{"disconnected: Message decode error."});
  }
  Pair pair(options);
  pair.receive(header(2, 101));
  CHECK(pair.client.log == Log{"disconnected: Message too big."});
  CHECK(pair.server.last().ended());
}

TEST_CASE("a header of 16 MiB takes no memory and spoils nothing", "[client]") {
  Pair pair;
  pair.receive(header(2, 0xffffff) + pattern(5000));
  CHECK(pair.client.log == Log{"disconnected: Message too big."});
  pair.loop.advance(1s);
  REQUIRE(pair.client.connected());
  pair.receive(from_server(message("fine")));
  CHECK(pair.client.log.back() == "message fine");
}

TEST_CASE("the largest message that the protocol has can be received", "[client]") {
  messi::ClientOptions options;
  options.max_payload_size = 0xffffff;
  Pair pair(options);
  const std::string text(0xffffff - 10, 'x');
  const std::string bytes = from_server(message(text));
  REQUIRE(bytes.size() == 0xffffff + 4);
  pair.receive(bytes);
  CHECK(pair.client.last_text == text);
}

TEST_CASE("nothing is delivered after the client has stopped", "[client]") {
  Pair pair;
  pair.client.then = [&](const std::string& line) {
    if (line == "message two") pair.client.stop();
  };
  pair.receive(from_server(message("one")) + from_server(message("two")) +
               from_server(message("three")));
  CHECK(pair.client.log == Log{"message one", "message two", "disconnected: Stopped."});
}

TEST_CASE("what came before the end is delivered", "[client]") {
  Pair pair;
  pair.server.last().send(from_server(message("one")) + from_server(message("two")));
  pair.server.last().close();
  pair.loop.run_until_idle();
  CHECK(pair.client.log == Log{"message one", "message two", "disconnected: Connection closed."});
}

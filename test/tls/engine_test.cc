// Two engines, and the bytes between them.

#include "messi/io/tls/engine.h"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/stream.h"
#include "messi/io/tls/context.h"
#include "messi/io/tls/records.h"
#include "test/catch.h"
#include "test/support/authority.h"
#include "test/tls/support.h"

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Status;
using messi::StatusCode;
using messi::test::Authority;
using messi::test::config_of;
using messi::test::mutual_config_of;
using messi::tls::Context;
using messi::tls::Engine;
using messi::tls::Records;
using Kind = IoResult::Kind;

namespace {

std::shared_ptr<Context> context_of(const messi::tls::Config& config) {
  auto context = Context::make(config);
  INFO(context.status().message());
  REQUIRE(context.ok());
  return *context;
}

/// One side, with what it has said and heard.
class Side {
 public:
  template <typename... Arguments>
  explicit Side(Arguments&&... arguments) : engine(std::forward<Arguments>(arguments)...) {}

  /// Takes input, whatever it is about.
  void take(std::string_view input) {
    if (!outcome) {
      outcome = engine.shake(input);
      return;
    }
    for (bool first = true; outcome->ok() && !ended && (first || engine.holds_input());
         first = false) {
      char bytes[1'000];
      const Space space{bytes, sizeof(bytes)};
      const IoResult result = engine.read(first ? input : std::string_view(), &space, 1);
      heard.append(bytes, result.size);
      ended = result.kind == Kind::kEnd;
    }
  }
  std::string take_output(std::size_t most = std::string::npos) {
    std::string bytes(engine.output().substr(0, most));
    engine.handle_written(bytes.size());
    return bytes;
  }
  void say(const std::string& text) {
    const Slice slice{text.data(), text.size()};
    Records records(&slice, 1);
    CHECK(engine.write(records) == text.size());
  }
  bool open() const { return outcome && outcome->ok(); }

  Engine engine;
  std::optional<Status> outcome;
  std::string heard;
  bool ended = false;
};

struct Pair {
  explicit Pair(const std::shared_ptr<Context>& context) : Pair(context, context) {}
  Pair(const std::shared_ptr<Context>& for_client, const std::shared_ptr<Context>& for_server)
      : client(for_client, "localhost", "key"), server(for_server) {
    client.take("");
  }

  /// Passes all bytes on, at most `most` at once.
  void run(std::size_t most = std::string::npos) {
    for (;;) {
      const std::string to_server = client.take_output(most);
      if (!to_server.empty()) server.take(to_server);
      const std::string to_client = server.take_output(most);
      if (!to_client.empty()) client.take(to_client);
      if (to_server.empty() && to_client.empty()) return;
    }
  }

  Side client;
  Side server;
};

}  // namespace

TEST_CASE("two engines come to terms and talk, with any number of bytes at once", "[tls]") {
  const Authority authority;
  const auto context = context_of(mutual_config_of(authority));
  for (const std::size_t most : std::vector<std::size_t>{1, 5, 100, 1'000'000}) {
    CAPTURE(most);
    Pair pair(context);
    pair.run(most);
    REQUIRE(pair.client.open());
    REQUIRE(pair.server.open());
    CHECK(std::string(pair.client.engine.version()) == "TLSv1.3");
    pair.client.say("question");
    pair.server.say("answer");
    pair.run(most);
    CHECK(pair.server.heard == "question");
    CHECK(pair.client.heard == "answer");
    CHECK(pair.client.engine.output().empty());
  }
}

TEST_CASE("each direction of an engine ends by itself", "[tls]") {
  const Authority authority;
  Pair pair(context_of(config_of(authority)));
  pair.run();
  pair.client.say("last words");
  pair.client.engine.finish();
  pair.run();
  CHECK(pair.server.heard == "last words");
  CHECK(pair.server.ended);
  CHECK(pair.server.engine.why_ended().empty());

  CHECK_FALSE(pair.client.ended);
  pair.server.say("understood");
  pair.run();
  CHECK(pair.client.heard == "understood");
  const Slice slice{"more", 4};
  Records records(&slice, 1);
  CHECK(pair.client.engine.write(records) == 0);
  pair.server.engine.finish();
  pair.server.engine.finish();
  pair.run();
  CHECK(pair.client.ended);
  CHECK(pair.client.engine.why_ended().empty());
}

TEST_CASE("an engine tells a cut from an end", "[tls]") {
  const Authority authority;
  Pair pair(context_of(config_of(authority)));
  pair.run();
  pair.client.say("half a");
  const std::string all = pair.client.take_output();
  pair.server.take(std::string_view(all).substr(0, all.size() - 1));
  CHECK(pair.server.heard.empty());
  pair.server.engine.handle_end();
  CHECK(pair.server.engine.holds_input());
  pair.server.take("");
  CHECK(pair.server.ended);
  CHECK(pair.server.engine.why_ended() == "The connection was cut off; the client did not end it.");
}

TEST_CASE("a handshake is over with its last byte, and fails if it is cut before", "[tls]") {
  const Authority authority;
  const auto context = context_of(mutual_config_of(authority));
  // At every byte it is still under way, and every few bytes one is cut short.
  constexpr std::size_t kStep = 37;
  for (const bool client_is_cut : {true, false}) {
    bool whole = false;
    for (std::size_t cut = 0; !whole; cut += kStep) {
      Pair pair(context);
      Side& victim = client_is_cut ? pair.client : pair.server;
      Side& peer = client_is_cut ? pair.server : pair.client;
      std::size_t left = cut;
      for (bool busy = true; busy && left > 0;) {
        const std::string out = victim.take_output();
        if (!out.empty()) peer.take(out);
        const std::string in = peer.take_output().substr(0, left);
        left -= in.size();
        for (const char byte : in) {
          REQUIRE_FALSE(victim.outcome);
          victim.take(std::string_view(&byte, 1));
        }
        busy = !victim.outcome && (!out.empty() || !in.empty());
      }
      whole = victim.open();
      if (whole) break;
      REQUIRE_FALSE(victim.outcome);
      const Status why = victim.engine.cut_short();
      REQUIRE(why.code() == StatusCode::kUnavailable);
      REQUIRE(why.message().find("has closed the connection during the handshake") !=
              std::string::npos);
    }
  }
}

TEST_CASE("a handshake in which any one byte is wrong fails, or the byte does not matter",
          "[tls]") {
  const Authority authority;
  const auto context = context_of(config_of(authority));
  for (std::size_t wrong = 0;; wrong += wrong < 100 ? 1 : 7) {
    CAPTURE(wrong);
    Pair pair(context);
    std::size_t passed = 0;
    bool changed = false;
    for (bool busy = true; busy;) {
      const std::string to_server = pair.client.take_output();
      if (!to_server.empty()) pair.server.take(to_server);
      std::string to_client = pair.server.take_output();
      if (wrong >= passed && wrong - passed < to_client.size()) {
        to_client[wrong - passed] ^= 0x40;
        changed = true;
      }
      passed += to_client.size();
      if (!to_client.empty()) pair.client.take(to_client);
      busy = !to_server.empty() || !to_client.empty();
    }
    if (!changed) break;
    // Wrong bytes behind the handshake end the connection; in a header they may be waited for.
    const bool both = pair.client.open() && pair.server.open();
    if (!both && pair.client.outcome) CHECK_FALSE(pair.client.outcome->message().empty());
    if (both && pair.client.ended) CHECK_FALSE(pair.client.engine.why_ended().empty());
    CHECK(pair.client.heard.empty());
  }
}

TEST_CASE("what does not fit is held, and read without further input", "[tls]") {
  const Authority authority;
  Pair pair(context_of(config_of(authority)));
  pair.run();
  const std::string text(100'000, 'x');
  const Slice slice{text.data(), text.size()};
  Records records(&slice, 1);
  CHECK(pair.client.engine.write(records) == Engine::kMostAtOnce);
  CHECK(pair.client.engine.write(records) == text.size() - Engine::kMostAtOnce);
  CHECK(records.done());
  const std::string sent = pair.client.take_output();

  Engine& reader = pair.server.engine;
  CHECK_FALSE(reader.holds_input());
  std::vector<char> bytes(70'000);
  const Space spaces[] = {{bytes.data(), 1}, {bytes.data() + 1, 9'999}};
  CHECK(reader.read(sent, spaces, 2).size == 10'000);
  std::size_t size = 10'000;
  while (reader.holds_input()) {
    const Space space{bytes.data(), bytes.size()};
    size += reader.read("", &space, 1).size;
  }
  CHECK(size == text.size());
}

TEST_CASE("a second handshake resumes the session of the first", "[tls]") {
  const Authority authority;
  for (const bool mutual : {false, true}) {
    CAPTURE(mutual);
    const auto context = context_of(mutual ? mutual_config_of(authority) : config_of(authority));
    for (int i = 0; i < 5; ++i) {
      Pair pair(context);
      pair.run();
      REQUIRE(pair.client.open());
      CHECK(pair.client.engine.resumed() == (i > 0));
      CHECK(pair.server.engine.resumed() == (i > 0));
      // Who the other side is, is known from the session too.
      REQUIRE(pair.client.engine.peer_certificate() != nullptr);
      CHECK(pair.client.engine.peer_certificate()->subject == "CN=localhost");
      CHECK((pair.server.engine.peer_certificate() != nullptr) == mutual);
    }
    // A new context, as after a reload, does not know the tickets of the old one.
    Pair fresh(context, context_of(mutual ? mutual_config_of(authority) : config_of(authority)));
    fresh.run();
    CHECK(fresh.client.open());
    CHECK_FALSE(fresh.client.engine.resumed());
  }
}

TEST_CASE("a handshake may send so much and no more", "[tls]") {
  const Authority authority;
  const auto context = context_of(config_of(authority));
  Engine server(context);
  // A client's hello that never ends.
  const std::string begin("\x16\x03\x01\x40\x00\x01\x01\xff\xff", 9);
  std::optional<Status> outcome = server.shake(begin + std::string(16'375, 'x'));
  std::size_t size = 0;
  for (; !outcome && size < 1'000'000; size += 1'000) {
    outcome = server.shake(std::string(1'000, '\0'));
  }
  REQUIRE(outcome);
  CHECK_FALSE(outcome->ok());
  CHECK(size <= Engine::kMostHandshake);
}

TEST_CASE("an engine tells from the first bytes what is not TLS", "[tls]") {
  const Authority authority;
  const auto context = context_of(config_of(authority));
  const auto answer = [&](const std::string& bytes) {
    Engine server(context);
    std::optional<Status> outcome;
    for (const char byte : bytes) {
      outcome = server.shake(std::string_view(&byte, 1));
      if (outcome) break;
    }
    CHECK(outcome.has_value() == !server.output().empty());
    return outcome ? outcome->message() : "";
  };
  CHECK(answer("GET / HTTP/1.1\r\n") == "the client does not speak TLS; it speaks HTTP");
  CHECK(answer(std::string("\3\0\0\0\1\0\0\7", 8)) ==
        "the client does not speak TLS; it speaks messi without TLS");
  CHECK(answer("SSH-2.0-OpenSSH") == "the client does not speak TLS; it speaks something else");
  CHECK(answer("\x16\x02\x01\x02\x03") ==
        "the client does not speak TLS; it speaks something else");
  CHECK(answer("\x16\x03\x01\x01") == "");
  CHECK(answer("GET") == "");
}

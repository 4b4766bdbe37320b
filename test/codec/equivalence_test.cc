// Whatever a payload holds, the hooks see what protobuf's own parser makes of the wrapper message.

#include <google/protobuf/io/coded_stream.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "strict.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"

using messi::test::frame;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::string_literals;

namespace {

/// What a payload is, said by protobuf.
template <typename Wrapper>
Wrapper parsed(const std::string& payload, bool& ok) {
  Wrapper wrapper;
  ok = wrapper.ParsePartialFromString(payload) && wrapper.IsInitialized();
  return wrapper;
}

std::string unknown(const std::string& payload) {
  google::protobuf::io::CodedInputStream stream(
      reinterpret_cast<const std::uint8_t*>(payload.data()), static_cast<int>(payload.size()));
  const std::uint32_t field = stream.ReadTag() >> 3;
  return field == 0 ? "" : "unknown " + std::to_string(field);
}

std::string expected_strict(const std::string& payload) {
  bool ok = false;
  const auto wrapper = parsed<strict::ServerToClient>(payload, ok);
  if (!ok) return "error";
  if (wrapper.has_order()) return "order " + wrapper.order().SerializeAsString();
  if (wrapper.has_tree()) return "tree " + wrapper.tree().SerializeAsString();
  return unknown(payload);
}

std::string expected_chat(const std::string& payload) {
  bool ok = false;
  const auto wrapper = parsed<chat::ServerToClient>(payload, ok);
  if (!ok) return "error";
  if (wrapper.has_connect_rsp()) return "rsp " + wrapper.connect_rsp().SerializeAsString();
  if (wrapper.has_message_ind()) return "ind " + wrapper.message_ind().SerializeAsString();
  return unknown(payload);
}

class StrictClient final : public strict::StrictClient {
 public:
  using strict::StrictClient::StrictClient;
  std::string seen;
  void on_order(const strict::Order& message) override {
    seen += "order " + message.SerializeAsString();
  }
  void on_tree(const strict::Tree& message) override {
    seen += "tree " + message.SerializeAsString();
  }
  void on_unknown_message(std::uint32_t field_number) override {
    seen += "unknown " + std::to_string(field_number);
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    CHECK(reason == messi::DisconnectReason::kMessageDecodeError);
    seen += "error";
  }
};

class ChatClient final : public chat::ChatClient {
 public:
  using chat::ChatClient::ChatClient;
  std::string seen;
  void on_connect_rsp(const chat::ConnectRsp& message) override {
    seen += "rsp " + message.SerializeAsString();
  }
  void on_message_ind(const chat::MessageInd& message) override {
    seen += "ind " + message.SerializeAsString();
  }
  void on_unknown_message(std::uint32_t field_number) override {
    seen += "unknown " + std::to_string(field_number);
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    CHECK(reason == messi::DisconnectReason::kMessageDecodeError);
    seen += "error";
  }
};

/// A connection that is made anew whenever a payload was an error.
template <typename Client>
class Peer {
 public:
  std::string seen(const std::string& payload) {
    if (!client_.connected()) {
      client_.stop();
      client_.start();
      loop_.run_until_idle();
    }
    client_.seen.clear();
    server_.last().send(frame(2, payload));
    loop_.run_until_idle();
    return std::exchange(client_.seen, {});
  }

 private:
  ManualLoop loop_;
  RawServer server_{loop_, "tcp://:6000"};
  Client client_{loop_, "tcp://localhost:6000"};
};

class Subjects {
 public:
  void check(const std::string& payload) {
    check("strict", strict_.seen(payload), expected_strict(payload), payload);
    check("chat", chat_.seen(payload), expected_chat(payload), payload);
  }
  /// How often a payload was legal, and how often it was not.
  int legal() const { return legal_; }
  int illegal() const { return illegal_; }

 private:
  void check(const char* schema, const std::string& seen, const std::string& expected,
             const std::string& payload) {
    (expected == "error" ? illegal_ : legal_) += 1;
    if (seen == expected) return;
    std::string hex;
    for (const char byte : payload) {
      constexpr const char* kDigits = "0123456789abcdef";
      hex += kDigits[static_cast<unsigned char>(byte) / 16];
      hex += kDigits[static_cast<unsigned char>(byte) % 16];
      hex += ' ';
    }
    CAPTURE(schema, hex);
    CHECK(seen == expected);
  }

  Peer<StrictClient> strict_;
  Peer<ChatClient> chat_;
  int legal_ = 0;
  int illegal_ = 0;
};

class Payloads {
 public:
  explicit Payloads(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_()) % n; }

  std::string bytes(std::size_t most) {
    std::string result(below(most + 1), '\0');
    for (char& byte : result) byte = static_cast<char>(random_());
    return result;
  }

  /// Some fields, mostly such as could be meant.
  std::string fields(int depth) {
    std::string result;
    for (std::size_t i = below(4); i > 0; --i) result += field(depth);
    return result;
  }

  std::string damaged(std::string payload) {
    if (payload.empty()) return payload;
    switch (below(3)) {
      case 0:
        return payload.substr(0, below(payload.size()));
      case 1:
        payload[below(payload.size())] = static_cast<char>(random_());
        return payload;
      default:
        payload.insert(below(payload.size()), 1, static_cast<char>(random_()));
        return payload;
    }
  }

 private:
  std::string varint(std::uint64_t value) {
    std::string result;
    for (; value >= 0x80; value >>= 7) result += static_cast<char>(value | 0x80);
    result += static_cast<char>(value);
    // Now and then longer than it need be.
    for (std::size_t i = below(20) == 0 ? 1 + below(5) : 0; i > 0; --i) {
      result.back() = static_cast<char>(result.back() | '\x80');
      result += '\0';
    }
    return result;
  }

  std::string field(int depth) {
    constexpr std::uint64_t kNumbers[] = {1, 1, 1, 1, 2, 2, 2, 17, 17, 3, 16, 536'870'911, 0};
    const std::uint64_t number = kNumbers[below(std::size(kNumbers))];
    switch (below(12)) {
      case 0:
        return varint(number << 3) + varint(random_());
      case 1:
        return varint(number << 3 | 1) + "12345678";
      case 2:
        return varint(number << 3 | 5) + "1234";
      case 3:
        return varint(number << 3 | 3) + (depth > 0 ? fields(depth - 1) : "") +
               varint(number << 3 | 4);
      default: {
        const std::string inner = depth > 0 && below(4) > 0 ? fields(depth - 1) : text();
        return varint(number << 3 | 2) + varint(inner.size()) + inner;
      }
    }
  }

  std::string text() { return below(5) == 0 ? bytes(10) : std::string(below(200), 'x'); }

  std::mt19937 random_;
};

/// `depth` trees, each the only branch of the one around it.
std::string nested(int depth) {
  std::string bytes;
  for (int i = 1; i < depth; ++i) {
    std::string outer = "\x0a";
    std::size_t size = bytes.size();
    for (; size >= 0x80; size >>= 7) outer += static_cast<char>(size | 0x80);
    bytes = outer + static_cast<char>(size) + bytes;
  }
  std::string payload = "\x8a\x01"s;
  std::size_t size = bytes.size();
  for (; size >= 0x80; size >>= 7) payload += static_cast<char>(size | 0x80);
  return payload + static_cast<char>(size) + bytes;
}

}  // namespace

TEST_CASE("random bytes are what protobuf says they are", "[codec]") {
  Subjects subjects;
  Payloads payloads(1);
  for (int i = 0; i < 3'000; ++i) subjects.check(payloads.bytes(12));
  CHECK(subjects.legal() > 100);
  CHECK(subjects.illegal() > 100);
}

TEST_CASE("all payloads of up to two bytes are what protobuf says they are", "[codec]") {
  Subjects subjects;
  subjects.check("");
  for (int a = 0; a < 256; ++a) {
    subjects.check({static_cast<char>(a)});
    for (int b = 0; b < 256; b += a < 32 ? 1 : 17) {
      subjects.check({static_cast<char>(a), static_cast<char>(b)});
    }
  }
}

TEST_CASE("repeated, split, unknown and misplaced fields are what protobuf says they are",
          "[codec]") {
  Subjects subjects;
  Payloads payloads(2);
  for (int i = 0; i < 3'000; ++i) subjects.check(payloads.fields(3));
  CHECK(subjects.legal() > 3'000);
}

TEST_CASE("damaged payloads are what protobuf says they are", "[codec]") {
  Subjects subjects;
  Payloads payloads(3);
  for (int i = 0; i < 3'000; ++i) subjects.check(payloads.damaged(payloads.fields(3)));
  CHECK(subjects.legal() > 1'000);
  CHECK(subjects.illegal() > 1'000);
}

TEST_CASE("deep nesting is refused, as protobuf does", "[codec]") {
  // Not 101: protobuf counts its hundred levels from the wrapper, which a single member has not.
  Subjects subjects;
  for (const int depth : {1, 2, 50, 98, 99, 100, 102, 103, 200, 3'000}) {
    subjects.check(nested(depth));
  }
}

TEST_CASE("a message is not influenced by the ones before it", "[codec]") {
  // Messages are reused, so a field that is not sent must not keep its old value.
  Subjects subjects;
  Payloads payloads(4);
  chat::ServerToClient full;
  full.mutable_message_ind()->set_user("a user");
  full.mutable_message_ind()->set_text("a text");
  for (int i = 0; i < 300; ++i) {
    subjects.check(full.SerializeAsString());
    subjects.check(payloads.fields(2));
    subjects.check("\x12\x00"s);
    subjects.check("\x12\x03\x0a\x05x"s);  // fails in the middle
    subjects.check("\x12\x00"s);
  }
}

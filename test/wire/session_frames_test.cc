#include "messi/wire/session_frames.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "test/catch.h"
#include "test/support/bytes.h"

using messi::test::frame;
using messi::test::pattern;
using messi::wire::Ack;
using messi::wire::Hello;
using messi::wire::kHeaderSize;
using messi::wire::Offer;
using messi::wire::Token;
using messi::wire::Welcome;

namespace {

std::string bytes_of(std::size_t size, const std::function<void(std::uint8_t*)>& write) {
  std::string bytes(size, '!');
  write(reinterpret_cast<std::uint8_t*>(bytes.data()));
  return bytes;
}

std::string_view payload(const std::string& bytes) {
  return std::string_view(bytes).substr(kHeaderSize);
}

/// "01 02" and so on, from `first`.
Token token(std::uint8_t first) {
  Token token;
  for (std::uint8_t& byte : token) byte = first++;
  return token;
}
std::string text_of(const Token& token) { return {token.begin(), token.end()}; }

std::string tlv(std::uint16_t type, std::string_view value) {
  std::string tlvs;
  messi::wire::append_tlv(tlvs, type, value);
  return tlvs;
}

// Each number has other bytes, so that none can be in the place of another.
const std::string kHelloFixed = std::string("\x01\x01", 2) + "\x11\x12" + "\x13\x14\x15\x16" +
                                "\x17\x18\x19\x1a" + "\x1b\x1c\x1d\x1e" +
                                "\x21\x22\x23\x24\x25\x26\x27\x28" + text_of(token(0x30)) +
                                text_of(token(0x50));
const std::string kWelcomeFixed = std::string("\x01\x01\x03\x01", 4) + "\x13\x14\x15\x16" +
                                  "\x17\x18\x19\x1a" + "\x1b\x1c\x1d\x1e" +
                                  "\x21\x22\x23\x24\x25\x26\x27\x28" + text_of(token(0x30)) +
                                  text_of(token(0x50)) + "\x41\x42\x43\x44\x45\x46\x47\x48" +
                                  std::string(4, '\0') + "\x11\x12" + std::string(2, '\0');

Hello a_hello() {
  Hello hello;
  hello.resume = true;
  hello.features = 0x1112;
  hello.attempt = 0x13141516;
  hello.retain = 0x1718191a;
  hello.max_payload = 0x1b1c1d1e;
  hello.rx = 0x2122232425262728;
  hello.id = token(0x30);
  hello.secret = token(0x50);
  return hello;
}

}  // namespace

TEST_CASE("an OFFER is written as the protocol says, and read again", "[wire]") {
  const std::string bytes = bytes_of(8, [](std::uint8_t* out) {
    messi::wire::write_offer(out, Offer{1, 3, true});
  });
  CHECK(bytes == frame(5, std::string("\x01\x03\x00\x01", 4)));
  const auto offer = messi::wire::read_offer(payload(bytes));
  REQUIRE(offer);
  CHECK(offer->min_version == 1);
  CHECK(offer->max_version == 3);
  CHECK(offer->sessions);
  CHECK_FALSE(messi::wire::read_offer(std::string("\x01\x01\xff\xfe", 4))->sessions);
  CHECK(messi::wire::read_offer(std::string("\x01\x01\x00\x01 and more", 13)));
  for (std::size_t size = 0; size < 4; ++size) {
    CHECK_FALSE(messi::wire::read_offer(std::string(size, '\x01')));
  }
}

TEST_CASE("a HELLO is written as the protocol says, and read again", "[wire]") {
  Hello hello = a_hello();
  const std::string tlvs = tlv(1, "token") + tlv(2, "protocol");
  for (const std::string& more : {std::string(), tlvs}) {
    hello.tlvs = more;
    const std::string bytes = bytes_of(messi::wire::hello_size(hello), [&](std::uint8_t* out) {
      messi::wire::write_hello(out, hello);
    });
    CHECK(bytes == frame(6, kHelloFixed + more));
    const auto read = messi::wire::read_hello(payload(bytes));
    REQUIRE(read);
    CHECK(read->version == 1);
    CHECK(read->resume);
    CHECK_FALSE(read->no_session);
    CHECK(read->features == 0x1112);
    CHECK(read->attempt == 0x13141516);
    CHECK(read->retain == 0x1718191a);
    CHECK(read->max_payload == 0x1b1c1d1e);
    CHECK(read->rx == 0x2122232425262728);
    CHECK(read->id == token(0x30));
    CHECK(read->secret == token(0x50));
    CHECK(read->tlvs == more);
  }
  CHECK(messi::wire::find_tlv(tlvs, 1) == "token");
  CHECK(messi::wire::find_tlv(tlvs, 2) == "protocol");
  CHECK(messi::wire::find_tlv(tlvs, 3).empty());
}

TEST_CASE("a WELCOME is written as the protocol says, and read again", "[wire]") {
  Welcome welcome;
  welcome.resumed = true;
  welcome.reason = 3;
  welcome.resume_window_ms = 0x13141516;
  welcome.retain = 0x1718191a;
  welcome.max_payload = 0x1b1c1d1e;
  welcome.rx = 0x2122232425262728;
  welcome.id = token(0x30);
  welcome.secret = token(0x50);
  welcome.prev_rx = 0x4142434445464748;
  welcome.features = 0x1112;
  const std::string more = tlv(9, "");
  welcome.tlvs = more;
  const std::string bytes = bytes_of(messi::wire::welcome_size(welcome), [&](std::uint8_t* out) {
    messi::wire::write_welcome(out, welcome);
  });
  CHECK(bytes == frame(7, kWelcomeFixed + more));
  const auto read = messi::wire::read_welcome(payload(bytes));
  REQUIRE(read);
  CHECK(read->version == 1);
  CHECK(read->resumed);
  CHECK(read->reason == 3);
  CHECK(read->resume_window_ms == 0x13141516);
  CHECK(read->retain == 0x1718191a);
  CHECK(read->max_payload == 0x1b1c1d1e);
  CHECK(read->rx == 0x2122232425262728);
  CHECK(read->id == token(0x30));
  CHECK(read->secret == token(0x50));
  CHECK(read->prev_rx == 0x4142434445464748);
  CHECK(read->features == 0x1112);
  CHECK(read->tlvs == more);

  std::string without = kWelcomeFixed;
  without[3] = '\xfe';
  CHECK_FALSE(messi::wire::read_welcome(without)->prev_rx);
  without[1] = 2;
  CHECK_FALSE(messi::wire::read_welcome(without));
}

TEST_CASE("an ACK is written as the protocol says, and read again", "[wire]") {
  const std::string bytes = bytes_of(20, [](std::uint8_t* out) {
    messi::wire::write_ack(out, Ack{0x0102030405060708, 0x1112131415161718});
  });
  CHECK(bytes == frame(8, "\x01\x02\x03\x04\x05\x06\x07\x08\x11\x12\x13\x14\x15\x16\x17\x18"));
  const auto ack = messi::wire::read_ack(payload(bytes));
  REQUIRE(ack);
  CHECK(ack->rx == 0x0102030405060708);
  CHECK(ack->tx == 0x1112131415161718);
  for (std::size_t size = 0; size < 16; ++size) {
    CHECK_FALSE(messi::wire::read_ack(std::string(size, '\x01')));
  }
}

TEST_CASE("what is cut, or has TLVs that are cut or too much, is read as nothing", "[wire]") {
  const auto hello = [](const std::string& tlvs) {
    return messi::wire::read_hello(kHelloFixed + tlvs).has_value();
  };
  const auto welcome = [](const std::string& tlvs) {
    return messi::wire::read_welcome(kWelcomeFixed + tlvs).has_value();
  };
  for (std::size_t size = 0; size < 56; ++size) {
    CHECK_FALSE(messi::wire::read_hello(kHelloFixed.substr(0, size)));
  }
  for (std::size_t size = 0; size < 72; ++size) {
    CHECK_FALSE(messi::wire::read_welcome(kWelcomeFixed.substr(0, size)));
  }
  const std::string tlvs = tlv(1, "abc") + tlv(77, pattern(40)) + tlv(2, "");
  for (std::size_t size = 0; size <= tlvs.size(); ++size) {
    INFO(size);
    const bool whole = size == 0 || size == 7 || size == 51 || size == tlvs.size();
    CHECK(hello(tlvs.substr(0, size)) == whole);
    CHECK(welcome(tlvs.substr(0, size)) == whole);
  }
  CHECK_FALSE(hello(std::string("\x00\x02\xff\xff rest", 9)));
  CHECK(hello(tlv(1, pattern(512))));
  CHECK_FALSE(hello(tlv(1, pattern(513))));
  CHECK(hello(tlv(9, pattern(1020))));
  CHECK_FALSE(hello(tlv(9, pattern(1021))));
}

TEST_CASE("of two TLVs of one type the first counts", "[wire]") {
  CHECK(messi::wire::find_tlv(tlv(1, "first") + tlv(1, "second"), 1) == "first");
}

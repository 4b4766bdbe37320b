#include "messi/codec/member.h"

#include <string>
#include <string_view>

#include "messi/codec/received.h"
#include "strict.pb.h"
#include "test/catch.h"

using messi::codec::first_field;
using messi::codec::Member;
using messi::codec::normalise;
using messi::codec::short_member;
using messi::codec::single_member;
using namespace std::string_literals;

namespace {

void check_single(const std::string& payload, std::uint32_t field, std::string_view bytes) {
  const Member member = single_member(payload);
  CHECK(member.field == field);
  CHECK(member.bytes == bytes);
  const Member shortly = short_member(payload);
  CHECK((shortly.field == 0 || (shortly.field == field && shortly.bytes == bytes)));
  if (member.field != 0) {
    CHECK(member.bytes.data() + member.bytes.size() == payload.data() + payload.size());
  }
}

}  // namespace

TEST_CASE("a payload of one length-delimited field is a single member", "[codec]") {
  check_single("\x0a\x00"s, 1, "");
  check_single("\x0a\x03"s + "abc", 1, "abc");
  check_single("\x12\x01"s + "x", 2, "x");
  check_single("\x8a\x01\x01"s + "x", 17, "x");
  check_single("\xfa\xff\xff\xff\x0f\x01"s + "x", (1u << 29) - 1, "x");
  check_single("\x0a\x80\x01"s + std::string(128, 'x'), 1, std::string(128, 'x'));
  // Longer than need be, and legal all the same.
  check_single("\x8a\x00\x01"s + "x", 1, "x");
  check_single("\x0a\x81\x00"s + "x", 1, "x");
}

TEST_CASE("a payload of any other form is none", "[codec]") {
  for (const std::string& payload : {
           ""s,
           "\x0a"s,                          // no length
           "\x0a\x02x"s,                     // too short
           "\x0a\x01xy"s,                    // too long
           "\x0a\x00\x0a\x00"s,              // two members
           "\x08\x01"s,                      // a varint
           "\x0d\x01\x02\x03\x04"s,          // 32 bits
           "\x0b\x0c"s,                      // a group
           "\x0f\x00"s,                      // no such wire type
           "\xff"s,                          // half a tag
           "\xff\xff\xff\xff\xff\xff\x00"s,  // a tag that never ends
           "\x0a\xff\xff\xff\xff\x0f"s,      // a length of 4 GiB
           "\x0a\xff\xff\xff\xff\xff\x01"s,  // a length that never ends
       }) {
    CHECK(single_member(payload).field == 0);
    CHECK(short_member(payload).field == 0);
  }
}

TEST_CASE("the number of the first field is told whatever its wire type", "[codec]") {
  CHECK(first_field("") == 0);
  CHECK(first_field("\xff"s) == 0);
  CHECK(first_field("\x08\x01"s) == 1);
  CHECK(first_field("\x1a\x00"s) == 3);
  CHECK(first_field("\xa2\x06\x00"s) == 100);
  CHECK(first_field("\xfa\xff\xff\xff\x0f\x00"s) == (1u << 29) - 1);
}

TEST_CASE("a payload of any legal form has one member at the most", "[codec]") {
  struct Case {
    std::string payload;
    std::uint32_t field;
    std::string bytes;
  };
  // strict::ServerToClient has an order as 1, and a tree, whose leaves are field 2, as 17.
  const std::string order = "\x0a\x03\x0a\x01o"s;
  const std::string tree = "\x8a\x01\x03\x12\x01t"s;
  const std::string more_tree = "\x8a\x01\x03\x12\x01u"s;
  const std::string unknown = "\xa2\x06\x01x"s;           // 100: text
  const std::string unknown_group = "\xa3\x06\xa4\x06"s;  // 100: a group
  const std::string misplaced = "\x08\x07"s;              // 1: a number
  for (const Case& each : {
           Case{"", 0, ""},
           Case{order, 1, "\x0a\x01o"},
           Case{order + tree, 17, "\x12\x01t"},
           Case{tree + order, 1, "\x0a\x01o"},
           Case{tree + more_tree, 17, "\x12\x01t\x12\x01u"},
           Case{tree + unknown + more_tree, 17, "\x12\x01t\x12\x01u"},
           Case{tree + order + more_tree, 17, "\x12\x01u"},
           Case{unknown + misplaced + tree + unknown_group, 17, "\x12\x01t"},
           Case{unknown_group, 0, ""},
           Case{misplaced, 0, ""},
       }) {
    std::string plain;
    Member member{};
    CHECK(normalise(each.payload, strict::ServerToClient::default_instance(),
                    messi::codec::kMostLevels, plain, member));
    CHECK(member.field == each.field);
    CHECK(member.bytes == each.bytes);
  }
}

TEST_CASE("what is illegal in any part of a payload makes it illegal", "[codec]") {
  const std::string tree = "\x8a\x01\x03\x12\x01t"s;
  for (const std::string& payload : {
           "\x0a\x03\x0a\x05o"s + tree,  // a broken order, which the tree would replace
           tree + "\x00"s,
           tree + "\xa4\x06"s,  // the end of no group
           tree + "\x0a\x00"s,  // an order that lacks its article
       }) {
    std::string plain;
    Member member{};
    CHECK_FALSE(normalise(payload, strict::ServerToClient::default_instance(),
                          messi::codec::kMostLevels, plain, member));
  }
}

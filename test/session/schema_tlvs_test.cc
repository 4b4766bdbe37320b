#include "messi/session/schema_tlvs.h"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "chat.messi.h"
#include "test/catch.h"

using messi::session::append_schema;
using messi::session::Fingerprint;
using messi::session::kMembersTlv;
using messi::session::PeerSchema;
using messi::session::read_schema_tlv;
using messi::session::Schema;
using messi::session::SchemaMember;
using messi::wire::kProtocolTlv;

namespace {

const Schema kSchema(
    "client_to_server 0102030405060708 090a0b0c0d0e0f10 2\n"
    "1 a1a2a3a4 first\n"
    "536870911 ffffffff last\n"
    "server_to_client f1f2f3f4f5f6f7f8 f9fafbfcfdfeff00 1\n"
    "300 00000005 only\n"
    "chat");

// As schema_tlvs.h has it.
constexpr std::string_view kProtocolValue(
    "\x04"
    "chat"
    "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
    "\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff\x00",
    37);
constexpr std::string_view kMembersValue(
    "\x00\x02\x00\x00\x00\x01\xa1\xa2\xa3\xa4\x1f\xff\xff\xff\xff\xff\xff\xff"
    "\x00\x01\x00\x00\x01\x2c\x00\x00\x00\x05",
    28);

std::string tlvs(const Schema& schema, std::size_t room) {
  std::string text = "before";
  append_schema(text, schema, room);
  CHECK(text.size() <= 6 + room);
  REQUIRE(text.substr(0, 6) == "before");
  return text.substr(6);
}

bool reads(std::uint16_t type, std::string_view value) {
  PeerSchema peer;
  return read_schema_tlv(type, value, peer);
}

}  // namespace

TEST_CASE("a schema is told in two TLVs, or one if there is no room", "[session]") {
  const std::string protocol = std::string("\x00\x02\x00\x25", 4) + std::string(kProtocolValue);
  const std::string members = std::string("\x00\x03\x00\x1c", 4) + std::string(kMembersValue);
  const std::size_t size = protocol.size() + members.size();
  CHECK(tlvs(kSchema, 1024) == protocol + members);
  CHECK(tlvs(kSchema, size) == protocol + members);
  CHECK(tlvs(kSchema, size - 1) == protocol);
  CHECK(tlvs(kSchema, protocol.size()) == protocol);
}

TEST_CASE("what is told is read, in any order", "[session]") {
  PeerSchema peer;
  CHECK(read_schema_tlv(kMembersTlv, kMembersValue, peer));
  CHECK_FALSE(peer.protocol);
  CHECK(read_schema_tlv(kProtocolTlv, kProtocolValue, peer));
  CHECK(peer.protocol == "chat");
  CHECK(peer.client_to_server.fingerprint == kSchema.client_to_server.fingerprint);
  CHECK(peer.server_to_client.fingerprint == kSchema.server_to_client.fingerprint);
  CHECK(peer.tells_members);
  REQUIRE(peer.client_to_server.members.size() == 2);
  CHECK(peer.client_to_server.members[0].digest == 0xa1a2a3a4);
  CHECK(peer.client_to_server.members[1].number == 536870911);
  REQUIRE(peer.server_to_client.members.size() == 1);
  CHECK(peer.server_to_client.members[0].number == 300);
  CHECK(peer.server_to_client.members[0].digest == 5);
}

TEST_CASE("a TLV may grow; other TLVs are none of ours", "[session]") {
  CHECK(reads(kProtocolTlv, std::string(kProtocolValue) + "more"));
  CHECK(reads(kMembersTlv, std::string(kMembersValue) + "more"));
  CHECK(reads(1, ""));
  CHECK(reads(4, "?"));
}

TEST_CASE("of several TLVs of a type the first counts", "[session]") {
  PeerSchema peer;
  CHECK(read_schema_tlv(kProtocolTlv, kProtocolValue, peer));
  CHECK(read_schema_tlv(kProtocolTlv, "\x05other" + std::string(32, 'f'), peer));
  CHECK(read_schema_tlv(kMembersTlv, kMembersValue, peer));
  CHECK(read_schema_tlv(kMembersTlv, std::string(4, '\0'), peer));
  CHECK(peer.protocol == "chat");
  CHECK(peer.client_to_server.fingerprint == kSchema.client_to_server.fingerprint);
  CHECK(peer.client_to_server.members.size() == 2);
}

TEST_CASE("a value that is too short is not well-formed", "[session]") {
  for (std::size_t size = 0; size < kProtocolValue.size(); ++size) {
    CHECK_FALSE(reads(kProtocolTlv, kProtocolValue.substr(0, size)));
  }
  for (std::size_t size = 0; size < kMembersValue.size(); ++size) {
    CHECK_FALSE(reads(kMembersTlv, kMembersValue.substr(0, size)));
  }
  CHECK_FALSE(reads(kMembersTlv, "\xff\xff"));
}

TEST_CASE("members are by number, and none is told twice", "[session]") {
  const auto direction = [](std::string_view numbers) {
    std::string value(1, '\0');
    value += static_cast<char>(numbers.size());
    for (const char number : numbers) value += std::string(3, '\0') + number + "abcd";
    return value;
  };
  CHECK(reads(kMembersTlv, direction("\x01\x02\x09") + direction("")));
  CHECK_FALSE(reads(kMembersTlv, direction("\x01\x01") + direction("")));
  CHECK_FALSE(reads(kMembersTlv, direction("") + direction("\x02\x01")));
  CHECK_FALSE(reads(kMembersTlv, direction(std::string_view("\0", 1)) + direction("")));
}

TEST_CASE("any bytes are read or refused", "[session]") {
  std::mt19937 random(1);
  for (int i = 0; i < 10'000; ++i) {
    std::string value(random() % 60, '\0');
    for (char& byte : value) byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 3);
    PeerSchema peer;
    const auto type = static_cast<std::uint16_t>(random() % 5);
    read_schema_tlv(type, value, peer);
    CHECK(peer.client_to_server.members.size() * 8 <= value.size());
  }
}

TEST_CASE("a name is told as far as there is room", "[session]") {
  const std::string name(300, 'n');
  Schema schema = kSchema;
  schema.protocol = name;
  const std::string told = tlvs(schema, 1024);
  PeerSchema peer;
  REQUIRE(read_schema_tlv(kProtocolTlv, std::string_view(told).substr(4), peer));
  CHECK(peer.protocol == name.substr(0, 255));
}

TEST_CASE("a schema with too many members is told without them", "[session]") {
  Schema schema = kSchema;
  for (std::uint32_t i = 1; i <= 70'000; ++i) schema.client_to_server.members.push_back({i, i, ""});
  CHECK(tlvs(schema, 1024).size() == 4 + kProtocolValue.size());
  CHECK(tlvs(schema, SIZE_MAX / 2).size() == 4 + kProtocolValue.size());
}

TEST_CASE("a generated class has its schema", "[session]") {
  const Schema& schema = chat::ChatCodec::schema();
  CHECK(schema.protocol == "chat");
  const std::vector<SchemaMember>& members = schema.client_to_server.members;
  REQUIRE(members.size() == 2);
  CHECK(members[1].number == 2);
  CHECK(members[1].digest != members[0].digest);
  CHECK(members[1].name == "message_ind");
  CHECK(schema.client_to_server.fingerprint != schema.server_to_client.fingerprint);
}

#ifndef MESSI_SESSION_SCHEMA_TLVS_H_
#define MESSI_SESSION_SCHEMA_TLVS_H_

// What HELLO and WELCOME say of the schema, in two TLVs:
//
//     2  u8 length, the protocol's name   u64, u64 client to server   u64, u64 server to client
//     3  for client to server, then for server to client:
//        u16 count, count times u32 number, u32 digest; by number
//
// The second one tells which members differ. It is left out where there is no room for it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messi/session/schema.h"
#include "messi/wire/session_frames.h"

namespace messi::session {

inline constexpr std::uint16_t kMembersTlv = 3;

/// What a peer says of its schema, in TLVs that may come in any order, or not at all. Of several of
/// one type the first counts.
struct PeerSchema {
  std::optional<std::string> protocol;  ///< From the network: it may be any text.
  SchemaDirection client_to_server;
  SchemaDirection server_to_client;
  bool tells_members = false;
};

/// The protocol's name, or as much of it as there is room for.
inline std::string_view name_on_wire(const Schema& schema) {
  return std::string_view(schema.protocol).substr(0, UINT8_MAX);
}

/// Appends the TLVs of `schema`, as many of them as `room` bytes have room for.
void append_schema(std::string& tlvs, const Schema& schema, std::size_t room);

/// Reads the value of a TLV, if it is one of the two; false if it is not well-formed.
bool read_schema_tlv(std::uint16_t type, std::string_view value, PeerSchema& peer);

// ---------------------------------------------------------------------------------------------

namespace schema_tlvs {

template <typename Number>
void append(std::string& out, Number number) {
  for (std::size_t i = sizeof(Number); i-- > 0;) out += static_cast<char>(number >> (8 * i) & 0xff);
}

template <typename Number>
bool take(std::string_view& in, Number& number) {
  if (in.size() < sizeof(Number)) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(Number); ++i) {
    value = value << 8 | static_cast<std::uint8_t>(in[i]);
  }
  number = static_cast<Number>(value);
  in.remove_prefix(sizeof(Number));
  return true;
}

inline void append(std::string& out, const Fingerprint& fingerprint) {
  append(out, fingerprint.high);
  append(out, fingerprint.low);
}

inline bool take(std::string_view& in, Fingerprint& fingerprint) {
  return take(in, fingerprint.high) && take(in, fingerprint.low);
}

inline void append(std::string& out, const SchemaDirection& direction) {
  append(out, static_cast<std::uint16_t>(direction.members.size()));
  for (const SchemaMember& member : direction.members) {
    append(out, member.number);
    append(out, member.digest);
  }
}

inline bool take(std::string_view& in, std::vector<SchemaMember>& members) {
  std::uint16_t count = 0;
  members.clear();
  if (!take(in, count)) return false;
  for (; count > 0; --count) {
    SchemaMember member;
    if (!take(in, member.number) || !take(in, member.digest)) return false;
    if (member.number <= (members.empty() ? 0 : members.back().number)) return false;
    members.push_back(member);
  }
  return true;
}

/// Appends a TLV if there is room for it.
inline void append_tlv(std::string& tlvs, std::uint16_t type, const std::string& value,
                       std::size_t& room) {
  const std::size_t size = wire::kTlvHeaderSize + value.size();
  if (value.size() > UINT16_MAX || size > room) return;
  wire::append_tlv(tlvs, type, value);
  room -= size;
}

}  // namespace schema_tlvs

inline void append_schema(std::string& tlvs, const Schema& schema, std::size_t room) {
  const std::string_view name = name_on_wire(schema);
  std::string value(1, static_cast<char>(name.size()));
  value += name;
  schema_tlvs::append(value, schema.client_to_server.fingerprint);
  schema_tlvs::append(value, schema.server_to_client.fingerprint);
  schema_tlvs::append_tlv(tlvs, wire::kProtocolTlv, value, room);

  value.clear();
  schema_tlvs::append(value, schema.client_to_server);
  schema_tlvs::append(value, schema.server_to_client);
  schema_tlvs::append_tlv(tlvs, kMembersTlv, value, room);
}

inline bool read_schema_tlv(std::uint16_t type, std::string_view value, PeerSchema& peer) {
  using schema_tlvs::take;
  if (type == wire::kProtocolTlv && !peer.protocol) {
    std::uint8_t size = 0;
    if (!take(value, size) || size > value.size()) return false;
    peer.protocol = value.substr(0, size);
    value.remove_prefix(size);
    return take(value, peer.client_to_server.fingerprint) &&
           take(value, peer.server_to_client.fingerprint);
  }
  if (type == kMembersTlv && !peer.tells_members) {
    peer.tells_members = true;
    return take(value, peer.client_to_server.members) && take(value, peer.server_to_client.members);
  }
  return true;
}

}  // namespace messi::session

#endif  // MESSI_SESSION_SCHEMA_TLVS_H_

#ifndef MESSI_SESSION_SCHEMA_H_
#define MESSI_SESSION_SCHEMA_H_

// What matters on the wire of a protocol's schema: see doc/generated-code.md.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace messi::session {

/// 128 bits that are the same for schemas that are the same on the wire.
struct Fingerprint {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  friend constexpr bool operator==(const Fingerprint& a, const Fingerprint& b) {
    return a.high == b.high && a.low == b.low;
  }
  friend constexpr bool operator!=(const Fingerprint& a, const Fingerprint& b) { return !(a == b); }
};

struct SchemaMember {
  std::uint32_t number = 0;
  std::uint32_t digest = 0;  ///< The same for types that are the same on the wire.
  std::string_view name;     ///< "" if a peer has told it.
};

/// What one side sends.
struct SchemaDirection {
  Fingerprint fingerprint;
  std::vector<SchemaMember> members;  ///< By number.
};

struct Schema {
  /// From a text of generated code, which stays where it is:
  ///
  ///     client_to_server 8b1c1e9d0d3a5e0f 2d7f6c1b9a8e4d3c 2
  ///     1 9198a0da connect_req
  ///     2 0d6ba1d2 message_ind
  ///     server_to_client 13c39fc916907042 519e547f9f7c5d95 1
  ///     2 0d6ba1d2 message_ind
  ///     chat
  explicit Schema(const char* text);

  SchemaDirection client_to_server;
  SchemaDirection server_to_client;
  std::string protocol;  ///< The protocol's name: the package, or the name of the proto's file.
};

// ---------------------------------------------------------------------------------------------

/// Reads the lines of a direction; returns what follows.
inline const char* read_direction(const char* text, SchemaDirection& direction) {
  char* next = nullptr;
  direction.fingerprint.high = std::strtoull(std::strchr(text, ' '), &next, 16);
  direction.fingerprint.low = std::strtoull(next, &next, 16);
  direction.members.resize(std::strtoul(next, &next, 10));
  for (SchemaMember& member : direction.members) {
    member.number = static_cast<std::uint32_t>(std::strtoul(next, &next, 10));
    member.digest = static_cast<std::uint32_t>(std::strtoul(next, &next, 16));
    const char* const name = next + 1;
    next = std::strchr(next, '\n');
    member.name = {name, static_cast<std::size_t>(next - name)};
  }
  return next + 1;
}

inline Schema::Schema(const char* text) {
  protocol = read_direction(read_direction(text, client_to_server), server_to_client);
}

}  // namespace messi::session

#endif  // MESSI_SESSION_SCHEMA_H_

#ifndef MESSI_PLUGIN_FINGERPRINT_H_
#define MESSI_PLUGIN_FINGERPRINT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol.h"

namespace messi::plugin {

// What two peers tell each other of their schemas, so that a mismatch is noticed when they meet.
// It is the same in every language. doc/generated-code.md describes it for other implementations.

/// 128 bits, as two halves: the bytes on the wire are those of `high`, then those of `low`.
struct Fingerprint {
  std::uint64_t high;
  std::uint64_t low;
};

/// FNV-1a with 128 bits, and with 32.
Fingerprint fnv_128(std::string_view text);
std::uint32_t fnv_32(std::string_view text);

/// What matters on the wire of a message, and of all messages below it:
///
///     message 0
///     1 single string
///     2 repeated message 1
///     message 1
///
/// Messages are numbered in the order in which they are met first, fields are sorted by number.
std::string wire_text(const Message& message);

/// That of `ClientToServer` or `ServerToClient`.
Fingerprint fingerprint(const Direction& direction);

/// The part of it for one member's type.
std::uint32_t digest(const Member& member);

/// In the order of their numbers.
std::vector<const Member*> members_by_number(const Direction& direction);

/// A line for each direction and each member, and the name: what generated code has of all this.
/// See runtime/messi/session/schema.h.
std::vector<std::string> schema_lines(const Protocol& protocol);

/// The package, or without one the file's name without `.proto`.
std::string name_on_wire(const Protocol& protocol);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_FINGERPRINT_H_

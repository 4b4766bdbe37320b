#ifndef MESSI_PLUGIN_PROTOCOL_H_
#define MESSI_PLUGIN_PROTOCOL_H_

#include <optional>
#include <string>
#include <vector>

#include "diagnostics.h"
#include "schema.h"

namespace messi::plugin {

// The input of every language's emitter.

/// A member of a oneof `messages`.
struct Member {
  /// Whether it is one of a pair.
  bool is_request() const { return reply != nullptr; }
  bool is_reply() const { return request != nullptr; }

  const Field& field;          ///< Its number is what the wire carries.
  const Message& type;         ///< The field's type.
  bool type_is_unique = true;  ///< No other member of this direction has the type.

  // A request and its reply are a pair, in opposite directions.
  const Member* reply = nullptr;    ///< Of a request; null if it is none.
  const Member* request = nullptr;  ///< Of a reply; null if it is none.
};

/// The messages that one side sends.
struct Direction {
  const Message& message;       ///< `ClientToServer` or `ServerToClient`
  std::vector<Member> members;  ///< In the order of the proto. Never empty.
};

struct Protocol {
  /// The place for what is wrong with the protocol as a whole.
  const Location& location() const { return client_to_server.message.location; }

  const Schema& schema;
  const File& file;
  std::string name;  ///< `chat`, from the file's name. May have any character.
  Direction client_to_server;
  Direction server_to_client;

  // All types that the two directions use, each once, in the order in which they reach them.
  // (Entries of maps are not among them: they belong to the map.)
  std::vector<const Message*> messages;
  std::vector<const Enum*> enums;
};

/// The protocol that a file defines. Nothing if the file defines neither of the two messages; a
/// warning follows if that looks like a mistake. Nothing if it breaks the rules; the errors go to
/// `diagnostics`.
std::optional<Protocol> read_protocol(const Schema& schema, const File& file,
                                      Diagnostics& diagnostics);

/// Whether a direction has requests.
bool has_requests(const Direction& direction);
/// Whether one of the two has.
inline bool has_pairs(const Protocol& protocol) {
  return has_requests(protocol.client_to_server) || has_requests(protocol.server_to_client);
}

/// The file of the protocol, then those of its members' types, each once.
std::vector<const File*> files_of(const Protocol& protocol);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_PROTOCOL_H_

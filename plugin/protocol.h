#ifndef MESSI_PLUGIN_PROTOCOL_H_
#define MESSI_PLUGIN_PROTOCOL_H_

#include <optional>
#include <string>
#include <vector>

#include "diagnostics.h"
#include "schema.h"

namespace messi::plugin {

// What every language's emitter prints from.

/// A member of a oneof `messages`.
struct Member {
  const Field& field;          ///< Its number is what the wire carries.
  const Message& type;         ///< That of the field.
  bool type_is_unique = true;  ///< No other member of this direction has the type.
};

/// All that one side sends.
struct Direction {
  const Message& message;       ///< `ClientToServer` or `ServerToClient`
  std::vector<Member> members;  ///< In the order of the proto. Never empty.
};

struct Protocol {
  /// Where the protocol as a whole is defined.
  const Location& location() const { return client_to_server.message.location; }

  const Schema& schema;
  const File& file;
  std::string name;  ///< `chat`, from the file's name. May hold any character.
  Direction client_to_server;
  Direction server_to_client;

  // All that the two directions are made of, each once, in the order in which they lead to it.
  // (Entries of maps are not among them: they belong to the map.)
  std::vector<const Message*> messages;
  std::vector<const Enum*> enums;
};

/// The protocol that a file defines. Nothing if it defines neither of the two messages, of which it
/// warns if it looks like a mistake, and if it breaks the rules, which it then tells `diagnostics`.
std::optional<Protocol> read_protocol(const Schema& schema, const File& file,
                                      Diagnostics& diagnostics);

/// The file of the protocol, then those of its members' types, each once.
std::vector<const File*> files_of(const Protocol& protocol);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_PROTOCOL_H_

#ifndef MESSI_PLUGIN_PROTOCOL_H_
#define MESSI_PLUGIN_PROTOCOL_H_

#include <google/protobuf/descriptor.h>

#include <optional>
#include <string>
#include <vector>

#include "diagnostics.h"
#include "flat.h"
#include "texts.h"

namespace messi::plugin {

// The model that every language's emitter prints from. All names are the proto's own; what they
// become in a language is that emitter's business.

/// A comment of the proto as lines of text, without markers and trailing blanks. Every line is
/// safe behind `//` or `#`; none holds a control character or ends with a backslash.
using Comment = std::vector<std::string>;

/// A message, as a type.
struct MessageType {
  std::string full_name;           ///< `chat.Outer.Inner`
  std::string package;             ///< `chat`, empty if there is none.
  std::vector<std::string> scope;  ///< `{"Outer", "Inner"}`: the names below the package.
  std::string proto_path;          ///< The file that defines it: `acme/chat.proto`.
  bool deprecated = false;
  std::vector<FlatField> flat_fields;  ///< All fields, if the message is flat.
  int text_type = TextTypes::kNoText;  ///< Of Protocol::text_types.

  bool is_flat() const { return !flat_fields.empty(); }
  bool has_text() const { return text_type != TextTypes::kNoText; }
};

/// A member of a oneof `messages`.
struct Member {
  std::string name;  ///< `connect_req`
  int number = 0;    ///< The field number, which is what the wire carries.
  MessageType type;
  bool type_is_unique = true;  ///< No other member of this direction has the type.
  bool deprecated = false;
  Comment comment;
  Location location;
};

/// All that one side sends.
struct Direction {
  MessageType message;  ///< `ClientToServer` or `ServerToClient`
  Comment comment;
  std::vector<Member> members;  ///< In the order of the proto. Never empty.
  Location location;
};

struct Protocol {
  std::string proto_path;  ///< `acme/chat.proto`
  std::string name;        ///< `chat`, from the file's name. May hold any character.
  std::string package;     ///< `acme.chat`, empty if there is none.
  Comment comment;         ///< The one of the package, and the one at the top of the file.
  Direction client_to_server;
  Direction server_to_client;
  std::vector<TextType> text_types;  ///< Where there is text in the members.
  Location location;          ///< Where the protocol as a whole is defined: its ClientToServer.
  Location package_location;  ///< Where the package is.

  /// For what the model does not tell.
  const google::protobuf::FileDescriptor* file = nullptr;
};

/// The protocol that a file defines. Nothing if it defines neither of the two messages, of which it
/// warns if it looks like a mistake, and if it breaks the rules, which it then tells `diagnostics`.
std::optional<Protocol> read_protocol(const google::protobuf::FileDescriptor& file,
                                      Diagnostics& diagnostics);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_PROTOCOL_H_

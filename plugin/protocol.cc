#include "protocol.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "names.h"
#include "near_misses.h"
#include "pairs.h"

namespace messi::plugin {
namespace {

constexpr std::string_view kOneof = "messages";

/// A direction's name, and the hooks that do not belong to a member: the base class of the
/// receiving side has them in every language.
struct DirectionRules {
  std::string_view message;
  std::string_view opposite;
  std::string_view receiver;
  std::vector<std::string_view> reserved_hooks;
};

const DirectionRules& client_to_server_rules() {
  static const DirectionRules rules = {
      "ClientToServer",
      "ServerToClient",
      "server",
      {"authenticate", "client_arriving", "client_behind", "client_connected", "client_detached",
       "client_disconnected", "client_refused", "client_resumed", "client_session_lost",
       "client_writable", "handshake_failed", "schema_mismatch", "any_message", "unknown_message"}};
  return rules;
}

const DirectionRules& server_to_client_rules() {
  static const DirectionRules rules = {
      "ServerToClient",
      "ClientToServer",
      "client",
      {"connected", "detached", "disconnected", "connect_failure", "resumed", "schema_mismatch",
       "session_lost", "writable", "any_message", "unknown_message", "answer_unwanted"}};
  return rules;
}

/// Reads one direction, and refuses what must not be in it.
class DirectionReader {
 public:
  DirectionReader(const Message& message, const DirectionRules& rules, Diagnostics& diagnostics)
      : message_(message), rules_(rules), diagnostics_(diagnostics) {}

  Direction read() {
    check_oneofs();
    if (message_.has_extension_ranges) refuse_extension_ranges();
    Direction direction{message_, {}};
    for (const Field& field : message_.fields) {
      check_field(field);
      if (field.type == FieldType::kMessage) direction.members.push_back({field, *field.message});
    }
    mark_shared_types(direction.members);
    return direction;
  }

 private:
  void check_oneofs() {
    const std::vector<Oneof>& oneofs = message_.oneofs;
    if (oneofs.empty()) {
      error(
          message_, name() + " has no oneof",
          "write \"oneof messages { ... }\" in it, with a member for each message that it may be");
      return;
    }
    const bool has_messages = std::any_of(oneofs.begin(), oneofs.end(), is_right);
    for (const Oneof& oneof : oneofs) {
      if (is_right(oneof)) continue;
      if (oneofs.size() == 1) {
        error(oneof, "the oneof of " + name() + " is named " + in_quotes(oneof.name),
              "name it \"messages\"");
      } else if (has_messages || &oneof != &oneofs.front()) {
        error(oneof, name() + " has another oneof, " + in_quotes(oneof.name),
              "move its members into the oneof \"messages\"");
      } else {
        error(oneof, name() + " has several oneofs and none is named \"messages\"",
              "name this one \"messages\" and move all members into it");
      }
    }
  }

  static bool is_right(const Oneof& oneof) { return oneof.name == kOneof; }

  void refuse_extension_ranges() {
    error(message_, name() + " has extension ranges",
          "remove \"extensions\"; a protocol grows by members of the oneof \"messages\"");
  }

  void check_field(const Field& field) {
    if (field.oneof == nullptr) {
      error(field, "field " + in_quotes(field.name) + " of " + name() + " is outside the oneof",
            "put it into a message, and make that message a member of the oneof \"messages\"");
    } else if (field.type == FieldType::kGroup) {
      error(
          field, member(field) + " is delimited: a group, or features.message_encoding = DELIMITED",
          "make it an ordinary, length-prefixed field: " +
              declaration(field.message->name(), field,
                          is_group(field) ? "" : " [features.message_encoding = LENGTH_PREFIXED]"));
    } else if (field.type != FieldType::kMessage) {
      error(field, member(field) + " is of type " + type_name(field),
            "members are messages, so put it into one: " +
                declaration(pascal_case(field.name), field));
    } else if (is_among(rules_.reserved_hooks, field.name)) {
      error(field,
            member(field) + " would get the hook \"on_" + field.name + "\", which every " +
                std::string(rules_.receiver) + " has already",
            "give it another name, such as \"" + field.name + "_ind\"");
    }
  }

  /// Whether it is a group of proto2: `group Foo = 1 { ... }`, which makes a member foo. (For the
  /// library, a delimited field of an edition is a group too.)
  bool is_group(const Field& field) const {
    return field.message->parent == &message_ && lower_case(field.message->name()) == field.name;
  }

  static std::string declaration(const std::string& type, const Field& field,
                                 const std::string& options = "") {
    return in_quotes(type + ' ' + field.name + " = " + std::to_string(field.number) + options +
                     ';');
  }

  static std::string type_name(const Field& field) {
    return field.enumeration != nullptr ? field.enumeration->name()
                                        : std::string(name_of(field.type));
  }

  static void mark_shared_types(std::vector<Member>& members) {
    std::map<const Message*, int> uses;
    for (const Member& member : members) ++uses[&member.type];
    for (Member& member : members) member.type_is_unique = uses[&member.type] == 1;
  }

  void error(const Element& at, const std::string& problem, const std::string& remedy) {
    diagnostics_.error(at.location, problem, remedy);
  }

  std::string name() const { return std::string(rules_.message); }
  std::string member(const Field& field) const {
    return "member " + in_quotes(field.name) + " of " + name();
  }

  const Message& message_;
  const DirectionRules& rules_;
  Diagnostics& diagnostics_;
};

void refuse_half_a_protocol(const Message& present, const DirectionRules& rules,
                            Diagnostics& diagnostics) {
  const std::string message(rules.message);
  const std::string opposite(rules.opposite);
  diagnostics.error(present.location, "this file defines " + message + " but no " + opposite,
                    "write \"message " + opposite +
                        " { oneof messages { ... } }\" too, or rename " + message +
                        " if this is no protocol");
}

const Message* find(const File& file, std::string_view name) {
  const auto message = std::find_if(file.messages.begin(), file.messages.end(),
                                    [&](const Message& each) { return each.name() == name; });
  return message == file.messages.end() ? nullptr : &*message;
}

void find_types(Protocol& protocol) {
  std::set<const Type*> seen;
  std::vector<const Message*> messages;
  const auto add = [&](const auto* type, auto& types) {
    if (type != nullptr && seen.insert(type).second) types.push_back(type);
  };
  add(&protocol.client_to_server.message, messages);
  add(&protocol.server_to_client.message, messages);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const Message& message = *messages[i];
    if (!message.is_map_entry) protocol.messages.push_back(&message);
    for (const Field& field : message.fields) {
      add(field.message, messages);
      add(field.enumeration, protocol.enums);
    }
  }
}

}  // namespace

std::optional<Protocol> read_protocol(const Schema& schema, const File& file,
                                      Diagnostics& diagnostics) {
  const DirectionRules& up = client_to_server_rules();
  const DirectionRules& down = server_to_client_rules();
  const Message* client_to_server = find(file, up.message);
  const Message* server_to_client = find(file, down.message);
  if (client_to_server == nullptr && server_to_client == nullptr) {
    warn_of_near_misses(file, diagnostics);
    return std::nullopt;
  }

  Diagnostics found;
  const auto read = [&](const Message* message, const DirectionRules& rules) {
    return message == nullptr ? std::nullopt
                              : std::optional(DirectionReader(*message, rules, found).read());
  };
  std::optional<Direction> to_server = read(client_to_server, up);
  std::optional<Direction> to_client = read(server_to_client, down);
  if (!to_server) refuse_half_a_protocol(*server_to_client, down, found);
  if (!to_client) refuse_half_a_protocol(*client_to_server, up, found);
  if (!found.empty()) {
    diagnostics.add(std::move(found));
    return std::nullopt;
  }

  Protocol protocol{
      schema, file, base_name(file.path), std::move(*to_server), std::move(*to_client), {}, {}};
  find_pairs(protocol, found);
  if (!found.empty()) {
    diagnostics.add(std::move(found));
    return std::nullopt;
  }
  find_types(protocol);
  return protocol;
}

bool has_requests(const Direction& direction) {
  return std::any_of(direction.members.begin(), direction.members.end(),
                     [](const Member& member) { return member.is_request(); });
}

std::vector<const File*> files_of(const Protocol& protocol) {
  std::vector<const File*> files = {&protocol.file};
  for (const Direction* direction : {&protocol.client_to_server, &protocol.server_to_client}) {
    for (const Member& member : direction->members) {
      if (!is_among(files, member.type.file)) files.push_back(member.type.file);
    }
  }
  return files;
}

}  // namespace messi::plugin

#include "protocol.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "comments.h"
#include "descriptor_location.h"
#include "names.h"
#include "near_misses.h"

namespace messi::plugin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::OneofDescriptor;
using google::protobuf::SourceLocation;

constexpr std::string_view kOneof = "messages";

/// A direction's name, and the hooks that are not a member's: every language's base class for the
/// receiving side has these.
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
      {"client_arriving", "client_connected", "client_disconnected", "client_refused",
       "client_writable", "any_message", "unknown_message"}};
  return rules;
}

const DirectionRules& server_to_client_rules() {
  static const DirectionRules rules = {"ServerToClient",
                                       "ClientToServer",
                                       "client",
                                       {"connected", "disconnected", "connect_failure", "writable",
                                        "any_message", "unknown_message"}};
  return rules;
}

template <typename AnyDescriptor>
Comment comment_of(const AnyDescriptor& descriptor) {
  SourceLocation place;
  if (!descriptor.GetSourceLocation(&place)) return {};
  return join_comments(clean_comment(place.leading_comments),
                       clean_comment(place.trailing_comments));
}

/// Of the file's `syntax`, `edition` or `package` statement.
std::optional<SourceLocation> statement(const FileDescriptor& file, int field_number) {
  SourceLocation place;
  if (!file.GetSourceLocation({field_number}, &place)) return std::nullopt;
  return place;
}

Comment file_comment(const FileDescriptor& file) {
  const int syntax = FileDescriptorProto::kSyntaxFieldNumber;
  const int edition = 14;  // Not known to protobuf 3.21.
  const int package = FileDescriptorProto::kPackageFieldNumber;
  Comment comment;
  for (const int field_number : {syntax, edition, package}) {
    if (const auto place = statement(file, field_number)) {
      comment = join_comments(std::move(comment), clean_comment(place->leading_comments));
    }
  }
  return comment;
}

/// Kinds of messages that get code of their own.
struct Kinds {
  FlatMessages flat_messages;
  TextTypes text_types;
};

MessageType message_type(const Descriptor& message, Kinds& kinds) {
  MessageType type;
  type.full_name = to_string(message.full_name());
  type.package = to_string(message.file()->package());
  type.proto_path = to_string(message.file()->name());
  type.deprecated = message.options().deprecated();
  type.flat_fields = kinds.flat_messages.fields(message);
  for (const Descriptor* each = &message; each != nullptr; each = each->containing_type()) {
    type.scope.insert(type.scope.begin(), to_string(each->name()));
  }
  return type;
}

/// Reads one direction, and refuses what is not to be in it.
class DirectionReader {
 public:
  DirectionReader(const Descriptor& message, const DirectionRules& rules, Kinds& kinds,
                  Diagnostics& diagnostics)
      : message_(message), rules_(rules), kinds_(kinds), diagnostics_(diagnostics) {}

  Direction read() {
    check_oneofs();
    check_extension_ranges();
    Direction direction;
    direction.message = message_type(message_, kinds_);
    direction.comment = comment_of(message_);
    direction.location = location_of(message_);
    for (int i = 0; i < message_.field_count(); ++i) {
      const FieldDescriptor& field = *message_.field(i);
      check_field(field);
      if (field.type() == FieldDescriptor::TYPE_MESSAGE) {
        direction.members.push_back(read_member(field));
      }
    }
    mark_shared_types(direction.members);
    return direction;
  }

 private:
  void check_oneofs() {
    const int count = message_.real_oneof_decl_count();
    if (count == 0) {
      error(
          message_, name() + " has no oneof",
          "write \"oneof messages { ... }\" in it, with a member for each message that it may be");
      return;
    }
    bool has_messages = false;
    for (int i = 0; i < count; ++i) {
      has_messages = has_messages || to_string(message_.oneof_decl(i)->name()) == kOneof;
    }
    for (int i = 0; i < count; ++i) {
      const OneofDescriptor& oneof = *message_.oneof_decl(i);
      const std::string oneof_name = to_string(oneof.name());
      if (oneof_name == kOneof) continue;
      if (count == 1) {
        error(oneof, "the oneof of " + name() + " is named " + in_quotes(oneof_name),
              "name it \"messages\"");
      } else if (has_messages || i > 0) {
        error(oneof, name() + " has another oneof, " + in_quotes(oneof_name),
              "move its members into the oneof \"messages\"");
      } else {
        error(oneof, name() + " has several oneofs and none is named \"messages\"",
              "name this one \"messages\" and move all members into it");
      }
    }
  }

  void check_extension_ranges() {
    if (message_.extension_range_count() == 0) return;
    error(message_, name() + " has extension ranges",
          "remove \"extensions\"; a protocol grows by members of the oneof \"messages\"");
  }

  void check_field(const FieldDescriptor& field) {
    const std::string field_name = to_string(field.name());
    if (field.real_containing_oneof() == nullptr) {
      error(field, "field " + in_quotes(field_name) + " of " + name() + " is outside the oneof",
            "put it into a message, and make that message a member of the oneof \"messages\"");
    } else if (field.type() == FieldDescriptor::TYPE_GROUP) {
      error(
          field,
          member(field_name) + " is delimited: a group, or features.message_encoding = DELIMITED",
          "make it an ordinary, length-prefixed field: " +
              declaration(to_string(field.message_type()->name()), field,
                          is_group(field) ? "" : " [features.message_encoding = LENGTH_PREFIXED]"));
    } else if (field.type() != FieldDescriptor::TYPE_MESSAGE) {
      error(field, member(field_name) + " is of type " + type_name(field),
            "members are messages, so put it into one: " +
                declaration(pascal_case(field_name), field));
    } else {
      check_hook(field, field_name);
    }
  }

  void check_hook(const FieldDescriptor& field, const std::string& field_name) {
    const auto& reserved = rules_.reserved_hooks;
    if (std::find(reserved.begin(), reserved.end(), field_name) == reserved.end()) return;
    error(field,
          member(field_name) + " would get the hook \"on_" + field_name + "\", which every " +
              std::string(rules_.receiver) + " has already",
          "give it another name, such as \"" + field_name + "_ind\"");
  }

  /// Whether it is written as proto2 writes groups: `group Foo = 1 { ... }`, which makes a member
  /// foo. (To the library, a delimited field of an edition is a group too.)
  static bool is_group(const FieldDescriptor& field) {
    return field.message_type()->containing_type() == field.containing_type() &&
           lower_case(to_string(field.message_type()->name())) == to_string(field.name());
  }

  static std::string declaration(const std::string& type, const FieldDescriptor& field,
                                 const std::string& options = "") {
    return in_quotes(type + ' ' + to_string(field.name()) + " = " + std::to_string(field.number()) +
                     options + ';');
  }

  static std::string type_name(const FieldDescriptor& field) {
    if (field.type() == FieldDescriptor::TYPE_ENUM) return to_string(field.enum_type()->name());
    return std::string(field.type_name());
  }

  Member read_member(const FieldDescriptor& field) {
    Member member;
    member.name = to_string(field.name());
    member.number = field.number();
    member.type = message_type(*field.message_type(), kinds_);
    member.type.text_type = kinds_.text_types.index(*field.message_type());
    member.deprecated = field.options().deprecated();
    member.comment = comment_of(field);
    member.location = location_of(field);
    return member;
  }

  static void mark_shared_types(std::vector<Member>& members) {
    std::map<std::string, int> uses;
    for (const Member& member : members) ++uses[member.type.full_name];
    for (Member& member : members) member.type_is_unique = uses[member.type.full_name] == 1;
  }

  template <typename AnyDescriptor>
  void error(const AnyDescriptor& descriptor, const std::string& problem,
             const std::string& remedy) {
    diagnostics_.error(location_of(descriptor), problem, remedy);
  }

  std::string name() const { return std::string(rules_.message); }
  std::string member(const std::string& field_name) const {
    return "member " + in_quotes(field_name) + " of " + name();
  }

  const Descriptor& message_;
  const DirectionRules& rules_;
  Kinds& kinds_;
  Diagnostics& diagnostics_;
};

void refuse_half_a_protocol(const Descriptor& present, const DirectionRules& rules,
                            Diagnostics& diagnostics) {
  const std::string message(rules.message);
  const std::string opposite(rules.opposite);
  diagnostics.error(location_of(present), "this file defines " + message + " but no " + opposite,
                    "write \"message " + opposite +
                        " { oneof messages { ... } }\" too, or rename " + message +
                        " if this is no protocol");
}

}  // namespace

std::optional<Protocol> read_protocol(const FileDescriptor& file, Diagnostics& diagnostics) {
  const DirectionRules& up = client_to_server_rules();
  const DirectionRules& down = server_to_client_rules();
  const Descriptor* client_to_server = file.FindMessageTypeByName(std::string(up.message));
  const Descriptor* server_to_client = file.FindMessageTypeByName(std::string(down.message));
  if (client_to_server == nullptr && server_to_client == nullptr) {
    warn_of_near_misses(file, diagnostics);
    return std::nullopt;
  }

  Diagnostics found;
  Kinds kinds;
  Protocol protocol;
  if (client_to_server == nullptr) {
    refuse_half_a_protocol(*server_to_client, down, found);
  } else {
    protocol.client_to_server = DirectionReader(*client_to_server, up, kinds, found).read();
  }
  if (server_to_client == nullptr) {
    refuse_half_a_protocol(*client_to_server, up, found);
  } else {
    protocol.server_to_client = DirectionReader(*server_to_client, down, kinds, found).read();
  }
  if (!found.empty()) {
    diagnostics.add(std::move(found));
    return std::nullopt;
  }

  protocol.proto_path = to_string(file.name());
  protocol.name = base_name(protocol.proto_path);
  protocol.package = to_string(file.package());
  protocol.comment = file_comment(file);
  protocol.location = protocol.client_to_server.location;
  if (const auto place = statement(file, FileDescriptorProto::kPackageFieldNumber)) {
    protocol.package_location = to_location(file, *place);
  } else {
    protocol.package_location = {protocol.proto_path};
  }
  protocol.text_types = kinds.text_types.all();
  protocol.file = &file;
  return protocol;
}

}  // namespace messi::plugin

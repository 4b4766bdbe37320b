#ifndef MESSI_PLUGIN_SCHEMA_H_
#define MESSI_PLUGIN_SCHEMA_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnostics.h"

namespace messi::plugin {

// The protos of a run, with each thing once. All names are as in the proto; an emitter makes names
// of its language from them. Pointers lead to things of the same schema.

/// A comment of the proto as lines of text, without markers and trailing blanks. Every line is
/// safe after `//` or `#`: none has a control character or ends with a backslash.
using Comment = std::vector<std::string>;

struct File;
struct Message;

/// Anything that is written in a proto.
struct Element {
  Comment comment;
  Location location;
};

/// What messages and enums have in common.
struct Type : Element {
  const std::string& name() const { return scope.back(); }

  std::string full_name;            ///< `chat.Outer.Inner`
  std::vector<std::string> scope;   ///< `{"Outer", "Inner"}`: the names below the package.
  const File* file = nullptr;       ///< The file that defines it.
  const Message* parent = nullptr;  ///< The message around it, or null.
  bool deprecated = false;
};

struct EnumValue : Element {
  std::string name;
  int number = 0;
  bool deprecated = false;
};

struct Enum : Type {
  std::vector<EnumValue> values;  ///< In the order of the proto. Never empty.
  bool is_closed = false;         ///< A number without a value is an unknown field.
};

/// Numbered as in descriptor.proto.
enum class FieldType {
  kDouble = 1,
  kFloat = 2,
  kInt64 = 3,
  kUint64 = 4,
  kInt32 = 5,
  kFixed64 = 6,
  kFixed32 = 7,
  kBool = 8,
  kString = 9,
  kGroup = 10,  ///< A message with delimiters instead of a length.
  kMessage = 11,
  kBytes = 12,
  kUint32 = 13,
  kEnum = 14,
  kSfixed32 = 15,
  kSfixed64 = 16,
  kSint32 = 17,
  kSint64 = 18,
};

/// `int32`, `message`
std::string_view name_of(FieldType type);

/// How often a field occurs.
enum class Label {
  kImplicit,  ///< Once, and absent is the same as zero: `int32 a = 1;` of proto3.
  kOptional,  ///< At most once. Also members of oneofs, and single messages.
  kRequired,
  kRepeated,
};

/// `implicit`, `required`
std::string_view name_of(Label label);

struct Oneof : Element {
  std::string name;
};

struct Field : Element {
  /// Whether it is a map. Then its message is an entry, with the fields `key` and `value`.
  bool is_map() const;

  std::string name;
  int number = 0;
  FieldType type = FieldType::kInt32;
  Label label = Label::kImplicit;
  const Message* message = nullptr;          ///< If it is a message or group.
  const Enum* enumeration = nullptr;         ///< If it is an enum.
  const Oneof* oneof = nullptr;              ///< If it is a member of one.
  std::optional<std::string> default_value;  ///< If there is one, as in descriptor.proto.
  std::optional<std::string> reply;          ///< The option `(messi.reply)`, if it is there.
  bool is_packed = false;
  bool must_be_utf8 = false;  ///< It is text, and its parsers refuse what is not UTF-8.
  bool has_ctype = false;     ///< The option `ctype` gives it another C++ type than std::string.
  bool deprecated = false;
};

/// Only the names of extensions are known.
struct Extension : Element {
  std::string name;
  std::string full_name;
};

struct Message : Type {
  std::vector<Field> fields;  ///< In the order of the proto.
  std::vector<Oneof> oneofs;
  std::vector<Message> messages;
  std::vector<Enum> enums;
  std::vector<Extension> extensions;  ///< Those written in it, whatever they extend.
  bool has_extension_ranges = false;
  bool is_map_entry = false;
};

struct Service {
  std::string full_name;
  bool has_cpp_class = false;  ///< The option `cc_generic_services` asks for one.
};

struct File {
  std::string path;     ///< `acme/chat.proto`
  std::string package;  ///< `acme.chat`, or empty.
  bool is_proto3 = false;
  Comment comment;  ///< That of the package, and that at the top of the file.
  Location package_location;
  std::vector<const File*> imports;
  std::vector<Message> messages;
  std::vector<Enum> enums;
  std::vector<Extension> extensions;
  std::vector<Service> services;
};

struct Schema {
  Schema() = default;
  Schema(Schema&&) = default;
  Schema& operator=(Schema&&) = default;
  Schema(const Schema&) = delete;
  Schema& operator=(const Schema&) = delete;
  ~Schema() = default;

  /// Null if there is no such file.
  const File* find_file(std::string_view path) const;

  std::deque<File> files;  ///< The files of the run and all imports, each after its imports.
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SCHEMA_H_

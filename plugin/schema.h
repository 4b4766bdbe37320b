#ifndef MESSI_PLUGIN_SCHEMA_H_
#define MESSI_PLUGIN_SCHEMA_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnostics.h"

namespace messi::plugin {

// What the protos of a run say, each thing once. All names are the proto's own; what they become in
// a language is that emitter's business. Pointers lead to things of the same schema.

/// A comment of the proto as lines of text, without markers and trailing blanks. Every line is
/// safe behind `//` or `#`; none holds a control character or ends with a backslash.
using Comment = std::vector<std::string>;

struct File;
struct Message;

/// Whatever is written in a proto.
struct Element {
  Comment comment;
  Location location;
};

/// What messages and enums have in common.
struct Type : Element {
  const std::string& name() const { return scope.back(); }

  std::string full_name;            ///< `chat.Outer.Inner`
  std::vector<std::string> scope;   ///< `{"Outer", "Inner"}`: the names below the package.
  const File* file = nullptr;       ///< Where it is defined.
  const Message* parent = nullptr;  ///< What it is nested in, if it is.
  bool deprecated = false;
};

struct EnumValue : Element {
  std::string name;
  int number = 0;
  bool deprecated = false;
};

struct Enum : Type {
  std::vector<EnumValue> values;  ///< In the order of the proto. Never empty.
  bool is_closed = false;         ///< A number that it does not have is an unknown field.
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
  kGroup = 10,  ///< A message that is delimited instead of prefixed by its length.
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
  kImplicit,  ///< Once, and it does not count whether it is absent or zero: `int32 a = 1;` of
              ///< proto3.
  kOptional,  ///< At most once. Members of oneofs are such, and single messages.
  kRequired,
  kRepeated,
};

/// `implicit`, `required`
std::string_view name_of(Label label);

struct Oneof : Element {
  std::string name;
};

struct Field : Element {
  /// Whether it is a map. Its message is then an entry, with the fields `key` and `value`.
  bool is_map() const;

  std::string name;
  int number = 0;
  FieldType type = FieldType::kInt32;
  Label label = Label::kImplicit;
  const Message* message = nullptr;          ///< Of a message or group.
  const Enum* enumeration = nullptr;         ///< Of an enum.
  const Oneof* oneof = nullptr;              ///< What it is a member of, if it is.
  std::optional<std::string> default_value;  ///< If the proto says one: as descriptor.proto has it.
  bool is_packed = false;
  bool must_be_utf8 = false;  ///< It is text, and its parsers refuse what is not UTF-8.
  bool has_ctype = false;     ///< Its C++ type is another than std::string, by the option `ctype`.
  bool deprecated = false;
};

/// Of extensions only their names are known.
struct Extension : Element {
  std::string name;
  std::string full_name;
};

struct Message : Type {
  std::vector<Field> fields;  ///< In the order of the proto.
  std::vector<Oneof> oneofs;
  std::vector<Message> messages;
  std::vector<Enum> enums;
  std::vector<Extension> extensions;  ///< Those that are written in it, whatever they extend.
  bool has_extension_ranges = false;
  bool is_map_entry = false;
};

struct Service {
  std::string full_name;
  bool has_cpp_class = false;  ///< By the option `cc_generic_services`.
};

struct File {
  std::string path;     ///< `acme/chat.proto`
  std::string package;  ///< `acme.chat`, empty if there is none.
  bool is_proto3 = false;
  Comment comment;  ///< The one of the package, and the one at the top of the file.
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

  std::deque<File> files;  ///< Those of the run and all that they import, each behind its imports.
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SCHEMA_H_

#include "schema_reader.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <limits>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "comments.h"
#include "editions.h"
#include "names.h"

namespace messi::plugin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FieldOptions;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::OneofDescriptor;
using google::protobuf::SourceLocation;

Location to_location(const FileDescriptor& file, const SourceLocation& place) {
  // A place that is not in a file, such as INT_MAX, is unknown.
  const auto counted_from_1 = [](int number) {
    return number < 0 || number == std::numeric_limits<int>::max() ? 0 : number + 1;
  };
  return {to_string(file.name()), counted_from_1(place.start_line),
          counted_from_1(place.start_column)};
}

/// Where `descriptor` begins, and its comment. Without source information, only its file.
template <typename AnyDescriptor>
void read_source(const AnyDescriptor& descriptor, Element& element) {
  SourceLocation place;
  if (!descriptor.GetSourceLocation(&place)) {
    element.location = {to_string(descriptor.file()->name())};
    return;
  }
  element.location = to_location(*descriptor.file(), place);
  element.comment =
      join_comments(clean_comment(place.leading_comments), clean_comment(place.trailing_comments));
}

/// The file's `syntax`, `edition` and `package` statements.
void read_statements(const FileDescriptor& descriptor, File& file) {
  const int syntax = FileDescriptorProto::kSyntaxFieldNumber;
  const int edition = 14;  // Not known to protobuf 3.21.
  const int package = FileDescriptorProto::kPackageFieldNumber;
  file.package_location = {file.path};
  for (const int statement : {syntax, edition, package}) {
    SourceLocation place;
    if (!descriptor.GetSourceLocation({statement}, &place)) continue;
    file.comment = join_comments(std::move(file.comment), clean_comment(place.leading_comments));
    if (statement == package) file.package_location = to_location(descriptor, place);
  }
}

bool is_proto3(const FileDescriptor& file) {
  // FileDescriptor names it differently in each release.
  FileDescriptorProto proto;
  file.CopyTo(&proto);
  return proto.syntax() == "proto3";
}

bool has_ctype(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return false;
#if GOOGLE_PROTOBUF_VERSION >= 6030000  // which hides it from the options
  FieldDescriptorProto proto;
  field.CopyTo(&proto);
  return proto.options().ctype() != FieldOptions::STRING;
#else
  return field.options().ctype() != FieldOptions::STRING;
#endif
}

std::string default_value(const FieldDescriptor& field) {
  FieldDescriptorProto proto;
  field.CopyTo(&proto);
  return proto.default_value();
}

/// The value of `(messi.reply)`. This program knows the option only from `messi/options.proto`,
/// which the proto imports.
std::optional<std::string> reply(const FieldDescriptor& field) {
  const auto* const option = field.file()->pool()->FindExtensionByName("messi.reply");
  if (option == nullptr) return std::nullopt;
  std::optional<std::string> value;
  const google::protobuf::UnknownFieldSet& options = field.options().unknown_fields();
  for (int i = 0; i < options.field_count(); ++i) {
    const google::protobuf::UnknownField& each = options.field(i);
    const bool is_it = each.number() == option->number() &&
                       each.type() == google::protobuf::UnknownField::TYPE_LENGTH_DELIMITED;
    if (is_it) value = to_string(each.length_delimited());
  }
  return value;
}

Label label_of(const FieldDescriptor& field) {
  if (field.is_repeated()) return Label::kRepeated;
  if (field.is_required()) return Label::kRequired;
  return has_presence(field) ? Label::kOptional : Label::kImplicit;
}

class Reader {
 public:
  Schema read(const std::vector<const FileDescriptor*>& files) {
    for (const FileDescriptor* file : files) read_file(*file);
    // Only now, since messages may contain each other in circles.
    for (const auto& [descriptor, field] : fields_) {
      if (const auto* message = descriptor->message_type()) field->message = messages_.at(message);
      if (const auto* enumeration = descriptor->enum_type()) {
        field->enumeration = enums_.at(enumeration);
      }
    }
    return std::move(schema_);
  }

 private:
  const File* read_file(const FileDescriptor& descriptor) {
    if (const auto known = files_.find(&descriptor); known != files_.end()) return known->second;
    std::vector<const File*> imports;
    reserve(imports, descriptor.dependency_count());
    for (int i = 0; i < descriptor.dependency_count(); ++i) {
      imports.push_back(read_file(*descriptor.dependency(i)));
    }
    File& file = schema_.files.emplace_back();
    files_.emplace(&descriptor, &file);
    file.path = to_string(descriptor.name());
    file.package = to_string(descriptor.package());
    file.is_proto3 = is_proto3(descriptor);
    file.imports = std::move(imports);
    read_statements(descriptor, file);
    reserve(file.messages, descriptor.message_type_count());
    for (int i = 0; i < descriptor.message_type_count(); ++i) {
      read_message(*descriptor.message_type(i), file, nullptr, file.messages.emplace_back());
    }
    read_enums_and_extensions(descriptor, file, nullptr, file);
    for (int i = 0; i < descriptor.service_count(); ++i) {
      file.services.push_back({to_string(descriptor.service(i)->full_name()),
                               descriptor.options().cc_generic_services()});
    }
    return &file;
  }

  void read_message(const Descriptor& descriptor, const File& file, const Message* parent,
                    Message& message) {
    messages_.emplace(&descriptor, &message);
    read_type(descriptor, file, parent, message);
    message.has_extension_ranges = descriptor.extension_range_count() > 0;
    message.is_map_entry = descriptor.options().map_entry();
    reserve(message.oneofs, descriptor.real_oneof_decl_count());
    for (int i = 0; i < descriptor.real_oneof_decl_count(); ++i) {
      Oneof& oneof = message.oneofs.emplace_back();
      oneof.name = to_string(descriptor.oneof_decl(i)->name());
      read_source(*descriptor.oneof_decl(i), oneof);
    }
    reserve(message.fields, descriptor.field_count());
    for (int i = 0; i < descriptor.field_count(); ++i) {
      read_field(*descriptor.field(i), message, message.fields.emplace_back());
    }
    reserve(message.messages, descriptor.nested_type_count());
    for (int i = 0; i < descriptor.nested_type_count(); ++i) {
      read_message(*descriptor.nested_type(i), file, &message, message.messages.emplace_back());
    }
    read_enums_and_extensions(descriptor, file, &message, message);
  }

  /// Those of a file or a message.
  template <typename AnyDescriptor, typename Scope>
  void read_enums_and_extensions(const AnyDescriptor& descriptor, const File& file,
                                 const Message* parent, Scope& scope) {
    reserve(scope.enums, descriptor.enum_type_count());
    for (int i = 0; i < descriptor.enum_type_count(); ++i) {
      read_enum(*descriptor.enum_type(i), file, parent, scope.enums.emplace_back());
    }
    for (int i = 0; i < descriptor.extension_count(); ++i) {
      const FieldDescriptor& each = *descriptor.extension(i);
      Extension& extension = scope.extensions.emplace_back();
      extension.name = to_string(each.name());
      extension.full_name = to_string(each.full_name());
      read_source(each, extension);
    }
  }

  void read_enum(const EnumDescriptor& descriptor, const File& file, const Message* parent,
                 Enum& enumeration) {
    enums_.emplace(&descriptor, &enumeration);
    read_type(descriptor, file, parent, enumeration);
    enumeration.is_closed = is_closed(descriptor);
    for (int i = 0; i < descriptor.value_count(); ++i) {
      const EnumValueDescriptor& each = *descriptor.value(i);
      EnumValue& value = enumeration.values.emplace_back();
      value.name = to_string(each.name());
      value.number = each.number();
      value.deprecated = each.options().deprecated();
      read_source(each, value);
    }
  }

  template <typename AnyDescriptor>
  void read_type(const AnyDescriptor& descriptor, const File& file, const Message* parent,
                 Type& type) {
    type.full_name = to_string(descriptor.full_name());
    if (parent != nullptr) type.scope = parent->scope;
    type.scope.push_back(to_string(descriptor.name()));
    type.file = &file;
    type.parent = parent;
    type.deprecated = descriptor.options().deprecated();
    read_source(descriptor, type);
  }

  void read_field(const FieldDescriptor& descriptor, const Message& message, Field& field) {
    fields_.emplace_back(&descriptor, &field);
    field.name = to_string(descriptor.name());
    field.number = descriptor.number();
    field.type = static_cast<FieldType>(descriptor.type());
    field.label = label_of(descriptor);
    if (const OneofDescriptor* oneof = descriptor.real_containing_oneof()) {
      field.oneof = &message.oneofs[static_cast<std::size_t>(oneof->index())];
    }
    if (descriptor.has_default_value()) field.default_value = default_value(descriptor);
    field.reply = reply(descriptor);
    field.is_packed = is_packed(descriptor);
    field.must_be_utf8 = must_be_utf8(descriptor);
    field.has_ctype = has_ctype(descriptor);
    field.deprecated = descriptor.options().deprecated();
    read_source(descriptor, field);
  }

  /// There are pointers into it, so its elements must not move.
  template <typename Things>
  static void reserve(Things& things, int count) {
    things.reserve(static_cast<std::size_t>(count));
  }

  Schema schema_;
  std::map<const FileDescriptor*, const File*> files_;
  std::map<const Descriptor*, const Message*> messages_;
  std::map<const EnumDescriptor*, const Enum*> enums_;
  std::vector<std::pair<const FieldDescriptor*, Field*>> fields_;
};

}  // namespace

Schema read_schema(const std::vector<const FileDescriptor*>& files) { return Reader().read(files); }

}  // namespace messi::plugin

#include "editions.h"

#if GOOGLE_PROTOBUF_VERSION >= 5027000

#include <google/protobuf/compiler/plugin.h>

namespace messi::plugin {

bool must_be_utf8(const google::protobuf::FieldDescriptor& field) {
  return field.requires_utf8_validation();
}

bool has_presence(const google::protobuf::FieldDescriptor& field) { return field.has_presence(); }

bool is_packed(const google::protobuf::FieldDescriptor& field) { return field.is_packed(); }

bool is_closed(const google::protobuf::EnumDescriptor& enumeration) {
  return enumeration.is_closed();
}

int run_plugin(int argc, char* argv[], const google::protobuf::compiler::CodeGenerator& generator) {
  return google::protobuf::compiler::PluginMain(argc, argv, &generator);
}

}  // namespace messi::plugin

#endif

#if GOOGLE_PROTOBUF_VERSION < 5027000

#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/compiler/plugin.pb.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace messi::plugin {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumDescriptorProto;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldDescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using google::protobuf::FileOptions;
using google::protobuf::Message;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;
using google::protobuf::compiler::CodeGenerator;
using google::protobuf::compiler::CodeGeneratorRequest;
using google::protobuf::compiler::CodeGeneratorResponse;

// From the descriptor.proto that has editions.
constexpr int kFileFeatures = 50;
constexpr int kFieldFeatures = 21;
constexpr int kEnumFeatures = 7;
constexpr int kFieldPresence = 1;
constexpr int kImplicit = 2;
constexpr int kLegacyRequired = 3;
constexpr int kEnumType = 2;
constexpr int kOpen = 1;
constexpr int kClosed = 2;
constexpr int kRepeatedFieldEncoding = 3;
constexpr int kPacked = 1;
constexpr int kUtf8Validation = 4;
constexpr int kVerify = 2;
constexpr int kMessageEncoding = 5;
constexpr int kDelimited = 2;

// From the plugin.proto that has editions.
constexpr int kFeatureSupportsEditions = 2;
constexpr int kMinimumEditionField = 3;
constexpr int kMaximumEditionField = 4;

bool has_editions(const FileDescriptorProto& file) { return file.syntax() == "editions"; }

/// A feature, if these options set it.
template <typename AnyOptions>
std::optional<int> feature(const AnyOptions& options, int features_field, int number) {
  std::optional<int> value;
  const UnknownFieldSet& unknown = options.GetReflection()->GetUnknownFields(options);
  for (int i = 0; i < unknown.field_count(); ++i) {
    const UnknownField& features = unknown.field(i);
    if (features.number() != features_field) continue;
    if (features.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    UnknownFieldSet set;
    if (!set.ParseFromString(features.length_delimited())) continue;
    for (int j = 0; j < set.field_count(); ++j) {
      const UnknownField& each = set.field(j);
      if (each.number() != number) continue;
      if (each.type() == UnknownField::TYPE_VARINT) value = static_cast<int>(each.varint());
    }
  }
  return value;
}

bool is_map(const FieldDescriptorProto& field, const DescriptorProto& message) {
  const auto& nested = message.nested_type();
  return std::any_of(nested.begin(), nested.end(), [&](const DescriptorProto& each) {
    const std::string name = '.' + message.name() + '.' + each.name();
    const std::string& type = field.type_name();
    return each.options().map_entry() && type.size() >= name.size() &&
           type.compare(type.size() - name.size(), name.size(), name) == 0;
  });
}

/// Writes in terms of proto2 which fields are delimited, and so groups, and which are required.
void say_as_proto2(DescriptorProto& message, int encoding_of_file) {
  for (FieldDescriptorProto& field : *message.mutable_field()) {
    if (feature(field.options(), kFieldFeatures, kFieldPresence) == kLegacyRequired) {
      field.set_label(FieldDescriptorProto::LABEL_REQUIRED);
    }
    if (field.type() != FieldDescriptorProto::TYPE_MESSAGE || is_map(field, message)) continue;
    if (feature(field.options(), kFieldFeatures, kMessageEncoding).value_or(encoding_of_file) ==
        kDelimited) {
      field.set_type(FieldDescriptorProto::TYPE_GROUP);
    }
  }
  for (DescriptorProto& nested : *message.mutable_nested_type()) {
    say_as_proto2(nested, encoding_of_file);
  }
}

/// Writes out the defaults of the edition, so that they are still known when the file is proto2.
void say_utf8_validation(FileDescriptorProto& file) {
  if (feature(file.options(), kFileFeatures, kUtf8Validation)) return;
  auto& options = *file.mutable_options();
  UnknownFieldSet features;
  features.AddVarint(kUtf8Validation, kVerify);
  std::string bytes;
  features.SerializeToString(&bytes);
  UnknownFieldSet& unknown = *FileOptions::GetReflection()->MutableUnknownFields(&options);
  unknown.AddLengthDelimited(kFileFeatures, bytes);
}

void become_proto2(FileDescriptorProto& file) {
  const int encoding = feature(file.options(), kFileFeatures, kMessageEncoding).value_or(0);
  for (DescriptorProto& message : *file.mutable_message_type()) say_as_proto2(message, encoding);
  say_utf8_validation(file);
  file.set_syntax("proto2");
}

void collect_enums(const std::string& scope, const DescriptorProto& message,
                   std::set<std::string>& names) {
  const std::string full_name = scope + '.' + message.name();
  for (const EnumDescriptorProto& each : message.enum_type()) {
    names.insert(full_name + '.' + each.name());
  }
  for (const DescriptorProto& nested : message.nested_type()) {
    collect_enums(full_name, nested, names);
  }
}

std::set<std::string> enums_of(const FileDescriptorProto& file) {
  const std::string scope = file.package().empty() ? "" : '.' + file.package();
  std::set<std::string> names;
  for (const EnumDescriptorProto& each : file.enum_type()) names.insert(scope + '.' + each.name());
  for (const DescriptorProto& message : file.message_type()) collect_enums(scope, message, names);
  return names;
}

void replace_enums(DescriptorProto& message, const std::set<std::string>& enums) {
  for (FieldDescriptorProto& field : *message.mutable_field()) {
    if (field.type() != FieldDescriptorProto::TYPE_ENUM || enums.count(field.type_name()) == 0) {
      continue;
    }
    field.set_type(FieldDescriptorProto::TYPE_INT32);
    field.clear_type_name();
  }
  for (DescriptorProto& nested : *message.mutable_nested_type()) replace_enums(nested, enums);
}

void adapt(CodeGeneratorRequest& request) {
  std::set<std::string> enums;
  for (FileDescriptorProto& file : *request.mutable_proto_file()) {
    if (!has_editions(file)) continue;
    enums.merge(enums_of(file));
    become_proto2(file);
  }
  if (enums.empty()) return;
  // A proto3 message may have fields of an edition's enum, but of no proto2 enum.
  for (FileDescriptorProto& file : *request.mutable_proto_file()) {
    if (file.syntax() != "proto3") continue;
    for (DescriptorProto& message : *file.mutable_message_type()) replace_enums(message, enums);
  }
}

void declare_editions(CodeGeneratorResponse& response) {
  response.set_supported_features(response.supported_features() | kFeatureSupportsEditions);
  UnknownFieldSet& unknown =
      *CodeGeneratorResponse::GetReflection()->MutableUnknownFields(&response);
  unknown.AddVarint(kMinimumEditionField, kOldestEdition);
  unknown.AddVarint(kMaximumEditionField, kNewestEdition);
}

/// Why libprotobuf refuses a request: GenerateCode only logs that.
std::string refusal(const CodeGeneratorRequest& request) {
  class Collector : public google::protobuf::DescriptorPool::ErrorCollector {
   public:
    void AddError(const std::string& file, const std::string& element, const Message*,
                  ErrorLocation, const std::string& problem) override {
      text += '\n' + file + ": error: " + problem + " (" + element + ')';
    }
    std::string text;
  };
  Collector errors;
  google::protobuf::DescriptorPool pool;
  for (const FileDescriptorProto& file : request.proto_file()) {
    if (pool.BuildFileCollectingErrors(file, &errors) == nullptr) break;
  }
  return "protobuf " + std::to_string(GOOGLE_PROTOBUF_VERSION / 1000 % 1000) +
         ", which this plugin was built with, does not accept what protoc sent" + errors.text;
}

/// Such a file has the feature: it was written out above.
bool is_of_edition(const FileDescriptor& file) {
  return feature(file.options(), kFileFeatures, kUtf8Validation).has_value();
}

/// A feature, if the descriptor or its file sets it.
template <typename AnyDescriptor>
std::optional<int> feature_of(const AnyDescriptor& descriptor, int features_field, int number) {
  const std::optional<int> own = feature(descriptor.options(), features_field, number);
  return own ? own : feature(descriptor.file()->options(), kFileFeatures, number);
}

}  // namespace

bool must_be_utf8(const FieldDescriptor& field) {
  if (field.type() != FieldDescriptor::TYPE_STRING) return false;
  if (field.file()->syntax() == FileDescriptor::SYNTAX_PROTO3) return true;
  return feature_of(field, kFieldFeatures, kUtf8Validation) == kVerify;
}

bool has_presence(const FieldDescriptor& field) {
  const bool is_number_or_text =
      field.message_type() == nullptr && field.containing_oneof() == nullptr;
  if (is_number_or_text && feature_of(field, kFieldFeatures, kFieldPresence) == kImplicit)
    return false;
  return field.has_presence();
}

bool is_packed(const FieldDescriptor& field) {
  if (!is_of_edition(*field.file())) return field.is_packed();
  return field.is_packable() &&
         feature_of(field, kFieldFeatures, kRepeatedFieldEncoding).value_or(kPacked) == kPacked;
}

bool is_closed(const EnumDescriptor& enumeration) {
  if (enumeration.file()->syntax() == FileDescriptor::SYNTAX_PROTO3) return false;
  return feature_of(enumeration, kEnumFeatures, kEnumType)
             .value_or(is_of_edition(*enumeration.file()) ? kOpen : kClosed) == kClosed;
}

int run_plugin(int /*argc*/, char* /*argv*/[], const CodeGenerator& generator) {
  CodeGeneratorRequest request;
  if (!request.ParseFromIstream(&std::cin)) {
    std::cerr << "protoc-gen-messi: what came on standard input is not a request of protoc's\n";
    return 1;
  }
  CodeGeneratorResponse response;
  std::string error;
  if (!generate_with_editions(generator, std::move(request), response, error)) {
    std::cerr << "protoc-gen-messi: " << error << '\n';
    return 1;
  }
  if (!response.SerializeToOstream(&std::cout) || !std::cout.flush()) {
    std::cerr << "protoc-gen-messi: cannot write to standard output\n";
    return 1;
  }
  return 0;
}

bool generate_with_editions(const CodeGenerator& generator, CodeGeneratorRequest request,
                            CodeGeneratorResponse& response, std::string& error) {
  adapt(request);
  if (!GenerateCode(request, generator, &response, &error)) {
    if (error.empty()) error = refusal(request);
    return false;
  }
  declare_editions(response);
  return true;
}

}  // namespace messi::plugin

#endif

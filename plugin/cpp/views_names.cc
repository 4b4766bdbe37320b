#include "views_names.h"

#include <utility>

#include "../names.h"
#include "cpp_names.h"

namespace messi::plugin::cpp {
namespace {

constexpr std::string_view kProtobufsPackage = "google.protobuf";
constexpr std::string_view kProtobufsFolder = "google/protobuf/";

/// What every struct has.
constexpr std::string_view kOriginalBytes = "original_bytes";

std::string without_keyword(std::string name) {
  if (is_keyword(name, kViewsRelease)) name += '_';
  return name;
}

}  // namespace

std::string views_namespace(std::string_view package) {
  if (package == kProtobufsPackage) return "messi::well_known";
  return namespace_name(package, kViewsRelease);
}

std::string views_class(const Type& type) {
  std::string name;
  for (const std::string& part : type.scope) {
    if (!name.empty()) name += '_';
    name += part;
    name = without_keyword(std::move(name));
  }
  return name;
}

std::string qualified_views_class(const Type& type) {
  const std::string scope = views_namespace(type.file->package);
  return (scope.empty() ? "::" : "::" + scope + "::") + views_class(type);
}

std::string views_member(const Field& field, const Message& message) {
  const bool is_taken = field.name == kOriginalBytes || field.name == views_class(message);
  return without_keyword(field.name) + (is_taken ? "_" : "");
}

std::string views_member(const Oneof& oneof) { return without_keyword(oneof.name); }

std::string case_enum(const Oneof& oneof) { return pascal_case(oneof.name) + "Case"; }

std::string views_case(const Field& field) {
  const std::string name = case_constant(field.name);
  return name == "kNone" ? "kNone_" : name;
}

std::string views_value(const EnumValue& value) { return without_keyword(value.name); }

bool is_protobufs(const File& file) {
  return file.package == kProtobufsPackage ||
         file.package.rfind(std::string(kProtobufsPackage) + '.', 0) == 0;
}

bool is_well_known(const File& file) {
  constexpr std::string_view kNames[] = {
      "any",    "api",       "duration", "empty",   "field_mask", "source_context",
      "struct", "timestamp", "type",     "wrappers"};
  return is_protobufs(file) && is_among(kNames, base_name(file.path)) &&
         file.path == std::string(kProtobufsFolder) + base_name(file.path) + ".proto";
}

std::string views_header(const File& file, const CppOptions& options) {
  if (!is_well_known(file)) return header_path(file.path, options);
  return options.runtime_include_prefix + "messi/well_known/" + base_name(file.path) + ".messi.h";
}

std::vector<const Field*> fields_of(const Message& message, const Oneof& oneof) {
  std::vector<const Field*> fields;
  for (const Field& field : message.fields) {
    if (field.oneof == &oneof) fields.push_back(&field);
  }
  return fields;
}

}  // namespace messi::plugin::cpp

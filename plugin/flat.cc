#include "flat.h"

#include <google/protobuf/descriptor.pb.h>

#include <algorithm>

#include "names.h"

namespace messi::plugin {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FieldOptions;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

/// FieldOptions::STRING, as nearly always, if its text or bytes are a plain std::string in C++.
FieldOptions::CType ctype(const FieldDescriptor& field) {
#if GOOGLE_PROTOBUF_VERSION >= 6030000  // which hides it from the options
  google::protobuf::FieldDescriptorProto proto;
  field.CopyTo(&proto);
  return proto.options().ctype();
#else
  return field.options().ctype();
#endif
}

bool is_flat(const FieldDescriptor& field) {
  constexpr int kLargestNumber = 2047;  // its tag has two bytes
  return !field.is_repeated() && field.real_containing_oneof() == nullptr &&
         field.number() <= kLargestNumber && field.type() != FieldDescriptor::TYPE_MESSAGE &&
         field.type() != FieldDescriptor::TYPE_GROUP && ctype(field) == FieldOptions::STRING;
}

}  // namespace

std::vector<FlatField> FlatMessages::fields(const Descriptor& message) {
  std::vector<FlatField> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (!is_flat(field)) return {};
    fields.push_back({to_string(field.name()), field.number(), field.type(), field.has_presence(),
                      field.options().deprecated()});
  }
  if (fields.empty() || !is_proto3(*message.file())) return {};
  std::sort(fields.begin(), fields.end(),
            [](const FlatField& a, const FlatField& b) { return a.number < b.number; });
  return fields;
}

// What is not proto3 has more: required and delimited fields, extensions, closed enums, strings
// that need not be UTF-8, other types for strings in C++.
bool FlatMessages::is_proto3(const FileDescriptor& file) {
  const auto [answer, is_new] = proto3_.emplace(&file, false);
  if (is_new) {
    // FileDescriptor says it differently from release to release.
    FileDescriptorProto proto;
    file.CopyTo(&proto);
    answer->second = proto.syntax() == "proto3";
  }
  return answer->second;
}

}  // namespace messi::plugin

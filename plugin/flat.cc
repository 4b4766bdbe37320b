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

// What is not proto3 has more: required and delimited fields, extensions, closed enums, strings
// that need not be UTF-8, other types for strings in C++.
bool is_proto3(const FileDescriptor& file) {
  // FileDescriptor says it differently from release to release.
  FileDescriptorProto proto;
  file.CopyTo(&proto);
  return proto.syntax() == "proto3";
}

bool is_flat(const FieldDescriptor& field) {
  constexpr int kLargestNumber = 2047;  // its tag has two bytes
  const bool is_alone =
      field.containing_oneof() == nullptr ||
      field.containing_oneof()->index() >= field.containing_type()->real_oneof_decl_count();
  return !field.is_repeated() && is_alone && field.number() <= kLargestNumber &&
         field.type() != FieldDescriptor::TYPE_MESSAGE &&
         field.type() != FieldDescriptor::TYPE_GROUP &&
         field.options().ctype() == FieldOptions::STRING;
}

}  // namespace

std::vector<FlatField> flat_fields(const Descriptor& message) {
  if (!is_proto3(*message.file())) return {};
  std::vector<FlatField> fields;
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (!is_flat(field)) return {};
    fields.push_back({to_string(field.name()), field.number(), field.type(), field.has_presence(),
                      field.options().deprecated()});
  }
  std::sort(fields.begin(), fields.end(),
            [](const FlatField& a, const FlatField& b) { return a.number < b.number; });
  return fields;
}

}  // namespace messi::plugin

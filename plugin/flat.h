#ifndef MESSI_PLUGIN_FLAT_H_
#define MESSI_PLUGIN_FLAT_H_

#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

namespace messi::plugin {

/// A field of a flat message.
struct FlatField {
  std::string name;
  int number = 0;
  google::protobuf::FieldDescriptor::Type type = {};
  bool has_presence = false;  ///< `optional`
  bool deprecated = false;
};

/// The fields of `message`, by number, if it is flat: a message of proto3 that consists of single
/// numbers, enums, strings and bytes, and is not empty. Nothing if it is not.
std::vector<FlatField> flat_fields(const google::protobuf::Descriptor& message);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_FLAT_H_

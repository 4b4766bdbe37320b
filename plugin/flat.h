#ifndef MESSI_PLUGIN_FLAT_H_
#define MESSI_PLUGIN_FLAT_H_

#include <google/protobuf/descriptor.h>

#include <map>
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

/// Tells flat messages: of proto3, of single numbers, enums, strings and bytes, and not empty.
class FlatMessages {
 public:
  /// The fields of `message`, by number, if it is flat. Nothing if it is not.
  std::vector<FlatField> fields(const google::protobuf::Descriptor& message);

 private:
  bool is_proto3(const google::protobuf::FileDescriptor& file);

  // To tell, a file is copied, so each is asked once.
  std::map<const google::protobuf::FileDescriptor*, bool> proto3_;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_FLAT_H_

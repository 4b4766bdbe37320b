#ifndef MESSI_PLUGIN_DESCRIPTOR_LOCATION_H_
#define MESSI_PLUGIN_DESCRIPTOR_LOCATION_H_

#include <google/protobuf/descriptor.h>

#include "diagnostics.h"
#include "names.h"

namespace messi::plugin {

inline Location to_location(const google::protobuf::FileDescriptor& file,
                            const google::protobuf::SourceLocation& place) {
  return {to_string(file.name()), place.start_line + 1, place.start_column + 1};
}

/// Where `descriptor`, of any kind that is written in a file, begins; without source information,
/// only its file.
template <typename AnyDescriptor>
Location location_of(const AnyDescriptor& descriptor) {
  google::protobuf::SourceLocation place;
  const google::protobuf::FileDescriptor& file = *descriptor.file();
  if (!descriptor.GetSourceLocation(&place)) return {to_string(file.name())};
  return to_location(file, place);
}

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_DESCRIPTOR_LOCATION_H_

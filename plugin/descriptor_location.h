#ifndef MESSI_PLUGIN_DESCRIPTOR_LOCATION_H_
#define MESSI_PLUGIN_DESCRIPTOR_LOCATION_H_

#include <google/protobuf/descriptor.h>

#include <limits>

#include "diagnostics.h"
#include "names.h"

namespace messi::plugin {

inline Location to_location(const google::protobuf::FileDescriptor& file,
                            const google::protobuf::SourceLocation& place) {
  // What is no place of a file, such as INT_MAX, is not known.
  const auto counted_from_1 = [](int number) {
    return number < 0 || number == std::numeric_limits<int>::max() ? 0 : number + 1;
  };
  return {to_string(file.name()), counted_from_1(place.start_line),
          counted_from_1(place.start_column)};
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

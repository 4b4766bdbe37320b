#ifndef MESSI_PLUGIN_SCHEMA_READER_H_
#define MESSI_PLUGIN_SCHEMA_READER_H_

#include <google/protobuf/descriptor.h>

#include <vector>

#include "schema.h"

namespace messi::plugin {

/// Reads the files, and all that they import.
Schema read_schema(const std::vector<const google::protobuf::FileDescriptor*>& files);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SCHEMA_READER_H_

#ifndef MESSI_PLUGIN_CPP_FLAT_H_
#define MESSI_PLUGIN_CPP_FLAT_H_

#include <vector>

#include "../protocol.h"

namespace messi::plugin::cpp {

/// Whether the message is of proto3, of single numbers, enums, strings and bytes, and not empty.
bool is_flat(const Message& message);

/// In the order of their numbers, as they are encoded.
std::vector<const Field*> fields_by_number(const Message& message);

/// The types of all members that are flat, each once, by name.
std::vector<const Message*> flat_types(const Protocol& protocol);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_FLAT_H_

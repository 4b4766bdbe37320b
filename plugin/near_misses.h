#ifndef MESSI_PLUGIN_NEAR_MISSES_H_
#define MESSI_PLUGIN_NEAR_MISSES_H_

#include "diagnostics.h"
#include "schema.h"

namespace messi::plugin {

/// Warns of messages in a file without a protocol that seem meant to be a part of one: nested, or
/// with a name that is nearly right.
void warn_of_near_misses(const File& file, Diagnostics& diagnostics);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_NEAR_MISSES_H_

#ifndef MESSI_PLUGIN_CPP_VIEWS_PARTS_H_
#define MESSI_PLUGIN_CPP_VIEWS_PARTS_H_

#include "../diagnostics.h"
#include "../schema.h"
#include "../text.h"

namespace messi::plugin::cpp {

// What a header has of messages that are structs of ours.

/// The enums and structs of a file.
void emit_structs(const File& file, Text& text);

/// The functions that read and put them.
void emit_views_codec(const File& file, Text& text);

/// Refuses what such structs cannot have.
void check_views(const File& file, Diagnostics& diagnostics);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_VIEWS_PARTS_H_

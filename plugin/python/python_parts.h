#ifndef MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_

#include "../diagnostics.h"
#include "../options.h"
#include "../protocol.h"
#include "../text.h"

namespace messi::plugin::python {

void emit_client_class(Text& text, const Protocol& protocol, const Options& options);
void emit_server_classes(Text& text, const Protocol& protocol, const Options& options);

/// Refuses what Python has no words for.
void check_names(const Protocol& protocol, const Options& options, Diagnostics& diagnostics);

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_

#ifndef MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_

#include "../diagnostics.h"
#include "../options.h"
#include "../protocol.h"
#include "python_context.h"

namespace messi::plugin::python {

void emit_client_class(const Context& context);
void emit_server_classes(const Context& context);

/// Refuses what has no name in Python.
void check_names(const Protocol& protocol, const Options& options, Diagnostics& diagnostics);

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_PARTS_H_

#ifndef MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_

#include "../context.h"
#include "python_names.h"

namespace messi::plugin::python {

/// A module while it is generated.
struct Context : plugin::Context {
  const ModuleNames& modules;
};

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_

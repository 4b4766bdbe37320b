#ifndef MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_
#define MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_

#include <string>

#include "../options.h"
#include "../protocol.h"
#include "../text.h"
#include "python_names.h"

namespace messi::plugin::python {

/// A module in the making: what it is made of, how it calls that, and the text so far.
struct Context {
  const Protocol& protocol;
  const Options& options;
  const ModuleNames& modules;
  Text& text;

  std::string client_class() const { return python::client_class(protocol, options); }
  std::string server_class() const { return python::server_class(protocol, options); }
  std::string server_client_class() const { return python::server_client_class(protocol, options); }
};

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_PYTHON_CONTEXT_H_

#ifndef MESSI_PLUGIN_CONTEXT_H_
#define MESSI_PLUGIN_CONTEXT_H_

#include <string>

#include "class_names.h"
#include "options.h"
#include "protocol.h"
#include "text.h"

namespace messi::plugin {

/// An output while it is generated: its inputs, and the text so far. A language adds what it needs.
struct Context {
  std::string client_class() const { return plugin::client_class(protocol, options); }
  std::string device_class() const { return plugin::device_class(protocol, options); }
  std::string server_class() const { return plugin::server_class(protocol, options); }
  std::string server_client_class() const { return plugin::server_client_class(protocol, options); }

  const Protocol& protocol;
  const Options& options;
  Text& text;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_CONTEXT_H_

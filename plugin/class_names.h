#ifndef MESSI_PLUGIN_CLASS_NAMES_H_
#define MESSI_PLUGIN_CLASS_NAMES_H_

#include <string>

#include "diagnostics.h"
#include "options.h"
#include "protocol.h"

namespace messi::plugin {

/// What the names of a protocol's classes begin with: `my_protocol` -> `MyProtocol`, behind the
/// prefix that the user may want.
std::string class_base(const Protocol& protocol, const Options& options);

/// `my_protocol` -> `MyProtocolClient`
std::string client_class(const Protocol& protocol, const Options& options);
std::string server_class(const Protocol& protocol, const Options& options);

/// Refuses a file after which no class can be named.
bool check_class_base(const Protocol& protocol, const Options& options, Diagnostics& diagnostics);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_CLASS_NAMES_H_

#ifndef MESSI_PLUGIN_CLASS_NAMES_H_
#define MESSI_PLUGIN_CLASS_NAMES_H_

#include <string>

#include "diagnostics.h"
#include "options.h"
#include "protocol.h"

namespace messi::plugin {

/// The beginning of the names of a protocol's classes: `my_protocol` -> `MyProtocol`, after the
/// user's prefix if there is one.
std::string class_base(const Protocol& protocol, const Options& options);

/// `my_protocol` -> `MyProtocolClient`
std::string client_class(const Protocol& protocol, const Options& options);
std::string device_class(const Protocol& protocol, const Options& options);
std::string server_class(const Protocol& protocol, const Options& options);

/// The class of a server's client: `my_protocol` -> `MyProtocolServerClient`
std::string server_client_class(const Protocol& protocol, const Options& options);

/// Refuses a file name from which no class name can be made.
bool check_class_base(const Protocol& protocol, const Options& options, Diagnostics& diagnostics);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_CLASS_NAMES_H_

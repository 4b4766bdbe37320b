#include "class_names.h"

#include "names.h"

namespace messi::plugin {

std::string class_base(const Protocol& protocol, const Options& options) {
  return options.class_prefix + pascal_case(protocol.name);
}

std::string client_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Client";
}

std::string device_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Device";
}

std::string server_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Server";
}

std::string server_client_class(const Protocol& protocol, const Options& options) {
  return server_class(protocol, options) + "Client";
}

bool check_class_base(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  if (is_identifier(class_base(protocol, options))) return true;
  diagnostics.error(protocol.location(),
                    "no class can be named after the file " + in_quotes(protocol.file.path),
                    "let the file's name begin with a letter from A to Z, or use "
                    "--messi_opt=class_prefix=...");
  return false;
}

}  // namespace messi::plugin

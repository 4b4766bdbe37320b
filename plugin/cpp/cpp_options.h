#ifndef MESSI_PLUGIN_CPP_CPP_OPTIONS_H_
#define MESSI_PLUGIN_CPP_CPP_OPTIONS_H_

#include <string>
#include <vector>

#include "../options.h"

namespace messi::plugin::cpp {

/// The options of `--messi_opt` for C++ only.
struct CppOptions {
  std::string header_extension = ".messi.h";
  std::string runtime_include_prefix;  ///< `deps/` -> "deps/messi/client.h"
  bool views = false;                  ///< Messages are structs of ours, not libprotobuf's classes.
  bool device = false;                 ///< The only class is a client for devices.
  bool device_sessions = false;        ///< And that has sessions,
  bool device_calls = false;           ///< and calls.
};

/// The options that set these.
std::vector<Option> options_for(CppOptions& options);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_OPTIONS_H_

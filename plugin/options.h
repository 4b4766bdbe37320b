#ifndef MESSI_PLUGIN_OPTIONS_H_
#define MESSI_PLUGIN_OPTIONS_H_

#include <optional>
#include <string>
#include <string_view>

#include "diagnostics.h"

namespace messi::plugin {

struct Language;

enum class Side { kClient, kServer, kBoth };

/// What `--messi_opt` says.
struct Options {
  const Language* language = nullptr;  ///< By default the first of languages().
  Side side = Side::kBoth;
  std::string class_prefix;                   ///< `Acme` -> `AcmeChatClient`
  std::string header_extension = ".messi.h";  ///< C++ only.
  std::string runtime_include_prefix;         ///< C++ only. `deps/` -> "deps/messi/client.h"

  /// Not the user's: the release of protobuf, 21 for 3.21, whose generated code ours goes with.
  int protobuf_release = 0;

  bool client() const { return side != Side::kServer; }
  bool server() const { return side != Side::kClient; }
};

/// Parses `side=client,class_prefix=Acme`. Tells `diagnostics` of every option that is wrong: its
/// name, what was given and what is allowed.
Options parse_options(std::string_view parameter, Diagnostics& diagnostics);

/// For people: a few lines for each option.
std::string options_help();

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_OPTIONS_H_

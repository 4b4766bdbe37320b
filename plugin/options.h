#ifndef MESSI_PLUGIN_OPTIONS_H_
#define MESSI_PLUGIN_OPTIONS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace messi::plugin {

enum class Side { kClient, kServer, kBoth };

/// The options of `--messi_opt` for every language.
struct Options {
  Side side = Side::kBoth;
  std::string class_prefix;  ///< `Acme` -> `AcmeChatClient`

  /// Not set by the user: the release of protobuf, 21 for 3.21, whose generated code ours uses.
  int protobuf_release = 0;

  bool client() const { return side != Side::kServer; }
  bool server() const { return side != Side::kClient; }
};

/// An option of `--messi_opt`: how it is documented, and what it changes.
struct Option {
  std::string_view name;
  std::string values;   ///< For the help: what follows the `=`.
  std::string allowed;  ///< For errors: completes "write ...".
  std::vector<std::string> help;
  std::function<bool(std::string_view value)> set;  ///< False if the value is not allowed.
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_OPTIONS_H_

#ifndef MESSI_PLUGIN_REQUEST_H_
#define MESSI_PLUGIN_REQUEST_H_

#include <memory>
#include <string>
#include <string_view>

#include "diagnostics.h"
#include "emitter.h"
#include "languages.h"
#include "options.h"

namespace messi::plugin {

/// The request of the user, from `--messi_opt`.
struct Request {
  std::string_view language;  ///< By default the first.
  std::unique_ptr<Emitter> emitter;
  Options options;
};

/// Parses `side=client,class_prefix=Acme`. Every wrong option is an error in `diagnostics`, with
/// its name, what was given and what is allowed.
Request parse_request(std::string_view parameter, const Languages& languages,
                      Diagnostics& diagnostics);

/// The text of `--help`: a few lines for each option, for all languages or for one.
std::string options_help(const Languages& languages);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_REQUEST_H_

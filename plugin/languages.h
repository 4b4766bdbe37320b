#ifndef MESSI_PLUGIN_LANGUAGES_H_
#define MESSI_PLUGIN_LANGUAGES_H_

#include <string_view>
#include <vector>

#include "emitter.h"

namespace messi::plugin {

struct Language {
  std::string_view name;  ///< As in `lang=cpp`.
  const Emitter& emitter;
};

/// All that we can generate, the default first.
const std::vector<Language>& languages();

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_LANGUAGES_H_

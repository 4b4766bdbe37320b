#ifndef MESSI_PLUGIN_LANGUAGES_H_
#define MESSI_PLUGIN_LANGUAGES_H_

#include <memory>
#include <string_view>
#include <vector>

#include "emitter.h"

namespace messi::plugin {

struct Language {
  std::string_view name;  ///< As in `lang=cpp`.
  std::unique_ptr<Emitter> (*make_emitter)();
};

/// The first is the default.
using Languages = std::vector<Language>;

/// The languages that protoc-gen-messi can generate.
const Languages& languages();

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_LANGUAGES_H_

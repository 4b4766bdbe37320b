#include "languages.h"

#include "cpp/cpp_emitter.h"
#include "python/python_emitter.h"

namespace messi::plugin {

const std::vector<Language>& languages() {
  static const std::vector<Language> all = {
      {"cpp", cpp::emitter()},
      {"python", python::emitter()},
  };
  return all;
}

}  // namespace messi::plugin

#include "languages.h"

#include "cpp/cpp_emitter.h"
#include "python/python_emitter.h"

namespace messi::plugin {

const Languages& languages() {
  static const Languages all = {
      {"cpp", cpp::make_emitter},
      {"python", python::make_emitter},
  };
  return all;
}

}  // namespace messi::plugin

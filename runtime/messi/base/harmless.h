#ifndef MESSI_BASE_HARMLESS_H_
#define MESSI_BASE_HARMLESS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "messi/base/utf8.h"

namespace messi {

/// How many bytes at `at` are what may not be printed: 0, 1 or 2. `valid`: the text is UTF-8.
inline std::size_t harmful_bytes(const char* at, bool valid) {
  const auto byte = static_cast<unsigned char>(*at);
  if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) return 1;
  // U+0080 to U+009F.
  return byte == 0xc2 && static_cast<unsigned char>(at[1]) < 0xa0 ? 2 : 0;
}

/// `text`, which comes from the network, as it may be printed: control characters become '?'. If it
/// is not UTF-8, so does all that is not ASCII.
inline std::string harmless(std::string_view text) {
  std::string result(text);
  const bool valid = is_utf8(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const std::size_t harmful = harmful_bytes(result.data() + i, valid);
    if (harmful > 0) result.replace(i, harmful, "?");
  }
  return result;
}

/// The same where it is. A control character of two bytes becomes two of '?'.
inline void make_harmless(char* text, std::size_t size) {
  const bool valid = is_utf8({text, size});
  for (std::size_t i = 0; i < size; ++i) {
    for (std::size_t harmful = harmful_bytes(text + i, valid); harmful > 0; --harmful) {
      text[i + harmful - 1] = '?';
    }
  }
}

}  // namespace messi

#endif  // MESSI_BASE_HARMLESS_H_

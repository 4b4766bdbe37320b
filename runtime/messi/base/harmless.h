#ifndef MESSI_BASE_HARMLESS_H_
#define MESSI_BASE_HARMLESS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "messi/base/utf8.h"

namespace messi {

/// `text`, which comes from the network, as it may be printed: control characters become '?'. If it
/// is not UTF-8, so does all that is not ASCII.
inline std::string harmless(std::string_view text) {
  std::string result(text);
  const bool valid = is_utf8(text);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const auto byte = static_cast<unsigned char>(result[i]);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) result[i] = '?';
    // U+0080 to U+009F, in two bytes.
    if (byte == 0xc2 && valid && static_cast<unsigned char>(result[i + 1]) < 0xa0) {
      result.replace(i, 2, "?");
    }
  }
  return result;
}

/// The same where it is. A control character of two bytes becomes two of '?'.
inline void make_harmless(char* text, std::size_t size) {
  const bool valid = is_utf8({text, size});
  for (std::size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !valid)) text[i] = '?';
    if (byte == 0xc2 && valid && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      text[i] = text[i + 1] = '?';
    }
  }
}

}  // namespace messi

#endif  // MESSI_BASE_HARMLESS_H_

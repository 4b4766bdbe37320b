#ifndef MESSI_VIEWS_MESSAGE_H_
#define MESSI_VIEWS_MESSAGE_H_

// Messages without libprotobuf: structs that --messi_opt=messages=views generates. doc/messages.md
// is the page about them.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/views/fields.h"    // IWYU pragma: export
#include "messi/views/lazy.h"      // IWYU pragma: export
#include "messi/views/lifetime.h"  // IWYU pragma: export
#include "messi/views/map.h"       // IWYU pragma: export
#include "messi/views/one_of.h"    // IWYU pragma: export
#include "messi/views/owned.h"     // IWYU pragma: export
#include "messi/views/reader.h"
#include "messi/views/repeated.h"  // IWYU pragma: export
#include "messi/views/writer.h"

namespace messi {

/// Decodes a message, whose texts and repeated fields then are in `bytes`. False if that is not an
/// encoded message; then it is in an unknown state. At most `levels` of messages may be nested
/// below it. Checks all: nothing that is read from it later can fail.
template <typename T>
inline bool decode(std::string_view bytes MESSI_LIFETIMEBOUND, T& message,
                   int levels = views::kMostLevels) {
  message = T{};
  message.original_bytes = bytes;
  views::Reader in(bytes, levels);
  messi_read(in, message);
  return in.ok();
}

/// The size of the encoded message.
template <typename T>
inline std::size_t encoded_size(const T& message) {
  views::Sizer sizer;
  messi_put(message, sizer);
  return sizer.size();
}

/// Writes the encoded message, which takes `encoded_size` bytes. Returns their end; null if a text
/// is not UTF-8.
template <typename T>
inline std::uint8_t* encode(const T& message, std::uint8_t* out) {
  views::Writer writer(out);
  messi_put(message, writer);
  return writer.ok() ? writer.at() : nullptr;
}

}  // namespace messi

#endif  // MESSI_VIEWS_MESSAGE_H_

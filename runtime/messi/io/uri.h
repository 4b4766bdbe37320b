#ifndef MESSI_IO_URI_H_
#define MESSI_IO_URI_H_

#include <cstddef>
#include <string_view>

namespace messi {

/// A URI in two parts, which point into it. The scheme decides the form of the second.
struct UriParts {
  std::string_view scheme;  ///< "tcp" of "tcp://host:5000", "systemd" of "systemd:chat".
  std::string_view rest;    ///< The part after the colon; the whole URI if there is no colon.
};

inline UriParts split_uri(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return {"", uri};
  return {uri.substr(0, colon), uri.substr(colon + 1)};
}

}  // namespace messi

#endif  // MESSI_IO_URI_H_

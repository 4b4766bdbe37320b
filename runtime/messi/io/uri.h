#ifndef MESSI_IO_URI_H_
#define MESSI_IO_URI_H_

#include <cstddef>
#include <string_view>

namespace messi {

/// A URI in two parts, which lie in it. What the second has to look like is up to the scheme.
struct UriParts {
  std::string_view scheme;  ///< "tcp" of "tcp://host:5000", "systemd" of "systemd:chat".
  std::string_view rest;    ///< What is behind the colon; all of it if there is none.
};

inline UriParts split_uri(std::string_view uri) {
  const std::size_t colon = uri.find(':');
  if (colon == std::string_view::npos) return {"", uri};
  return {uri.substr(0, colon), uri.substr(colon + 1)};
}

}  // namespace messi

#endif  // MESSI_IO_URI_H_

#ifndef MESSI_IO_WEBSOCKET_ORIGIN_H_
#define MESSI_IO_WEBSOCKET_ORIGIN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "messi/io/websocket/head.h"

namespace messi::websocket {

/// Whether a page of `origin`, such as "https://example.com", comes from the host that its request
/// names, such as "example.com" or "example.com:443".
inline bool is_same_host(std::string_view origin, std::string_view host) {
  constexpr std::string_view kPlain = "http://";
  constexpr std::string_view kSecure = "https://";
  const bool secure = same_word(origin.substr(0, kSecure.size()), kSecure);
  if (!secure && !same_word(origin.substr(0, kPlain.size()), kPlain)) return false;
  const std::string_view usual = secure ? ":443" : ":80";
  const auto without_usual = [&](std::string_view authority) {
    const bool has = authority.size() > usual.size() &&
                     authority.substr(authority.size() - usual.size()) == usual;
    return has ? authority.substr(0, authority.size() - usual.size()) : authority;
  };
  origin.remove_prefix(secure ? kSecure.size() : kPlain.size());
  return same_word(without_usual(origin), without_usual(host));
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_ORIGIN_H_

#ifndef MESSI_IO_WEBSOCKET_TARGET_H_
#define MESSI_IO_WEBSOCKET_TARGET_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/io/uri.h"

namespace messi::websocket {

/// What a request needs of "ws://<host>:<port>/<path>".
struct Target {
  std::string host = "localhost";  ///< "example.com:6000"
  std::string path = "/";          ///< With the query, if there is one.

  /// The part of `uri` that is the path: what follows the port. Other URIs, such as those of Unix
  /// sockets, have none.
  static std::string_view path_in(std::string_view uri) {
    const std::string_view authority = authority_in(uri);
    if (!has_port(authority)) return {};
    return uri.substr(static_cast<std::size_t>(authority.data() + authority.size() - uri.data()));
  }

  static Result<Target> parse(std::string_view uri) {
    const bool harmless = std::all_of(uri.begin(), uri.end(), [](char c) {
      return c > ' ' && c < 0x7f && c != '#' && c != '\\';
    });
    if (!harmless) {
      return Status(StatusCode::kInvalidArgument,
                    "\"" + std::string(uri) +
                        "\": there is a character in it that does not belong there; expected "
                        "ws://<host>:<port>/<path>");
    }
    Target target;
    if (!has_port(authority_in(uri))) return target;
    if (const std::string_view path = path_in(uri); !path.empty()) target.path = path;
    // An address without its zone, which means something on this host only.
    std::string host(authority_in(uri));
    const std::size_t zone = host.find('%');
    if (zone != std::string::npos && host.find(']') != std::string::npos) {
      host.erase(zone, host.find(']') - zone);
    }
    target.host = host.front() == ':' ? "localhost" + host : host;
    return target;
  }

 private:
  static std::string_view authority_in(std::string_view uri) {
    std::string_view rest = split_uri(uri).rest;
    if (rest.substr(0, 2) != "//") return {};
    rest.remove_prefix(2);
    return rest.substr(0, rest.find('/'));
  }
  static bool has_port(std::string_view authority) {
    const std::size_t address = authority.rfind(']');
    return authority.find(':', address != std::string_view::npos ? address : 0) !=
           std::string_view::npos;
  }
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_TARGET_H_

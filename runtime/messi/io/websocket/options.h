#ifndef MESSI_IO_WEBSOCKET_OPTIONS_H_
#define MESSI_IO_WEBSOCKET_OPTIONS_H_

#include <string>
#include <vector>

namespace messi::websocket {

struct Options {
  /// For servers: the origins of web pages, such as "https://example.com", whose scripts may
  /// connect. Pages from the host and port that they connect to always may, and so may clients that
  /// are not browsers, which name no origin.
  std::vector<std::string> allowed_origins;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_OPTIONS_H_

#ifndef MESSI_IO_SOCKET_URI_H_
#define MESSI_IO_SOCKET_URI_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/io/uri.h"

namespace messi::io {

/// Where a socket connects to or listens at.
struct SocketUri {
  enum class Scheme : std::uint8_t { kTcp, kUnix, kUnixAbstract, kSystemd };

  Scheme scheme;
  std::string host;    ///< kTcp: a name or address, IPv6 without brackets; empty is any address.
  std::uint16_t port;  ///< kTcp
  /// kUnix: absolute in "unix:///run/x", relative in "unix://x". kUnixAbstract, kSystemd: the name.
  std::string path;

  /// Parses a URI of one of the schemes: `tcp://<host>:<port>` (IPv6 addresses in brackets),
  /// `unix://<path>`, `unix-abstract:<name>` or `systemd:<name>` (the name may be missing). The
  /// error, kInvalidArgument, names what was given and what was expected.
  static inline Result<SocketUri> parse(std::string_view uri);

 private:
  static inline Result<SocketUri> parse_tcp(std::string_view uri, std::string_view rest);
  static inline Status wrong(std::string_view uri, std::string_view what);
};

// ---------------------------------------------------------------------------------------------

inline Status SocketUri::wrong(std::string_view uri, std::string_view what) {
  std::string message = "\"";
  message.append(uri).append("\": ").append(what);
  message.append("; expected tcp://<host>:<port> or unix://<path>");
  return {StatusCode::kInvalidArgument, message};
}

inline Result<SocketUri> SocketUri::parse(std::string_view uri) {
  constexpr std::size_t kLongestPath = 107;  // what a socket address has room for

  if (uri.find('\0') != std::string_view::npos) return wrong(uri, "there is a NUL byte in it");
  auto [scheme, rest] = split_uri(uri);
  if (scheme == "systemd") return SocketUri{Scheme::kSystemd, "", 0, std::string(rest)};
  if (scheme == "unix-abstract") {
    if (rest.empty()) return wrong(uri, "the name is missing");
    if (rest.size() > kLongestPath) return wrong(uri, "the name is longer than 107 bytes");
    return SocketUri{Scheme::kUnixAbstract, "", 0, std::string(rest)};
  }
  if (rest.substr(0, 2) != "//") return wrong(uri, "there is no // behind the scheme");
  rest.remove_prefix(2);
  if (scheme == "tcp") return parse_tcp(uri, rest);
  if (rest.empty()) return wrong(uri, "the path is missing");
  if (rest.size() > kLongestPath) return wrong(uri, "the path is longer than 107 bytes");
  return SocketUri{Scheme::kUnix, "", 0, std::string(rest)};
}

inline Result<SocketUri> SocketUri::parse_tcp(std::string_view uri, std::string_view rest) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return wrong(uri, "the port is missing");
  std::string_view host = rest.substr(0, colon);
  const std::string_view digits = rest.substr(colon + 1);
  if (!host.empty() && host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') {
      return wrong(uri, "an address in brackets must be [<IPv6 address>]");
    }
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong(uri, "an IPv6 address must be in brackets");
  }
  if (host.find_first_of("[]/@ ") != std::string_view::npos) {
    return wrong(uri, "there is a character in the host that does not belong there");
  }

  if (digits.empty()) return wrong(uri, "the port is missing");
  std::uint32_t port = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return wrong(uri, "the port is not a number");
    port = port * 10 + static_cast<std::uint32_t>(digit - '0');
    if (port > 65535) return wrong(uri, "the port is larger than 65535");
  }
  return SocketUri{Scheme::kTcp, std::string(host), static_cast<std::uint16_t>(port), ""};
}

}  // namespace messi::io

#endif  // MESSI_IO_SOCKET_URI_H_

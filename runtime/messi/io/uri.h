#ifndef MESSI_IO_URI_H_
#define MESSI_IO_URI_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/status.h"

namespace messi {

/// Where to connect to or listen at.
struct Uri {
  enum class Scheme : std::uint8_t { kTcp, kUnix, kUnixAbstract, kSystemd };

  Scheme scheme;
  std::string host;    ///< kTcp: a name or address, IPv6 without brackets; empty is any address.
  std::uint16_t port;  ///< kTcp
  /// kUnix: absolute in "unix:///run/x", relative in "unix://x". kUnixAbstract, kSystemd: the name.
  std::string path;
};

/// Parses `tcp://<host>:<port>` (IPv6 addresses in brackets), `unix://<path>`,
/// `unix-abstract:<name>` or `systemd:<name>` (the name may be missing).
/// The error, kInvalidArgument, names what was given and what was expected.
inline Result<Uri> parse_uri(std::string_view uri) {
  constexpr std::string_view kTcp = "tcp://";
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kUnixAbstract = "unix-abstract:";
  constexpr std::string_view kSystemd = "systemd:";
  constexpr std::size_t kLongestPath = 107;  // what a socket address has room for

  const auto starts_with = [uri](std::string_view prefix) {
    return uri.substr(0, prefix.size()) == prefix;
  };
  const auto wrong = [uri](std::string_view what) {
    std::string message = "\"";
    message.append(uri).append("\": ").append(what);
    message.append("; expected tcp://<host>:<port> or unix://<path>");
    return Status(StatusCode::kInvalidArgument, message);
  };

  if (uri.find('\0') != std::string_view::npos) return wrong("there is a NUL byte in it");
  if (starts_with(kUnix)) {
    const std::string_view path = uri.substr(kUnix.size());
    if (path.empty()) return wrong("the path is missing");
    if (path.size() > kLongestPath) return wrong("the path is longer than 107 bytes");
    return Uri{Uri::Scheme::kUnix, "", 0, std::string(path)};
  }
  if (starts_with(kUnixAbstract)) {
    const std::string_view name = uri.substr(kUnixAbstract.size());
    if (name.empty()) return wrong("the name is missing");
    if (name.size() > kLongestPath) return wrong("the name is longer than 107 bytes");
    return Uri{Uri::Scheme::kUnixAbstract, "", 0, std::string(name)};
  }
  if (starts_with(kSystemd)) {
    return Uri{Uri::Scheme::kSystemd, "", 0, std::string(uri.substr(kSystemd.size()))};
  }
  if (!starts_with(kTcp)) return wrong("the scheme is unknown");

  const std::string_view rest = uri.substr(kTcp.size());
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return wrong("the port is missing");
  std::string_view host = rest.substr(0, colon);
  const std::string_view digits = rest.substr(colon + 1);
  if (!host.empty() && host.front() == '[') {
    if (host.size() < 3 || host.back() != ']') {
      return wrong("an address in brackets must be [<IPv6 address>]");
    }
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong("an IPv6 address must be in brackets");
  }
  if (host.find_first_of("[]/@ ") != std::string_view::npos) {
    return wrong("there is a character in the host that does not belong there");
  }

  if (digits.empty()) return wrong("the port is missing");
  std::uint32_t port = 0;
  for (const char digit : digits) {
    if (digit < '0' || digit > '9') return wrong("the port is not a number");
    port = port * 10 + static_cast<std::uint32_t>(digit - '0');
    if (port > 65535) return wrong("the port is larger than 65535");
  }
  return Uri{Uri::Scheme::kTcp, std::string(host), static_cast<std::uint16_t>(port), ""};
}

}  // namespace messi

#endif  // MESSI_IO_URI_H_

// Any text is a URI or an error that names it, and what a URI says can be written as a URI again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messi/io/linux/socket_address.h"
#include "messi/io/socket_uri.h"
#include "messi/io/uri.h"
#include "test/fuzz/fuzzed_input.h"

namespace {

using messi::Result;
using messi::fuzz::require;
using messi::io::PeerAddress;
using messi::io::SocketAddress;
using messi::io::SocketUri;

std::string written(const SocketUri& uri) {
  switch (uri.scheme) {
    case SocketUri::Scheme::kTcp: {
      const bool v6 = uri.host.find(':') != std::string::npos;
      return "tcp://" + (v6 ? "[" + uri.host + "]" : uri.host) + ":" + std::to_string(uri.port);
    }
    case SocketUri::Scheme::kUnix:
      return "unix://" + uri.path;
    case SocketUri::Scheme::kUnixAbstract:
      return "unix-abstract:" + uri.path;
    case SocketUri::Scheme::kSystemd:
      break;
  }
  return "systemd:" + uri.path;
}

void check_parts(std::string_view text) {
  const messi::UriParts parts = messi::split_uri(text);
  const bool colon = text.find(':') != std::string_view::npos;
  require(parts.scheme.size() + (colon ? 1 : 0) + parts.rest.size() == text.size(),
          "the parts of a URI are all of it");
}

void check_address(const SocketUri& uri) {
  if (uri.scheme == SocketUri::Scheme::kUnix || uri.scheme == SocketUri::Scheme::kUnixAbstract) {
    const bool abstract = uri.scheme == SocketUri::Scheme::kUnixAbstract;
    const SocketAddress address =
        abstract ? SocketAddress::unix_abstract(uri.path) : SocketAddress::unix_path(uri.path);
    require(address.to_uri() == written(uri), "a Unix socket's address has its URI");
    return;
  }
  const std::optional<SocketAddress> address = SocketAddress::parse(uri.host, uri.port);
  if (!address) return;
  const PeerAddress peer(*address);
  require(peer.port() == uri.port, "an address has the port of its URI");
  const Result<SocketUri> again = SocketUri::parse(address->to_uri());
  require(again.ok() && again->port == uri.port, "an address can be written as a URI");
  const std::optional<SocketAddress> same = SocketAddress::parse(again->host, again->port);
  require(same.has_value() && PeerAddress(*same).to_string() == peer.to_string(),
          "the URI of an address is that address");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check_parts(text);
  const Result<SocketUri> uri = SocketUri::parse(text);
  if (!uri.ok()) {
    require(std::string_view(uri.status().message()).find(text) != std::string_view::npos,
            "an error names the URI");
    return 0;
  }
  const Result<SocketUri> again = SocketUri::parse(written(*uri));
  require(again.ok() && again->scheme == uri->scheme && again->host == uri->host &&
              again->port == uri->port && again->path == uri->path,
          "a URI can be written again");
  check_address(*uri);
  return 0;
}

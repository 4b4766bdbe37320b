#ifndef MESSI_IO_ASIO_ENDPOINT_H_
#define MESSI_IO_ASIO_ENDPOINT_H_

#include <cstdint>
#include <string>

#include "messi/io/asio/asio.h"
#include "messi/io/socket_uri.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

using AsioEndpoint = net::generic::stream_protocol::endpoint;

inline AsioEndpoint tcp_endpoint(const net::ip::address& address, std::uint16_t port) {
  return net::ip::tcp::endpoint(address, port);
}

inline bool is_v4(const AsioEndpoint& endpoint) {
  return endpoint.protocol().family() == net::ip::tcp::v4().family();
}

/// Of a Unix socket; an endpoint that nobody listens at where Asio has none.
inline AsioEndpoint local_endpoint([[maybe_unused]] const SocketUri& where) {
#if defined(ASIO_HAS_LOCAL_SOCKETS) || defined(BOOST_ASIO_HAS_LOCAL_SOCKETS)
  const bool abstract = where.scheme == SocketUri::Scheme::kUnixAbstract;
  return net::local::stream_protocol::endpoint(abstract ? '\0' + where.path : where.path);
#else
  return {};
#endif
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_ENDPOINT_H_

#ifndef MESSI_IO_ASIO_PEER_H_
#define MESSI_IO_ASIO_PEER_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>

#include "messi/io/asio/asio.h"
#include "messi/io/asio/endpoint.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// The address at an end of a socket, in little memory.
class AsioPeer {
 public:
  explicit AsioPeer(const AsioEndpoint& endpoint) {
    const int family = endpoint.protocol().family();
    tcp_ = family == net::ip::tcp::v4().family() || family == net::ip::tcp::v6().family();
    if (!tcp_) return;
    net::ip::tcp::endpoint tcp;
    tcp.resize(endpoint.size());
    std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
    port_ = tcp.port();
    address_ = tcp.address();
    // Without the name of an interface; and one of IPv4 as it is usually written.
    if (address_.is_v6()) {
      const net::ip::address_v6 v6(address_.to_v6().to_bytes());
      address_ = v6;
      if (v6.is_v4_mapped()) address_ = net::ip::make_address_v4(net::ip::v4_mapped, v6);
    }
  }

  bool is_tcp() const { return tcp_; }
  std::uint16_t port() const { return port_; }

  /// "127.0.0.1", "[::1]" or "unix".
  std::string host() const {
    if (!tcp_) return "unix";
    return address_.is_v6() ? "[" + address_.to_string() + "]" : address_.to_string();
  }
  /// "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string to_string() const { return tcp_ ? host() + ":" + std::to_string(port_) : host(); }

  /// See PeerInfo: "127.0.0.1", "2001:db8:0:1::/64" or "".
  std::string origin() const {
    if (!tcp_ || address_.is_v4()) return tcp_ ? host() : "";
    net::ip::address_v6::bytes_type network = address_.to_v6().to_bytes();
    std::fill(network.begin() + network.size() / 2, network.end(), std::uint8_t{0});
    return net::ip::address_v6(network).to_string() + "/64";
  }

 private:
  net::ip::address address_;
  std::uint16_t port_ = 0;
  bool tcp_ = false;
};

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_PEER_H_

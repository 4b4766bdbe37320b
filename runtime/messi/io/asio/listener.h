#ifndef MESSI_IO_ASIO_LISTENER_H_
#define MESSI_IO_ASIO_LISTENER_H_

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/asio/acceptor.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/endpoint.h"
#include "messi/io/asio/operation.h"
#include "messi/io/asio/peer.h"
#include "messi/io/network.h"
#include "messi/io/socket_uri.h"

#ifdef __linux__
#include "messi/io/linux/unix_listening.h"
#endif

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Listens at all addresses of a URI.
class AsioListener final : public Listener {
 public:
  static inline Result<std::unique_ptr<Listener>> open(OperationLoop& loop, const std::string& uri,
                                                       const ListenOptions& options,
                                                       ListenHandler& handler);

  inline std::string uri() const override;
  std::uint16_t port() const override { return port_; }

 private:
  // Many clients at once wait in the system and are not turned away (Linux's default limit).
  static constexpr int kBacklog = 4096;

  AsioListener(OperationLoop& loop, SocketUri where) : loop_(loop), where_(std::move(where)) {}

  inline Status listen(const std::string& uri, const ListenOptions& options);
  inline Status listen_tcp(const std::string& uri);
  inline Status listen_unix(const std::string& uri, const ListenOptions& options);
  inline ErrorCode listen_at_any();
  inline ErrorCode listen_at_all(const std::vector<net::ip::address>& addresses);
  inline ErrorCode try_to_listen_at_all(const std::vector<net::ip::address>& addresses);
  inline ErrorCode listen_at(const net::ip::address& address, std::uint16_t port, bool v6_only);

  OperationLoop& loop_;
  const SocketUri where_;
  std::uint16_t port_ = 0;
  std::vector<AsioListening> sockets_;  // until they are given to the acceptors
  std::vector<std::unique_ptr<AsioAcceptor>> acceptors_;
#ifdef __linux__
  UnixListening unix_;  // its file is removed before the socket is closed
#endif
};

// ---------------------------------------------------------------------------------------------

inline Result<std::unique_ptr<Listener>> AsioListener::open(OperationLoop& loop,
                                                            const std::string& uri,
                                                            const ListenOptions& options,
                                                            ListenHandler& handler) {
  Result<SocketUri> where = SocketUri::parse(uri);
  if (!where.ok()) return where.status();
  std::unique_ptr<AsioListener> listener(new AsioListener(loop, *std::move(where)));
  if (Status status = listener->listen(uri, options); !status.ok()) return status;
  for (AsioListening& socket : listener->sockets_) {
    listener->acceptors_.push_back(
        std::make_unique<AsioAcceptor>(loop, std::move(socket), options.socket, handler));
  }
  listener->sockets_.clear();
  return std::unique_ptr<Listener>(std::move(listener));
}

inline std::string AsioListener::uri() const {
#ifdef __linux__
  if (where_.scheme != SocketUri::Scheme::kTcp) return unix_.uri();
#endif
  const bool v6 = where_.host.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(port_);
}

inline Status AsioListener::listen(const std::string& uri, const ListenOptions& options) {
  if (where_.scheme == SocketUri::Scheme::kTcp) return listen_tcp(uri);
  return listen_unix(uri, options);
}

inline Status AsioListener::listen_unix([[maybe_unused]] const std::string& uri,
                                        [[maybe_unused]] const ListenOptions& options) {
#ifdef __linux__
  if (Status status = unix_.open(where_, uri, options); !status.ok()) return status;
  sockets_.emplace_back(loop_.executor());
  ErrorCode error;
  sockets_.back().assign(net::generic::stream_protocol(unix_.family(), 0), unix_.fd(), error);
  if (error) return status_of(error, uri + ": cannot watch the socket");
  unix_.release().release();                                       // it is the socket's
  port_ = AsioPeer(sockets_.back().local_endpoint(error)).port();  // of systemd's
  return {};
#else
  return {StatusCode::kUnimplemented, uri + ": on this system nobody can listen at such a URI"};
#endif
}

inline Status AsioListener::listen_tcp(const std::string& uri) {
  ErrorCode error;
  ErrorCode not_an_address;
  const net::ip::address address = net::ip::make_address(where_.host, not_an_address);
  if (where_.host.empty()) {
    error = listen_at_any();
  } else if (!not_an_address) {
    error = listen_at(address, where_.port, false);
  } else {
    net::ip::tcp::resolver resolver(loop_.executor());
    std::vector<net::ip::address> addresses;
    for (const auto& each :
         resolver.resolve(where_.host, "", net::ip::tcp::resolver::passive, error)) {
      const net::ip::address found = each.endpoint().address();
      if (std::find(addresses.begin(), addresses.end(), found) == addresses.end()) {
        addresses.push_back(found);
      }
    }
    if (error) return status_of(error, uri + ": cannot find the host");
    error = listen_at_all(addresses);
  }
  return error ? status_of(error, uri + ": cannot listen") : Status();
}

inline bool not_on_this_host(const ErrorCode& error) {
#ifdef _WIN32
  constexpr int kNotAvailable = WSAEADDRNOTAVAIL;
#else
  constexpr int kNotAvailable = EADDRNOTAVAIL;
#endif
  return error.value() == kNotAvailable || error == net::error::address_family_not_supported;
}

inline ErrorCode AsioListener::listen_at_any() {
  const ErrorCode error = listen_at(net::ip::address_v6::any(), where_.port, false);
  return not_on_this_host(error) ? listen_at(net::ip::address_v4::any(), where_.port, false)
                                 : error;
}

// The port that the system chooses for the first address may be taken at another. The sockets with
// that port are kept until there is a better one, so that the system does not choose it again.
inline ErrorCode AsioListener::listen_at_all(const std::vector<net::ip::address>& addresses) {
  constexpr int kTries = 16;
  std::vector<std::vector<AsioListening>> refused;
  ErrorCode error = try_to_listen_at_all(addresses);
  for (int i = 1; i < kTries && error == net::error::address_in_use && where_.port == 0; ++i) {
    refused.push_back(std::exchange(sockets_, {}));
    error = try_to_listen_at_all(addresses);
  }
  return error;
}

inline ErrorCode AsioListener::try_to_listen_at_all(
    const std::vector<net::ip::address>& addresses) {
  std::uint16_t port = where_.port;
  ErrorCode error = net::error::host_not_found;
  for (const net::ip::address& address : addresses) {
    error = listen_at(address, port, true);
    if (error && !not_on_this_host(error)) return error;
    if (!error) port = port_;
  }
  return sockets_.empty() ? error : ErrorCode();
}

inline ErrorCode AsioListener::listen_at(const net::ip::address& address, std::uint16_t port,
                                         bool v6_only) {
  const net::ip::tcp::endpoint endpoint(address, port);
  ErrorCode error;
  ErrorCode ignored;
  AsioListening socket(loop_.executor());
  socket.open(endpoint.protocol(), error);
  if (error) return error;
#ifndef _WIN32  // where it would let others take the port away
  socket.set_option(net::socket_base::reuse_address(true), ignored);
#endif
  // The "any address" of IPv6 also means IPv4, unless both are wanted.
  if (address.is_v6()) socket.set_option(net::ip::v6_only(v6_only), ignored);
  socket.bind(endpoint, error);
  if (error) return error;
  socket.listen(kBacklog, error);
  if (error) return error;
  port_ = AsioPeer(socket.local_endpoint(error)).port();
  sockets_.push_back(std::move(socket));
  return error;
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_LISTENER_H_

#ifndef MESSI_IO_LINUX_SOCKET_LISTENER_H_
#define MESSI_IO_LINUX_SOCKET_LISTENER_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/name_query.h"
#include "messi/io/linux/socket_acceptor.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/unix_listening.h"
#include "messi/io/network.h"
#include "messi/io/poller.h"
#include "messi/io/socket_uri.h"
#include "messi/io/stream.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// Listens at all addresses of a URI.
class SocketListener final : public Listener {
 public:
  static Result<std::unique_ptr<Listener>> open(Poller& poller, const std::string& uri,
                                                const ListenOptions& options,
                                                ListenHandler& handler);

  std::string uri() const override;
  std::uint16_t port() const override { return PeerAddress(bound_).port(); }

 private:
  // Many clients at once wait in the kernel and are not turned away (Linux's default limit).
  static constexpr int kBacklog = 4096;

  explicit SocketListener(SocketUri where) : where_(std::move(where)) {}

  Status listen(const std::string& uri, const ListenOptions& options);
  Status listen_tcp(const std::string& uri);
  // These return an errno, 0 for success.
  int listen_at_any(std::uint16_t port);
  int listen_at_all(const std::vector<SocketAddress>& addresses);
  int try_to_listen_at_all(std::vector<SocketAddress> addresses);
  int listen_at(const SocketAddress& address, bool v6_only = true);
  static int address_of(const Fd& socket, SocketAddress& address) {
    return ::getsockname(socket.get(), address.writable(), address.writable_size()) != 0 ? errno
                                                                                         : 0;
  }

  SocketUri where_;
  SocketAddress bound_;      // of the first socket
  std::vector<Fd> sockets_;  // until they are given to the acceptors
  std::vector<std::unique_ptr<SocketAcceptor>> acceptors_;
  UnixListening unix_;  // goes before the sockets
};

// ---------------------------------------------------------------------------------------------

inline Result<std::unique_ptr<Listener>> SocketListener::open(Poller& poller,
                                                              const std::string& uri,
                                                              const ListenOptions& options,
                                                              ListenHandler& handler) {
  Result<SocketUri> where = SocketUri::parse(uri);
  if (!where.ok()) return where.status();
  std::unique_ptr<SocketListener> listener(new SocketListener(*std::move(where)));
  if (Status status = listener->listen(uri, options); !status.ok()) return status;
  if (const int error = address_of(listener->sockets_.front(), listener->bound_); error != 0) {
    return status_of_errno(error, uri + ": cannot tell where it listens");
  }
  const bool owned = listener->where_.scheme != SocketUri::Scheme::kSystemd;
  for (Fd& socket : listener->sockets_) {
    listener->acceptors_.push_back(std::make_unique<SocketAcceptor>(
        poller, std::move(socket), owned, options.socket, handler));
    if (!listener->acceptors_.back()->start()) {
      return status_of_errno(errno, uri + ": cannot watch the socket");
    }
  }
  listener->sockets_.clear();
  return std::unique_ptr<Listener>(std::move(listener));
}

inline std::string SocketListener::uri() const {
  if (where_.scheme != SocketUri::Scheme::kTcp) return unix_.uri();
  const bool v6 = where_.host.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(port());
}

inline Status SocketListener::listen(const std::string& uri, const ListenOptions& options) {
  if (where_.scheme == SocketUri::Scheme::kTcp) return listen_tcp(uri);
  if (Status status = unix_.open(where_, uri, options); !status.ok()) return status;
  sockets_.push_back(unix_.release());
  return {};
}

inline Status SocketListener::listen_tcp(const std::string& uri) {
  int error = 0;
  if (where_.host.empty()) {
    error = listen_at_any(where_.port);
  } else if (const auto address = SocketAddress::parse(where_.host, where_.port)) {
    error = listen_at(*address, false);
  } else {
    const auto addresses = look_up_now(where_.host, uri);
    if (!addresses.ok()) return addresses.status();
    error = listen_at_all(*addresses);
  }
  return error == 0 ? Status() : status_of_errno(error, uri + ": cannot listen");
}

inline bool not_on_this_host(int error) { return error == EADDRNOTAVAIL || error == EAFNOSUPPORT; }

inline int SocketListener::listen_at_any(std::uint16_t port) {
  const int error = listen_at(*SocketAddress::parse("::", port), false);
  return not_on_this_host(error) ? listen_at(*SocketAddress::parse("0.0.0.0", port)) : error;
}

// The port that the system chooses for the first address may be taken at another. The socket with
// that port is kept until there is a better one, so that the system does not choose it again.
inline int SocketListener::listen_at_all(const std::vector<SocketAddress>& addresses) {
  constexpr int kTries = 16;
  std::vector<std::vector<Fd>> refused;
  int error = try_to_listen_at_all(addresses);
  for (int i = 1; i < kTries && error == EADDRINUSE && where_.port == 0; ++i) {
    refused.push_back(std::exchange(sockets_, {}));
    error = try_to_listen_at_all(addresses);
  }
  return error;
}

inline int SocketListener::try_to_listen_at_all(std::vector<SocketAddress> addresses) {
  std::uint16_t port = where_.port;
  int error = EADDRNOTAVAIL;
  for (SocketAddress& address : addresses) {
    address.set_port(port);
    error = listen_at(address);
    if (error != 0 && !not_on_this_host(error)) return error;
    if (error != 0 || port != 0) continue;
    SocketAddress bound;
    if (error = address_of(sockets_.back(), bound); error != 0) return error;
    port = PeerAddress(bound).port();
  }
  return sockets_.empty() ? error : 0;
}

inline int SocketListener::listen_at(const SocketAddress& address, bool v6_only) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno;
  const auto set = [&fd](int level, int name, int value) {
    ::setsockopt(fd.get(), level, name, &value, sizeof(value));
  };
  set(SOL_SOCKET, SO_REUSEADDR, 1);
  // The "any address" of IPv6 also means IPv4, unless both are wanted.
  if (address.family() == AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, v6_only ? 1 : 0);
  if (::bind(fd.get(), address.data(), address.size()) != 0) return errno;
  if (::listen(fd.get(), kBacklog) != 0) return errno;
  sockets_.push_back(std::move(fd));
  return 0;
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_LISTENER_H_

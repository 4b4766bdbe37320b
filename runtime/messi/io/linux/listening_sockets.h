#ifndef MESSI_IO_LINUX_LISTENING_SOCKETS_H_
#define MESSI_IO_LINUX_LISTENING_SOCKETS_H_

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
#include "messi/io/linux/fork.h"
#include "messi/io/linux/name_query.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/unix_listening.h"
#include "messi/io/network.h"
#include "messi/io/socket_uri.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// Sockets that listen at all addresses of a URI. Several listeners may share them, also on several
/// threads.
class ListeningSockets {
 public:
  static Result<std::shared_ptr<ListeningSockets>> open(const std::string& uri,
                                                        const ListenOptions& options);
  ListeningSockets(const ListeningSockets&) = delete;
  ListeningSockets& operator=(const ListeningSockets&) = delete;
  inline ~ListeningSockets();

  const std::vector<Fd>& fds() const { return sockets_; }
  std::string uri() const;
  std::uint16_t port() const { return PeerAddress(bound_).port(); }

 private:
  // Many clients at once wait in the kernel and are not turned away (Linux's default limit).
  static constexpr int kBacklog = 4096;

  explicit ListeningSockets(SocketUri where) : where_(std::move(where)) {}

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
  SocketAddress bound_;  // of the first socket
  std::vector<Fd> sockets_;
  UnixListening unix_;  // goes before the sockets
  const unsigned generation_ = fork_generation();
};

// ---------------------------------------------------------------------------------------------

inline Result<std::shared_ptr<ListeningSockets>> ListeningSockets::open(
    const std::string& uri, const ListenOptions& options) {
  Result<SocketUri> where = SocketUri::parse(uri);
  if (!where.ok()) return where.status();
  std::shared_ptr<ListeningSockets> sockets(new ListeningSockets(*std::move(where)));
  if (Status status = sockets->listen(uri, options); !status.ok()) return status;
  if (const int error = address_of(sockets->sockets_.front(), sockets->bound_); error != 0) {
    return status_of_errno(error, uri + ": cannot tell where it listens");
  }
  return sockets;
}

// Closing alone would leave the address in use while a forked child has it open too. Those of
// systemd go on listening.
inline ListeningSockets::~ListeningSockets() {
  if (where_.scheme == SocketUri::Scheme::kSystemd || generation_ != fork_generation()) return;
  for (const Fd& socket : sockets_) ::shutdown(socket.get(), SHUT_RDWR);
}

inline std::string ListeningSockets::uri() const {
  if (where_.scheme != SocketUri::Scheme::kTcp) return unix_.uri();
  const bool v6 = where_.host.find(':') != std::string::npos;
  return "tcp://" + (v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(port());
}

inline Status ListeningSockets::listen(const std::string& uri, const ListenOptions& options) {
  if (where_.scheme == SocketUri::Scheme::kTcp) return listen_tcp(uri);
  if (Status status = unix_.open(where_, uri, options); !status.ok()) return status;
  sockets_.push_back(unix_.release());
  return {};
}

inline Status ListeningSockets::listen_tcp(const std::string& uri) {
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

inline int ListeningSockets::listen_at_any(std::uint16_t port) {
  const int error = listen_at(*SocketAddress::parse("::", port), false);
  return not_on_this_host(error) ? listen_at(*SocketAddress::parse("0.0.0.0", port)) : error;
}

// The port that the system chooses for the first address may be taken at another. The socket with
// that port is kept until there is a better one, so that the system does not choose it again.
inline int ListeningSockets::listen_at_all(const std::vector<SocketAddress>& addresses) {
  constexpr int kTries = 16;
  std::vector<std::vector<Fd>> refused;
  int error = try_to_listen_at_all(addresses);
  for (int i = 1; i < kTries && error == EADDRINUSE && where_.port == 0; ++i) {
    refused.push_back(std::exchange(sockets_, {}));
    error = try_to_listen_at_all(addresses);
  }
  return error;
}

inline int ListeningSockets::try_to_listen_at_all(std::vector<SocketAddress> addresses) {
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

inline int ListeningSockets::listen_at(const SocketAddress& address, bool v6_only) {
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

#endif  // MESSI_IO_LINUX_LISTENING_SOCKETS_H_

#ifndef MESSI_IO_SOCKET_LISTENER_H_
#define MESSI_IO_SOCKET_LISTENER_H_

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "messi/io/fd.h"
#include "messi/io/poller.h"
#include "messi/io/socket_address.h"
#include "messi/io/socket_stream.h"
#include "messi/io/stream.h"
#include "messi/io/system_error.h"
#include "messi/io/uri.h"

namespace messi {

/// A listening TCP or Unix socket.
class SocketListener final : public Listener, private ReadyHandler {
 public:
  static absl::StatusOr<std::unique_ptr<Listener>> open(Poller& poller, const std::string& uri,
                                                        const ListenOptions& options,
                                                        ListenHandler& handler);
  ~SocketListener() override {
    if (destroyed_ != nullptr) *destroyed_ = true;
    poller_.remove(fd_.get(), *this);
    if (where_.scheme == Uri::Scheme::kUnix) ::unlink(where_.path.c_str());
  }

  std::string uri() const override {
    if (where_.scheme == Uri::Scheme::kUnix) return "unix://" + where_.path;
    const bool v6 = where_.host.find(':') != std::string::npos;
    return "tcp://" + (v6 ? "[" + where_.host + "]" : where_.host) + ":" + std::to_string(port());
  }
  std::uint16_t port() const override { return where_.port; }

 private:
  // A herd of clients waits in the kernel rather than being turned away (Linux's default limit).
  static constexpr int kBacklog = 4096;
  // What one turn accepts at the most, so that a herd does not starve the clients that are there.
  static constexpr int kAcceptsPerTurn = 64;
  static constexpr auto kPauseWhenOutOfMemory = std::chrono::milliseconds(100);

  SocketListener(Poller& poller, Uri where, Fd fd, const ListenOptions& options,
                 ListenHandler& handler)
      : poller_(poller),
        options_(options),
        handler_(handler),
        where_(std::move(where)),
        fd_(std::move(fd)),
        spare_(open_spare()),
        resume_(poller.loop(),
                [this] { poller_.change(fd_.get(), Poller::Interest::kRead, *this); }) {}

  static Fd open_spare() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }
  static Fd listen_at(const SocketAddress& address);
  static Fd listen_tcp(const Uri& where, int& error, std::string& text);
  static Fd listen_unix(const Uri& where);

  inline void handle_ready(bool readable, bool writable) override;
  /// False if there is nobody to accept, or no way to accept anybody now. The handler may destroy
  /// this object, so calling it is always the last thing to happen.
  bool accept_one();
  /// 0, or why there is nobody to turn away now.
  int turn_one_away();

  Poller& poller_;
  const ListenOptions options_;
  ListenHandler& handler_;
  Uri where_;
  Fd fd_;
  Fd spare_;  // given up for a moment when descriptors run out, to turn a client away with
  Timer resume_;
  bool* destroyed_ = nullptr;  // where to tell, while the handler is called
};

// ---------------------------------------------------------------------------------------------

inline absl::StatusOr<std::unique_ptr<Listener>> SocketListener::open(Poller& poller,
                                                                      const std::string& uri,
                                                                      const ListenOptions& options,
                                                                      ListenHandler& handler) {
  absl::StatusOr<Uri> where = parse_uri(uri);
  if (!where.ok()) return where.status();

  int error = 0;
  std::string text;
  Fd fd;
  if (where->scheme == Uri::Scheme::kTcp) {
    fd = listen_tcp(*where, error, text);
  } else {
    fd = listen_unix(*where);
    error = errno;
  }
  if (!fd.valid()) {
    if (!text.empty()) return absl::NotFoundError(uri + ": cannot find the host: " + text);
    return status_from_errno(error, uri + ": cannot listen");
  }
  if (where->scheme == Uri::Scheme::kTcp) {
    SocketAddress bound;
    ::getsockname(fd.get(), bound.writable(), bound.writable_size());
    where->port = PeerAddress(bound).port();
  }
  std::unique_ptr<SocketListener> listener(
      new SocketListener(poller, *std::move(where), std::move(fd), options, handler));
  if (!poller.add(listener->fd_.get(), Poller::Interest::kRead, *listener)) {
    return status_from_errno(errno, uri + ": cannot watch the socket");
  }
  return std::unique_ptr<Listener>(std::move(listener));
}

inline Fd SocketListener::listen_at(const SocketAddress& address) {
  Fd fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fd;
  const int on = 1;
  const int off = 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  // "Any address" means IPv4 too.
  if (address.family() == AF_INET6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  }
  if (::bind(fd.get(), address.data(), address.size()) != 0 || ::listen(fd.get(), kBacklog) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

inline Fd SocketListener::listen_tcp(const Uri& where, int& error, std::string& text) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int result = ::getaddrinfo(where.host.empty() ? nullptr : where.host.c_str(),
                                   std::to_string(where.port).c_str(), &hints, &found);
  if (result != 0) {
    text = ::gai_strerror(result);
    return Fd();
  }
  // The "any address" of IPv6 serves both families. A name that has addresses of both is listened
  // at where every client can come: the original's know IPv4 only.
  const bool any = where.host.empty();
  Fd fd;
  for (const int family : {any ? AF_INET6 : AF_INET, any ? AF_INET : AF_INET6}) {
    for (const addrinfo* info = found; info != nullptr && !fd.valid(); info = info->ai_next) {
      if (info->ai_family != family) continue;
      fd = listen_at({info->ai_addr, info->ai_addrlen});
      if (!fd.valid()) error = errno;
    }
  }
  ::freeaddrinfo(found);
  return fd;
}

inline Fd SocketListener::listen_unix(const Uri& where) {
  const SocketAddress address = SocketAddress::unix_path(where.path);
  Fd fd = listen_at(address);
  if (fd.valid() || errno != EADDRINUSE) return fd;
  // The file may be what a process that died has left behind: then nobody answers there.
  struct stat status {};
  const bool socket = ::stat(where.path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket && ::connect(probe.get(), address.data(), address.size()) != 0 &&
      errno == ECONNREFUSED) {
    ::unlink(where.path.c_str());
    return listen_at(address);
  }
  errno = EADDRINUSE;
  return fd;
}

inline void SocketListener::handle_ready(bool /*readable*/, bool /*writable*/) {
  bool destroyed = false;
  destroyed_ = &destroyed;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const bool more = accept_one();
    if (destroyed) return;
    if (!more) break;
  }
  destroyed_ = nullptr;
}

inline bool SocketListener::accept_one() {
  SocketAddress peer;
  Fd fd(retry_on_signal([&] {
    return ::accept4(fd_.get(), peer.writable(), peer.writable_size(),
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
  }));
  if (fd.valid()) {
    handler_.handle_accept(
        std::make_unique<SocketStream>(poller_, std::move(fd), peer, options_.socket));
    return true;
  }
  // Linux looks for a descriptor first, so this is no sign yet that somebody waits.
  const int error = errno == EMFILE || errno == ENFILE ? turn_one_away() : errno;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) {
    return true;  // one was turned away, or has gone before it was accepted
  }
  // The socket stays readable, so going on at once would be a busy loop.
  poller_.change(fd_.get(), Poller::Interest::kNothing, *this);
  resume_.set(poller_.loop().now() + kPauseWhenOutOfMemory);
  return false;
}

inline int SocketListener::turn_one_away() {
  if (!spare_.valid()) spare_ = open_spare();
  if (!spare_.valid()) return EMFILE;
  spare_.reset();
  const bool accepted = Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid();
  const int error = accepted ? 0 : errno;
  spare_ = open_spare();
  if (accepted) handler_.handle_out_of_descriptors();
  return error;
}

}  // namespace messi

#endif  // MESSI_IO_SOCKET_LISTENER_H_

#ifndef MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_
#define MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <utility>

#include "messi/io/distribution.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/socket_stream.h"
#include "messi/io/network.h"
#include "messi/io/poller.h"
#include "messi/io/stream.h"

namespace messi::io {

/// Accepts streams from one listening socket. If it shares the socket with others, a stream may go
/// to one of them.
class SocketAcceptor final : private ReadyHandler {
 public:
  /// `fd` listens and does not block, and must outlive the acceptor.
  SocketAcceptor(Poller& poller, int fd, const ListenOptions& options, ListenHandler& handler)
      : poller_(poller),
        options_(options),
        handler_(handler),
        fd_(fd),
        spare_(open_spare()),
        resume_(poller.loop(), [this] { poller_.change(fd_, Poller::Interest::kRead, *this); }) {}
  SocketAcceptor(const SocketAcceptor&) = delete;
  SocketAcceptor& operator=(const SocketAcceptor&) = delete;
  ~SocketAcceptor() {
    if (started_) poller_.remove(fd_, *this);
  }

  /// False if the system refuses; errno says why.
  bool start() {
    started_ = poller_.add(fd_, Poller::Interest::kRead, *this);
    return started_;
  }

 private:
  // The most that one turn accepts, so that many new clients do not starve the connected ones.
  static constexpr int kAcceptsPerTurn = 64;
  static constexpr auto kPauseWhenOutOfMemory = std::chrono::milliseconds(100);

  static Fd open_spare() { return Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

  inline void handle_ready(bool readable, bool writable) override;
  /// False if there is nothing to accept, or no way to accept now. The handler may destroy this
  /// object, so its call comes last.
  bool accept_one();
  void pass_on(Fd fd, const SocketAddress& peer);
  /// 0, or why there is nothing to turn away now.
  int turn_one_away();

  Poller& poller_;
  const ListenOptions options_;
  ListenHandler& handler_;
  const int fd_;
  bool started_ = false;
  Fd spare_;  // closed for a moment when descriptors run out, so that a client can be accepted and
              // turned away
  Timer resume_;
  const std::shared_ptr<bool> life_ = std::make_shared<bool>();  // expires with this object
};

// ---------------------------------------------------------------------------------------------

inline void SocketAcceptor::handle_ready(bool /*readable*/, bool /*writable*/) {
  const std::weak_ptr<bool> life = life_;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const bool more = accept_one();
    if (life.expired() || !more) return;
  }
}

inline bool SocketAcceptor::accept_one() {
  SocketAddress peer;
  Fd fd(retry_on_signal([&] {
    return ::accept4(fd_, peer.writable(), peer.writable_size(), SOCK_NONBLOCK | SOCK_CLOEXEC);
  }));
  if (fd.valid()) {
    pass_on(std::move(fd), peer);
    return true;
  }
  // Linux looks for a descriptor first, so this does not show that a client waits.
  const int error = errno == EMFILE || errno == ENFILE ? turn_one_away() : errno;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) {
    return true;  // a client was turned away, or closed before it was accepted
  }
  // The socket stays readable, so going on at once would be a busy loop.
  poller_.change(fd_, Poller::Interest::kNothing, *this);
  resume_.set(poller_.loop().now() + kPauseWhenOutOfMemory);
  return false;
}

inline void SocketAcceptor::pass_on(Fd fd, const SocketAddress& peer) {
  auto stream = std::make_unique<SocketStream>(poller_, std::move(fd), peer, options_.socket);
  Distribution* const distribution = options_.distribution.get();
  const std::size_t seat =
      distribution != nullptr ? distribution->next(options_.seat) : options_.seat;
  if (seat == options_.seat) return handler_.handle_accept(std::move(stream));
  distribution->pass(seat, stream->move_out());
}

inline int SocketAcceptor::turn_one_away() {
  if (!spare_.valid()) spare_ = open_spare();
  if (!spare_.valid()) return EMFILE;
  spare_.reset();
  const bool accepted = Fd(::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)).valid();
  const int error = accepted ? 0 : errno;
  spare_ = open_spare();
  if (accepted) handler_.handle_out_of_descriptors();
  return error;
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_

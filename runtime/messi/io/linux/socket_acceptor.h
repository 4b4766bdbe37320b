#ifndef MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_
#define MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "messi/io/linux/fd.h"
#include "messi/io/linux/fork.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/socket_stream.h"
#include "messi/io/network.h"
#include "messi/io/poller.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi::io {

/// Accepts streams from one listening socket.
class SocketAcceptor final : private ReadyHandler {
 public:
  /// `fd` listens and does not block. If others have the descriptor too, it goes on listening
  /// afterwards.
  SocketAcceptor(Poller& poller, Fd fd, bool owned, const SocketOptions& options,
                 ListenHandler& handler)
      : poller_(poller),
        options_(options),
        handler_(handler),
        fd_(std::move(fd)),
        owned_(owned),
        spare_(open_spare()),
        resume_(poller.loop(),
                [this] { poller_.change(fd_.get(), Poller::Interest::kRead, *this); }) {}
  SocketAcceptor(const SocketAcceptor&) = delete;
  SocketAcceptor& operator=(const SocketAcceptor&) = delete;
  inline ~SocketAcceptor();

  /// False if the system refuses; errno says why.
  bool start() {
    started_ = poller_.add(fd_.get(), Poller::Interest::kRead, *this);
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
  /// 0, or why there is nothing to turn away now.
  int turn_one_away();

  Poller& poller_;
  const SocketOptions options_;
  ListenHandler& handler_;
  Fd fd_;
  const bool owned_;
  bool started_ = false;
  Fd spare_;  // closed for a moment when descriptors run out, so that a client can be accepted and
              // turned away
  Timer resume_;
  const std::shared_ptr<bool> life_ = std::make_shared<bool>();  // expires with this object
  const unsigned generation_ = fork_generation();
};

// ---------------------------------------------------------------------------------------------

inline SocketAcceptor::~SocketAcceptor() {
  if (started_) poller_.remove(fd_.get(), *this);
  // Closing alone would leave the address in use while a forked child has it open too.
  if (owned_ && generation_ == fork_generation()) ::shutdown(fd_.get(), SHUT_RDWR);
}

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
    return ::accept4(fd_.get(), peer.writable(), peer.writable_size(),
                     SOCK_NONBLOCK | SOCK_CLOEXEC);
  }));
  if (fd.valid()) {
    handler_.handle_accept(std::make_unique<SocketStream>(poller_, std::move(fd), peer, options_));
    return true;
  }
  // Linux looks for a descriptor first, so this does not show that a client waits.
  const int error = errno == EMFILE || errno == ENFILE ? turn_one_away() : errno;
  if (error == EAGAIN || error == EWOULDBLOCK) return false;
  if (error != EMFILE && error != ENFILE && error != ENOBUFS && error != ENOMEM) {
    return true;  // a client was turned away, or closed before it was accepted
  }
  // The socket stays readable, so going on at once would be a busy loop.
  poller_.change(fd_.get(), Poller::Interest::kNothing, *this);
  resume_.set(poller_.loop().now() + kPauseWhenOutOfMemory);
  return false;
}

inline int SocketAcceptor::turn_one_away() {
  if (!spare_.valid()) spare_ = open_spare();
  if (!spare_.valid()) return EMFILE;
  spare_.reset();
  const bool accepted = Fd(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC)).valid();
  const int error = accepted ? 0 : errno;
  spare_ = open_spare();
  if (accepted) handler_.handle_out_of_descriptors();
  return error;
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_ACCEPTOR_H_

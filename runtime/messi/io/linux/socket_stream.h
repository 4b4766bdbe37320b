#ifndef MESSI_IO_LINUX_SOCKET_STREAM_H_
#define MESSI_IO_LINUX_SOCKET_STREAM_H_

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/poller.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi::io {

/// A connected socket between two loops.
struct MovingSocket final : MovingStream {
  MovingSocket(Fd its_fd, const PeerAddress& its_peer) : fd(std::move(its_fd)), peer(its_peer) {}

  Fd fd;
  const PeerAddress peer;
};

/// A connected TCP or Unix socket.
class SocketStream final : public Stream, private ReadyHandler {
 public:
  /// `fd` is connected and does not block.
  SocketStream(Poller& poller, Fd fd, const SocketAddress& peer, const SocketOptions& options)
      : poller_(poller),
        fd_(std::move(fd)),
        peer_(peer),
        wants_input_(true),
        wants_write_(false),
        watched_(false),
        ended_(false) {
    apply(options);
  }
  /// The options are set already.
  SocketStream(Poller& poller, MovingSocket&& moving)
      : poller_(poller),
        fd_(std::move(moving.fd)),
        peer_(moving.peer),
        wants_input_(true),
        wants_write_(false),
        watched_(false),
        ended_(false) {}
  inline ~SocketStream() override;

  bool start(StreamHandler& handler) override {
    handler_ = &handler;
    watched_ = watched_ || poller_.add(fd_.get(), interest(), *this);
    return watched_;
  }

  inline IoResult read(const Space* spaces, std::size_t count) override;
  inline IoResult write(const Slice* slices, std::size_t count, bool more) override;
  bool wait_for_room() override { return poller_.wait_writable(fd_.get()); }
  void finish() override { ::shutdown(fd_.get(), SHUT_WR); }
  inline void want_input(bool wanted) override;

  PeerInfo peer() const override {
    return {peer_.to_string(), credentials(), nullptr, peer_.origin()};
  }
  int native_handle() const override { return fd_.get(); }
  inline std::unique_ptr<MovingStream> move_out() override;

 private:
  inline void handle_ready(bool readable, bool writable) override;
  void apply(const SocketOptions& options);
  IoResult::Kind handle_write_error(int error);
  void want_write(bool wanted);
  void watch_for_room();
  Poller::Interest interest() const;
  void unwatch();
  void drop_input();
  std::optional<PeerCredentials> credentials() const;

  Poller& poller_;
  StreamHandler* handler_ = nullptr;  // null before the start
  Fd fd_;
  PeerAddress peer_;
  // In one byte: a second byte would add 16 to each of a server's thousands of streams.
  bool wants_input_ : 1;
  bool wants_write_ : 1;
  bool watched_ : 1;
  bool ended_ : 1;  // read to the end
};

// ---------------------------------------------------------------------------------------------

inline void SocketStream::apply(const SocketOptions& options) {
  const auto set = [this](int level, int name, int value) {
    ::setsockopt(fd_.get(), level, name, &value, sizeof(value));
  };
  if (options.send_buffer > 0) set(SOL_SOCKET, SO_SNDBUF, options.send_buffer);
  if (options.receive_buffer > 0) set(SOL_SOCKET, SO_RCVBUF, options.receive_buffer);
  if (!peer_.is_tcp()) return;
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  using std::chrono::milliseconds;
  constexpr milliseconds kLongest = std::chrono::hours(24 * 24);  // in milliseconds, an int
  const auto timeout = std::chrono::duration_cast<milliseconds>(options.tcp_user_timeout);
  if (timeout > milliseconds::zero()) {
    set(IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(std::min(timeout, kLongest).count()));
  }
}

inline SocketStream::~SocketStream() {
  if (!fd_.valid()) return;        // it has moved out
  if (poller_.in_child()) return;  // the connection belongs to the parent, with its input
  if (handler_ != nullptr && (!ended_ || wants_write_)) unwatch();
  if (handler_ != nullptr && !ended_) drop_input();
  // Closing alone would not end the connection while a forked child has the socket open too.
  ::shutdown(fd_.get(), SHUT_RDWR);
}

inline std::unique_ptr<MovingStream> SocketStream::move_out() {
  auto moving = std::make_unique<MovingSocket>(Fd(), peer_);
  if (handler_ != nullptr) unwatch();
  moving->fd = std::move(fd_);
  return moving;
}

// If there is unread input, the kernel answers close() with a reset, and discards what it has not
// sent yet.
inline void SocketStream::drop_input() {
  static constexpr int kMostReads = 16;
  char unread[16 * 1024];  // not the loop's: a caller may be using that
  for (int i = 0; i < kMostReads; ++i) {
    if (::recv(fd_.get(), unread, sizeof(unread), MSG_DONTWAIT) <= 0) return;
  }
}

inline IoResult SocketStream::read(const Space* spaces, std::size_t count) {
  static constexpr std::size_t kMost = 4;
  iovec vectors[kMost];
  count = std::min(count, kMost);
  for (std::size_t i = 0; i < count; ++i) vectors[i] = {spaces[i].data, spaces[i].size};
  const ssize_t result = retry_on_signal([&] {
    return count == 1 ? ::recv(fd_.get(), spaces->data, spaces->size, 0)
                      : ::readv(fd_.get(), vectors, static_cast<int>(count));
  });
  if (result > 0) return {static_cast<std::size_t>(result), IoResult::Kind::kSome};
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {0, IoResult::Kind::kAgain};
  // From now on it is watched only while it waits for room.
  ended_ = true;
  wants_input_ = false;
  watch_for_room();
  return {0, IoResult::Kind::kEnd};
}

inline IoResult SocketStream::write(const Slice* slices, std::size_t count, bool more) {
  static constexpr std::size_t kMost = 64;
  iovec vectors[kMost];
  std::size_t written = 0;
  for (;;) {
    const std::size_t some = std::min(count, kMost);
    std::size_t size = 0;
    for (std::size_t i = 0; i < some; ++i) {
      vectors[i] = {const_cast<char*>(slices[i].data), slices[i].size};
      size += slices[i].size;
    }
    msghdr message{};
    message.msg_iov = vectors;
    message.msg_iovlen = some;
    const int flags = MSG_NOSIGNAL | (more || some < count ? MSG_MORE : 0);
    const ssize_t result = retry_on_signal([&] {
      return some == 1 ? ::send(fd_.get(), slices->data, slices->size, flags)
                       : ::sendmsg(fd_.get(), &message, flags);
    });
    if (result < 0) {
      const IoResult::Kind kind = handle_write_error(errno);
      return {written, written > 0 ? IoResult::Kind::kSome : kind};
    }
    written += static_cast<std::size_t>(result);
    const bool all = static_cast<std::size_t>(result) == size;
    if (!all || some == count) {
      want_write(!all);
      return {written, IoResult::Kind::kSome};
    }
    slices += some;
    count -= some;
  }
}

inline IoResult::Kind SocketStream::handle_write_error(int error) {
  if (error == EPIPE || error == ECONNRESET) {
    // Then the socket counts as readable, and reading reports the end after what could still be
    // read.
    want_write(false);
    return IoResult::Kind::kEnd;
  }
  if (error == EAGAIN || error == EWOULDBLOCK) {
    want_write(true);
  } else if (handler_ != nullptr) {
    // Such as ENOBUFS: it passes, but the socket may count as writable meanwhile.
    wants_write_ = true;
    poller_.retry_soon(*this);
  }
  return IoResult::Kind::kAgain;
}

inline void SocketStream::handle_ready(bool readable, bool writable) {
  Poller& poller = poller_;
  if (writable && wants_write_) {
    want_write(false);
    handler_->handle_writable();
    if (poller.removed(*this)) return;  // destroyed, or at its end
  }
  if (!readable) return;
  if (wants_input_) return handler_->handle_readable();
  // epoll reports an end even if input is not wanted, and would do so all the time. It comes again
  // when input is wanted. Without an end, this event is from before the pause.
  if (poller.has_failed(fd_.get())) unwatch();
}

inline void SocketStream::want_write(bool wanted) {
  if (wanted == wants_write_ || handler_ == nullptr) return;
  wants_write_ = wanted;
  if (ended_) return watch_for_room();
  if (watched_) poller_.change(fd_.get(), interest(), *this);
}

inline void SocketStream::watch_for_room() {
  if (!wants_write_) return unwatch();
  if (watched_) return poller_.change(fd_.get(), interest(), *this);
  watched_ = poller_.add(fd_.get(), interest(), *this);
}

inline void SocketStream::want_input(bool wanted) {
  if (wanted == wants_input_ || ended_) return;
  wants_input_ = wanted;
  if (handler_ == nullptr) return;
  if (watched_) return poller_.change(fd_.get(), interest(), *this);
  watched_ = poller_.add(fd_.get(), interest(), *this);
}

inline Poller::Interest SocketStream::interest() const {
  if (wants_input_) return wants_write_ ? Poller::Interest::kReadWrite : Poller::Interest::kRead;
  return wants_write_ ? Poller::Interest::kWrite : Poller::Interest::kNothing;
}

inline void SocketStream::unwatch() {
  poller_.remove(fd_.get(), *this);
  watched_ = false;
}

inline std::optional<PeerCredentials> SocketStream::credentials() const {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (peer_.is_tcp() || ::getsockopt(fd_.get(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    return std::nullopt;
  }
  return PeerCredentials{peer.uid, peer.gid, peer.pid};
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_STREAM_H_

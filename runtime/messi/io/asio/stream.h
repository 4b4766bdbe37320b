#ifndef MESSI_IO_ASIO_STREAM_H_
#define MESSI_IO_ASIO_STREAM_H_

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/operation.h"
#include "messi/io/asio/peer.h"
#include "messi/io/asio/usable.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Some buffers of an array, as Asio wants them.
template <typename Buffer, std::size_t kMost>
class Buffers {
 public:
  template <typename Piece>
  Buffers(const Piece* pieces, std::size_t count) : count_(std::min(count, kMost)) {
    for (std::size_t i = 0; i < count_; ++i) {
      buffers_[i] = Buffer(pieces[i].data, pieces[i].size);
      size_ += pieces[i].size;
    }
  }
  const Buffer* begin() const { return buffers_.data(); }
  const Buffer* end() const { return buffers_.data() + count_; }
  std::size_t count() const { return count_; }
  std::size_t size() const { return size_; }

 private:
  std::array<Buffer, kMost> buffers_;
  std::size_t count_;
  std::size_t size_ = 0;
};

#ifdef TCP_USER_TIMEOUT
/// TCP_USER_TIMEOUT in milliseconds, as Asio wants its options.
struct UserTimeout {
  int value;
  template <typename Protocol>
  int level(const Protocol& /*protocol*/) const {
    return IPPROTO_TCP;
  }
  template <typename Protocol>
  int name(const Protocol& /*protocol*/) const {
    return TCP_USER_TIMEOUT;
  }
  template <typename Protocol>
  const int* data(const Protocol& /*protocol*/) const {
    return &value;
  }
  template <typename Protocol>
  std::size_t size(const Protocol& /*protocol*/) const {
    return sizeof(value);
  }
};
#endif

/// A connected socket of Asio. It is read and written as a socket that does not block, and Asio
/// says when it is ready. So nothing is read before somebody wants it, and an idle stream has no
/// buffer.
class AsioStream final : public Stream, private OperationHandler {
 public:
  AsioStream(OperationLoop& loop, AsioSocket socket, const AsioEndpoint& peer,
             const SocketOptions& options)
      : loop_(loop),
        socket_(std::move(socket)),
        peer_(peer),
        input_(loop, *this),
        room_(loop, *this) {
    apply(options);
  }
  inline ~AsioStream() override;

  bool start(StreamHandler& handler) override {
    handler_ = &handler;
    wait_for_input();
    if (wants_room_) want_room();
    return true;
  }
  inline IoResult read(const Space* spaces, std::size_t count) override;
  inline IoResult write(const Slice* slices, std::size_t count, bool more) override;
  bool wait_for_room() override { return loop_.wait_writable(socket_); }
  void finish() override {
    ErrorCode ignored;
    socket_.shutdown(AsioSocket::shutdown_send, ignored);
  }
  void want_input(bool wanted) override {
    wants_input_ = wanted;
    wait_for_input();
  }
  PeerInfo peer() const override {
    return {peer_.to_string(), credentials(), nullptr, peer_.origin()};
  }
  int native_handle() const override {
    return static_cast<int>(const_cast<AsioSocket&>(socket_).native_handle());
  }

 private:
  inline void handle_completed(Operation& operation) override;
  inline void apply(const SocketOptions& options);
  inline IoResult::Kind handle_write_error(const ErrorCode& error);
  inline void wait_for_input();
  inline void want_room();
  inline void drop_input();
  inline std::optional<PeerCredentials> credentials() const;

  OperationLoop& loop_;
  StreamHandler* handler_ = nullptr;  // null before the start
  AsioSocket socket_;
  AsioPeer peer_;
  bool wants_input_ = true;
  bool wants_room_ = false;
  bool ended_ = false;  // read to the end
  Operation input_;     // gone before the socket, which cancels what is under way
  Operation room_;
};

// ---------------------------------------------------------------------------------------------

inline bool not_now(const ErrorCode& error) {
  return error == net::error::would_block || error == net::error::try_again ||
         error == net::error::interrupted;
}

inline void AsioStream::apply(const SocketOptions& options) {
  ErrorCode ignored;
  make_usable(socket_);
  if (options.send_buffer > 0) {
    socket_.set_option(net::socket_base::send_buffer_size(options.send_buffer), ignored);
  }
  if (options.receive_buffer > 0) {
    socket_.set_option(net::socket_base::receive_buffer_size(options.receive_buffer), ignored);
  }
  if (!peer_.is_tcp()) return;
  socket_.set_option(net::ip::tcp::no_delay(true), ignored);
#ifdef TCP_USER_TIMEOUT
  using std::chrono::milliseconds;
  constexpr milliseconds kLongest = std::chrono::hours(24 * 24);  // in milliseconds, an int
  const auto timeout = std::chrono::duration_cast<milliseconds>(options.tcp_user_timeout);
  if (timeout > milliseconds::zero()) {
    const UserTimeout option{static_cast<int>(std::min(timeout, kLongest).count())};
    socket_.set_option(option, ignored);
  }
#endif
}

inline AsioStream::~AsioStream() {
  if (handler_ != nullptr && !ended_) drop_input();
  // Closing alone would not end the connection while a forked child has the socket open too.
  ErrorCode ignored;
  socket_.shutdown(AsioSocket::shutdown_both, ignored);
}

// If there is unread input, the system answers a close with a reset, and discards what it has not
// sent yet.
inline void AsioStream::drop_input() {
  static constexpr int kMostReads = 16;
  char unread[16 * 1024];  // not the loop's: a caller may be using that
  for (int i = 0; i < kMostReads; ++i) {
    ErrorCode error;
    socket_.read_some(net::buffer(unread), error);
    if (error) return;
  }
}

inline IoResult AsioStream::read(const Space* spaces, std::size_t count) {
  static constexpr std::size_t kMost = 4;
  ErrorCode error;
  const std::size_t size =
      count == 1 ? socket_.read_some(net::mutable_buffer(spaces->data, spaces->size), error)
                 : socket_.read_some(Buffers<net::mutable_buffer, kMost>(spaces, count), error);
  if (!error) return {size, IoResult::Kind::kSome};
  if (not_now(error)) return {0, IoResult::Kind::kAgain};
  ended_ = true;
  return {0, IoResult::Kind::kEnd};
}

inline IoResult AsioStream::write(const Slice* slices, std::size_t count, bool more) {
  static constexpr std::size_t kMost = 64;  // Asio takes no more at once
#ifdef MSG_MORE
  constexpr int kMore = MSG_MORE;
#else
  constexpr int kMore = 0;
#endif
  std::size_t written = 0;
  for (;;) {
    const Buffers<net::const_buffer, kMost> some(slices, count);
    const int flags = more || some.count() < count ? kMore : 0;
    ErrorCode error;
    const std::size_t size = some.count() == 1 ? socket_.send(*some.begin(), flags, error)
                                               : socket_.send(some, flags, error);
    if (error) {
      const IoResult::Kind kind = handle_write_error(error);
      return {written, written > 0 ? IoResult::Kind::kSome : kind};
    }
    written += size;
    const bool all = size == some.size();
    if (!all || some.count() == count) {
      wants_room_ = !all;
      if (wants_room_) want_room();
      return {written, IoResult::Kind::kSome};
    }
    slices += some.count();
    count -= some.count();
  }
}

inline IoResult::Kind AsioStream::handle_write_error(const ErrorCode& error) {
  if (error == net::error::broken_pipe || error == net::error::connection_reset ||
      error == net::error::connection_aborted) {
    // Reading reports the end, after what could still be read.
    wants_room_ = false;
    return IoResult::Kind::kEnd;
  }
  wants_room_ = true;
  if (not_now(error)) {
    want_room();
  } else if (handler_ != nullptr) {
    // Such as ENOBUFS: it passes, but the socket may count as writable meanwhile.
    loop_.retry_soon(room_);
  }
  return IoResult::Kind::kAgain;
}

inline void AsioStream::handle_completed(Operation& operation) {
  const Operation::Life life = operation.life();
  if (&operation == &room_) {
    if (!std::exchange(wants_room_, false)) return;
    return handler_->handle_writable();
  }
  const Finally again([&] {
    if (!life.over()) wait_for_input();
  });
  if (wants_input_) handler_->handle_readable();
}

inline void AsioStream::wait_for_input() {
  if (handler_ == nullptr || !wants_input_ || ended_ || input_.busy()) return;
  socket_.async_wait(AsioSocket::wait_read, input_.begin([](const ErrorCode&) {}));
}

inline void AsioStream::want_room() {
  if (handler_ == nullptr || room_.busy()) return;
  socket_.async_wait(AsioSocket::wait_write, room_.begin([](const ErrorCode&) {}));
}

inline std::optional<PeerCredentials> AsioStream::credentials() const {
#ifdef __linux__
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (!peer_.is_tcp() &&
      ::getsockopt(native_handle(), SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0) {
    return PeerCredentials{peer.uid, peer.gid, peer.pid};
  }
#endif
  return std::nullopt;
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_STREAM_H_

#ifndef MESSI_IO_SOCKET_CONNECTING_H_
#define MESSI_IO_SOCKET_CONNECTING_H_

#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "messi/io/fd.h"
#include "messi/io/poller.h"
#include "messi/io/resolver.h"
#include "messi/io/socket_address.h"
#include "messi/io/socket_stream.h"
#include "messi/io/stream.h"
#include "messi/io/system_error.h"
#include "messi/io/uri.h"

namespace messi {

/// Resolves a URI's host and connects to one of its addresses. The addresses are tried in the
/// resolver's order, the next one as soon as one fails or has not answered for a while, and the
/// first that answers wins (RFC 8305, "Happy Eyeballs"). There is no time-out here: who has waited
/// long enough destroys the object.
class SocketConnecting final : public Connecting {
 public:
  SocketConnecting(Poller& poller, std::string uri, const ConnectOptions& options,
                   ConnectHandler& handler)
      : poller_(poller),
        options_(options),
        handler_(handler),
        uri_(std::move(uri)),
        begin_(poller.loop(), [this] { begin(); }),
        next_(poller.loop(), [this] { try_next(); }) {
    // Not at once: nothing is ever called back from within a call.
    begin_.schedule();
  }

 private:
  static constexpr auto kHeadStart = std::chrono::milliseconds(250);

  // One address being tried.
  class Attempt final : private ReadyHandler {
   public:
    Attempt(SocketConnecting& parent, const SocketAddress& address)
        : parent_(parent), address_(address) {}
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt() {
      if (watched_) parent_.poller_.remove(fd_.get(), *this);
    }

    /// 0 if the attempt is under way, else why not.
    int begin() {
      fd_ = Fd(::socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (!fd_.valid()) return errno;
      // A Unix socket whose server is busy answers EAGAIN; that is a failure, not progress.
      if (::connect(fd_.get(), address_.data(), address_.size()) != 0 && errno != EINPROGRESS) {
        return errno;
      }
      watched_ = parent_.poller_.add(fd_.get(), Poller::Interest::kWrite, *this);
      return watched_ ? 0 : errno;
    }

   private:
    void handle_ready(bool /*readable*/, bool /*writable*/) override {
      int error = 0;
      socklen_t size = sizeof(error);
      ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error == 0 && connected_to_itself()) {
        // With a reset, since anything else would keep the server from the port for a minute.
        const linger none{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        error = ECONNREFUSED;
      }
      if (error != 0) return parent_.attempt_failed(*this, error);
      parent_.poller_.remove(fd_.get(), *this);
      watched_ = false;
      parent_.succeed(std::make_unique<SocketStream>(parent_.poller_, std::move(fd_), address_,
                                                     parent_.options_.socket));
    }

    /// TCP connects a socket to itself if the system happens to choose the port that nobody listens
    /// at for its own end.
    bool connected_to_itself() const {
      SocketAddress own;
      SocketAddress peer;
      ::getsockname(fd_.get(), own.writable(), own.writable_size());
      ::getpeername(fd_.get(), peer.writable(), peer.writable_size());
      return PeerAddress(peer).is_tcp() && own == peer;
    }

    SocketConnecting& parent_;
    SocketAddress address_;
    Fd fd_;
    bool watched_ = false;
  };

  void begin();
  void try_next();
  void attempt_failed(const Attempt& attempt, int error);
  // The handler may destroy this object, so these two are always the last thing to happen.
  void succeed(std::unique_ptr<Stream> stream);
  void fail(const absl::Status& why) { handler_.handle_no_stream(why); }

  Poller& poller_;
  const ConnectOptions options_;
  ConnectHandler& handler_;
  std::string uri_;
  Task begin_;
  Timer next_;
  std::optional<Resolver> resolver_;
  std::vector<SocketAddress> addresses_;
  std::size_t tried_ = 0;
  std::vector<std::unique_ptr<Attempt>> attempts_;
  int last_error_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline void SocketConnecting::begin() {
  const absl::StatusOr<Uri> where = parse_uri(uri_);
  if (!where.ok()) return fail(where.status());
  if (where->scheme == Uri::Scheme::kUnix) {
    addresses_ = {SocketAddress::unix_path(where->path)};
    return try_next();
  }
  if (where->port == 0) {
    return fail(absl::InvalidArgumentError("\"" + uri_ +
                                           "\": port 0 cannot be connected to; expected the port "
                                           "that the server listens at"));
  }
  addresses_ = Resolver::parse(where->host, where->port);
  if (!addresses_.empty()) return try_next();
  resolver_.emplace(poller_.loop(), where->host, where->port,
                    [this](std::vector<SocketAddress> addresses, std::string error) {
                      if (addresses.empty()) {
                        return fail(absl::NotFoundError(uri_ + ": cannot find the host: " + error));
                      }
                      addresses_ = std::move(addresses);
                      try_next();
                    });
}

inline void SocketConnecting::try_next() {
  while (tried_ < addresses_.size()) {
    auto attempt = std::make_unique<Attempt>(*this, addresses_[tried_++]);
    last_error_ = attempt->begin();
    if (last_error_ == 0) {
      attempts_.push_back(std::move(attempt));
      if (tried_ < addresses_.size()) next_.set(poller_.loop().now() + kHeadStart);
      return;
    }
  }
  next_.cancel();
  if (attempts_.empty()) {
    fail(status_from_errno(last_error_, uri_ + ": cannot connect"));
  }
}

inline void SocketConnecting::attempt_failed(const Attempt& attempt, int error) {
  last_error_ = error;
  for (auto it = attempts_.begin(); it != attempts_.end(); ++it) {
    if (it->get() != &attempt) continue;
    attempts_.erase(it);
    break;
  }
  if (tried_ < addresses_.size()) return try_next();
  if (attempts_.empty()) {
    fail(status_from_errno(error, uri_ + ": cannot connect"));
  }
}

inline void SocketConnecting::succeed(std::unique_ptr<Stream> stream) {
  next_.cancel();
  attempts_.clear();
  handler_.handle_stream(std::move(stream));
}

}  // namespace messi

#endif  // MESSI_IO_SOCKET_CONNECTING_H_

#ifndef MESSI_IO_LINUX_SOCKET_CONNECTING_H_
#define MESSI_IO_LINUX_SOCKET_CONNECTING_H_

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/address_order.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/resolver.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/linux/socket_stream.h"
#include "messi/io/network.h"
#include "messi/io/poller.h"
#include "messi/io/socket_uri.h"
#include "messi/io/stream.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// Looks up a URI's host and connects to one of its addresses (RFC 8305, "Happy Eyeballs"). IPv6
/// and IPv4 take turns; addresses that have failed before come last. The next address is tried when
/// one fails or has not answered for a while, and the first that answers wins. There is no time-out
/// here: the owner destroys the object.
class SocketConnecting final : public Connecting {
 public:
  SocketConnecting(Poller& poller, Resolver& resolver, std::string uri,
                   const ConnectOptions& options, ConnectHandler& handler)
      : poller_(poller),
        resolver_(resolver),
        options_(options),
        handler_(handler),
        uri_(std::move(uri)),
        begin_(poller.loop(), [this] { begin(); }),
        next_(poller.loop(), [this] { try_next(); }) {
    // Not at once: there is no callback from within a call.
    begin_.schedule();
  }
  ~SocketConnecting() override {
    for (const auto& attempt : attempts_) remember_failure(attempt->address());
  }

 private:
  // An address has this long to answer before the next one is tried too; less if there are many, so
  // that each is tried within kAll.
  static constexpr Duration kMostHeadStart = std::chrono::milliseconds(250);
  static constexpr Duration kLeastHeadStart = std::chrono::milliseconds(10);
  static constexpr Duration kAll = std::chrono::seconds(1);

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

    const SocketAddress& address() const { return address_; }

    /// 0 if the attempt is under way, else why not.
    int begin() {
      fd_ = Fd(::socket(address_.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      if (!fd_.valid()) return errno;
      // A Unix socket whose server is busy returns EAGAIN; that is a failure, not progress.
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
        // With a reset: otherwise the server could not use the port for a minute.
        const linger none{1, 0};
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        error = ECONNREFUSED;
      }
      if (error != 0) return parent_.attempt_failed(*this, error);
      parent_.poller_.remove(fd_.get(), *this);
      watched_ = false;
      parent_.succeed(*this, std::make_unique<SocketStream>(parent_.poller_, std::move(fd_),
                                                            address_, parent_.options_.socket));
    }

    /// TCP connects a socket to itself if nobody listens at the port and the system chooses that
    /// port for the client's own end.
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
  void take_addresses();
  void arrange();
  void try_next();
  void attempt_failed(const Attempt& attempt, int error);
  void remember_failure(const SocketAddress& address) {
    if (options_.memory != nullptr) options_.memory->failed(PeerAddress(address).to_string());
  }
  // The handler may destroy this object, so these two calls come last.
  void succeed(const Attempt& winner, std::unique_ptr<Stream> stream);
  void fail(const Status& why) { handler_.handle_no_stream(why); }

  Poller& poller_;
  Resolver& resolver_;
  const ConnectOptions options_;
  ConnectHandler& handler_;
  std::string uri_;
  Task begin_;
  Timer next_;
  std::uint16_t port_ = 0;
  std::optional<Resolver::Lookup> lookup_;
  std::size_t known_ = 0;                           // addresses
  std::vector<SocketAddress> untried_;              // in the order in which they will be tried
  std::vector<std::unique_ptr<Attempt>> attempts_;  // under way, in the order in which they began
  int last_error_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline void SocketConnecting::begin() {
  const Result<SocketUri> where = SocketUri::parse(uri_);
  if (!where.ok()) return fail(where.status());
  if (where->scheme == SocketUri::Scheme::kUnix) {
    untried_ = {SocketAddress::unix_path(where->path)};
    return try_next();
  }
  if (where->scheme == SocketUri::Scheme::kUnixAbstract) {
    untried_ = {SocketAddress::unix_abstract(where->path)};
    return try_next();
  }
  if (where->scheme == SocketUri::Scheme::kSystemd) {
    return fail(Status(StatusCode::kInvalidArgument, "\"" + uri_ + "\": this is for servers only"));
  }
  if (where->port == 0) {
    return fail(Status(StatusCode::kInvalidArgument,
                       "\"" + uri_ +
                           "\": port 0 cannot be connected to; expected the port "
                           "that the server listens at"));
  }
  port_ = where->port;
  if (where->host.empty()) {
    untried_ = {*SocketAddress::parse("::1", port_), *SocketAddress::parse("127.0.0.1", port_)};
  } else if (const auto address = SocketAddress::parse(where->host, port_)) {
    untried_ = {*address};
  } else {
    lookup_.emplace(resolver_, where->host, [this] { take_addresses(); });
    return;
  }
  known_ = untried_.size();
  arrange();
  try_next();
}

inline void SocketConnecting::take_addresses() {
  for (; known_ < lookup_->addresses().size(); ++known_) {
    untried_.push_back(lookup_->addresses()[known_]);
    untried_.back().set_port(port_);
  }
  arrange();
  if (known_ == 0) {
    if (lookup_->finished()) fail(lookup_->error(uri_));
    return;
  }
  if (!next_.pending()) try_next();
}

inline void SocketConnecting::arrange() {
  order_addresses(
      untried_, options_.memory, [](const SocketAddress& each) { return each.family() == AF_INET; },
      [](const SocketAddress& each) { return PeerAddress(each).to_string(); });
}

inline void SocketConnecting::try_next() {
  while (!untried_.empty()) {
    auto attempt = std::make_unique<Attempt>(*this, untried_.front());
    untried_.erase(untried_.begin());
    last_error_ = attempt->begin();
    if (last_error_ == 0) {
      attempts_.push_back(std::move(attempt));
      const Duration fair = kAll / static_cast<Duration::rep>(std::max<std::size_t>(known_, 1));
      next_.set(poller_.loop().now() + std::clamp(fair, kLeastHeadStart, kMostHeadStart));
      return;
    }
    remember_failure(attempt->address());
  }
  if (attempts_.empty() && (!lookup_ || lookup_->finished())) {
    fail(status_of_errno(last_error_, uri_ + ": cannot connect"));
  }
}

inline void SocketConnecting::attempt_failed(const Attempt& attempt, int error) {
  last_error_ = error;
  remember_failure(attempt.address());
  attempts_.erase(std::find_if(attempts_.begin(), attempts_.end(),
                               [&](const auto& each) { return each.get() == &attempt; }));
  next_.cancel();
  try_next();
}

inline void SocketConnecting::succeed(const Attempt& winner, std::unique_ptr<Stream> stream) {
  for (const auto& attempt : attempts_) {
    if (attempt.get() == &winner) break;
    remember_failure(attempt->address());  // overtaken
  }
  next_.cancel();
  lookup_.reset();
  attempts_.clear();
  handler_.handle_stream(std::move(stream));
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_CONNECTING_H_

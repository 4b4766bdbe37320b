#ifndef MESSI_IO_LINUX_SOCKET_CONNECTING_H_
#define MESSI_IO_LINUX_SOCKET_CONNECTING_H_

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/address_race.h"
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

/// Looks up a URI's host and connects to one of its addresses, which AddressRace chooses. There is
/// no time-out here: the owner destroys the object.
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
        next_(poller.loop(), [this] { try_next(); }),
        race_(options.memory) {
    // Not at once: there is no callback from within a call.
    begin_.schedule();
  }

 private:
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
  void add(const SocketAddress& address) {
    race_.add(address, PeerAddress(address).to_string(), address.family() == AF_INET);
  }
  void try_addresses(const std::vector<SocketAddress>& addresses);
  void try_next();
  void attempt_failed(const Attempt& attempt, int error);
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
  std::size_t looked_up_ = 0;  // addresses
  AddressRace<SocketAddress> race_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // under way
  int last_error_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline void SocketConnecting::begin() {
  const Result<SocketUri> where = SocketUri::parse(uri_);
  if (!where.ok()) return fail(where.status());
  if (where->scheme == SocketUri::Scheme::kUnix) {
    return try_addresses({SocketAddress::unix_path(where->path)});
  }
  if (where->scheme == SocketUri::Scheme::kUnixAbstract) {
    return try_addresses({SocketAddress::unix_abstract(where->path)});
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
    return try_addresses(
        {*SocketAddress::parse("::1", port_), *SocketAddress::parse("127.0.0.1", port_)});
  }
  if (const auto address = SocketAddress::parse(where->host, port_)) {
    return try_addresses({*address});
  }
  lookup_.emplace(resolver_, where->host, [this] { take_addresses(); });
}

inline void SocketConnecting::take_addresses() {
  for (; looked_up_ < lookup_->addresses().size(); ++looked_up_) {
    SocketAddress address = lookup_->addresses()[looked_up_];
    address.set_port(port_);
    add(address);
  }
  race_.arrange();
  if (looked_up_ == 0) {
    if (lookup_->finished()) fail(lookup_->error(uri_));
    return;
  }
  if (!next_.pending()) try_next();
}

inline void SocketConnecting::try_addresses(const std::vector<SocketAddress>& addresses) {
  for (const SocketAddress& each : addresses) add(each);
  race_.arrange();
  try_next();
}

inline void SocketConnecting::try_next() {
  while (race_.has_next()) {
    auto attempt = std::make_unique<Attempt>(*this, race_.begin_next());
    last_error_ = attempt->begin();
    if (last_error_ == 0) {
      attempts_.push_back(std::move(attempt));
      next_.set(poller_.loop().now() + race_.head_start());
      return;
    }
    race_.failed(attempt->address());
  }
  if (attempts_.empty() && (!lookup_ || lookup_->finished())) {
    fail(status_of_errno(last_error_, uri_ + ": cannot connect"));
  }
}

inline void SocketConnecting::attempt_failed(const Attempt& attempt, int error) {
  last_error_ = error;
  race_.failed(attempt.address());
  attempts_.erase(std::find_if(attempts_.begin(), attempts_.end(),
                               [&](const auto& each) { return each.get() == &attempt; }));
  next_.cancel();
  try_next();
}

inline void SocketConnecting::succeed(const Attempt& winner, std::unique_ptr<Stream> stream) {
  race_.won(winner.address());
  next_.cancel();
  lookup_.reset();
  attempts_.clear();
  handler_.handle_stream(std::move(stream));
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_CONNECTING_H_

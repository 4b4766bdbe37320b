#ifndef MESSI_IO_LINUX_NAME_QUERY_H_
#define MESSI_IO_LINUX_NAME_QUERY_H_

#include <ares.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/socket_address.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// A look-up of the addresses of a name: in /etc/hosts, and if they are not there by DNS, for IPv6
/// and IPv4 separately, since some servers answer only one of the two. It knows no loop: the caller
/// watches the sockets. It has its own c-ares channel, which is cheap. So it can be cancelled
/// alone, and uses the name servers that are configured now, not those of an earlier network.
class NameQuery {
 public:
  /// What to wait for on a socket. Neither: the socket is about to be closed.
  using Watch = std::function<void(int fd, bool readable, bool writable)>;

  NameQuery(const std::string& name, Watch watch);
  NameQuery(const NameQuery&) = delete;
  NameQuery& operator=(const NameQuery&) = delete;
  ~NameQuery() = default;

  /// Call it when a socket is ready, and without a socket after `patience`. If memory runs out in
  /// it, call it again.
  void process(int fd = ARES_SOCKET_BAD) {
    ares_process_fd(channel_.get(), fd, fd);
    take_in();
  }
  std::optional<Duration> patience() const;

  bool finished() const { return unanswered_ == 0 && answers_[0] == nullptr; }
  /// The addresses found so far, each once; their ports are 0.
  const std::vector<SocketAddress>& addresses() const { return addresses_; }
  /// Why there are none: "<uri>: cannot find the host: ...".
  Status error(const std::string& uri) const;

 private:
  static constexpr int kFirstTimeout = 1000;  // ms; each further try takes twice as long
  static constexpr int kTries = 3;

  static constexpr std::size_t kMostChanges = 8;

  struct Free {
    void operator()(ares_channeldata* channel) const { ares_destroy(channel); }
    void operator()(ares_addrinfo* answer) const { ares_freeaddrinfo(answer); }
  };
  struct Change {
    int fd;
    bool readable, writable;
  };

  bool open(const char* source);
  void ask(const std::string& name, int family);
  void take_in();
  void take_in(const ares_addrinfo& answer);

  // C code cannot be left by an exception, so c-ares calls only these, which take no memory. What
  // they note is taken in when c-ares has returned.
  void note(const Change& change) noexcept;
  void note(int status, ares_addrinfo* found) noexcept;

  Watch watch_;
  std::vector<Change> changes_;
  std::array<std::unique_ptr<ares_addrinfo, Free>, 2> answers_;
  std::unique_ptr<ares_channeldata, Free> channel_;
  int unanswered_ = 0;
  int error_ = ARES_ENODATA;
  std::vector<SocketAddress> addresses_;
};

/// Waits for the addresses of a name. `uri` is for the error.
inline Result<std::vector<SocketAddress>> look_up_now(const std::string& name,
                                                      const std::string& uri);

// ---------------------------------------------------------------------------------------------

inline NameQuery::NameQuery(const std::string& name, Watch watch) : watch_(std::move(watch)) {
  changes_.reserve(kMostChanges);
  if (open("f")) ask(name, AF_UNSPEC);
  take_in();
  if (!addresses_.empty() || !open("b")) return;
  ask(name, AF_INET6);
  ask(name, AF_INET);
  take_in();
}

inline bool NameQuery::open(const char* source) {
  ares_options options{};
  options.timeout = kFirstTimeout;
  options.tries = kTries;
  options.lookups = const_cast<char*>(source);
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<NameQuery*>(self)->note({fd, readable != 0, writable != 0});
  };
  options.sock_state_cb_data = this;
  ares_channel channel = nullptr;
  error_ = ares_init_options(
      &channel, &options,
      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  channel_.reset(error_ == ARES_SUCCESS ? channel : nullptr);
  if (channel_ == nullptr) return false;
  error_ = ARES_ENODATA;
  return true;
}

inline void NameQuery::ask(const std::string& name, int family) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  ++unanswered_;
  ares_getaddrinfo(
      channel_.get(), name.c_str(), nullptr, &hints,
      [](void* self, int status, int /*timeouts*/, ares_addrinfo* found) {
        if (status != ARES_EDESTRUCTION) static_cast<NameQuery*>(self)->note(status, found);
      },
      this);
}

inline void NameQuery::note(const Change& change) noexcept {
  const auto same = std::find_if(changes_.begin(), changes_.end(),
                                 [&](const Change& each) { return each.fd == change.fd; });
  if (same != changes_.end()) changes_.erase(same);
  // Before the socket is closed; that takes no memory either.
  if (!change.readable && !change.writable) return watch_(change.fd, false, false);
  // A socket that nobody watches ends by its time-outs.
  if (changes_.size() < kMostChanges) changes_.push_back(change);
}

inline void NameQuery::note(int status, ares_addrinfo* found) noexcept {
  --unanswered_;
  // An error of one family says more than the lack of addresses of the other.
  if (status != ARES_SUCCESS && error_ == ARES_ENODATA) error_ = status;
  answers_[answers_[0] == nullptr ? 0 : 1].reset(found);
}

inline void NameQuery::take_in() {
  while (!changes_.empty()) {
    const Change change = changes_.back();
    changes_.pop_back();
    watch_(change.fd, change.readable, change.writable);
  }
  for (auto answer = answers_.rbegin(); answer != answers_.rend(); ++answer) {
    if (*answer != nullptr) take_in(**answer);
    answer->reset();
  }
}

inline void NameQuery::take_in(const ares_addrinfo& answer) {
  for (const ares_addrinfo_node* node = answer.nodes; node != nullptr; node = node->ai_next) {
    const SocketAddress address(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
    if (std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end()) {
      addresses_.push_back(address);
    }
  }
}

inline std::optional<Duration> NameQuery::patience() const {
  timeval left{};
  if (channel_ == nullptr || ares_timeout(channel_.get(), nullptr, &left) == nullptr) {
    return std::nullopt;
  }
  // It is rounded down to milliseconds.
  return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec) +
         std::chrono::milliseconds(1);
}

inline Status NameQuery::error(const std::string& uri) const {
  const std::string what = uri + ": cannot find the host";
  // c-ares does not tell which call the system has refused.
  const Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return status_of_errno(errno, what);
  const std::string text = what + ": " + ares_strerror(error_);
  const bool none = error_ == ARES_ENOTFOUND || error_ == ARES_ENODATA;
  return none ? Status(StatusCode::kNotFound, text) : Status(StatusCode::kUnavailable, text);
}

inline Result<std::vector<SocketAddress>> look_up_now(const std::string& name,
                                                      const std::string& uri) {
  constexpr auto kPatience = std::chrono::seconds(5);
  using Clock = std::chrono::steady_clock;
  using std::chrono::milliseconds;

  std::vector<pollfd> sockets;
  NameQuery query(name, [&sockets](int fd, bool readable, bool writable) {
    const auto same = [fd](const pollfd& each) { return each.fd == fd; };
    sockets.erase(std::remove_if(sockets.begin(), sockets.end(), same), sockets.end());
    const int events = (readable ? POLLIN : 0) | (writable ? POLLOUT : 0);
    if (events != 0) sockets.push_back({fd, static_cast<short>(events), 0});
  });
  const Clock::time_point end = Clock::now() + kPatience;
  while (!query.finished()) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (left <= milliseconds::zero()) {
      return Status(StatusCode::kDeadlineExceeded, uri + ": cannot find the host: timed out");
    }
    const auto wait = std::chrono::ceil<milliseconds>(query.patience().value_or(left));
    const int count =
        ::poll(sockets.data(), sockets.size(), static_cast<int>(std::min(wait, left).count()));
    std::vector<int> ready;  // `sockets` changes while they are processed
    for (const pollfd& each : sockets) {
      if (count > 0 && each.revents != 0) ready.push_back(each.fd);
    }
    if (ready.empty()) query.process();
    for (const int fd : ready) query.process(fd);
  }
  if (query.addresses().empty()) return query.error(uri);
  return query.addresses();
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_NAME_QUERY_H_

#ifndef MESSI_IO_LINUX_NAME_QUERY_H_
#define MESSI_IO_LINUX_NAME_QUERY_H_

#include <ares.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <functional>
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
  ~NameQuery() { close(); }

  /// Call it when a socket is ready, and without a socket after `patience`.
  void process(int fd = ARES_SOCKET_BAD) { ares_process_fd(channel_, fd, fd); }
  std::optional<Duration> patience() const;

  bool finished() const { return unanswered_ == 0; }
  /// The addresses found so far, each once; their ports are 0.
  const std::vector<SocketAddress>& addresses() const { return addresses_; }
  /// Why there are none: "<uri>: cannot find the host: ...".
  Status error(const std::string& uri) const;

 private:
  static constexpr int kFirstTimeout = 1000;  // ms; each further try takes twice as long
  static constexpr int kTries = 3;

  bool open(const char* source);
  void close() {
    if (channel_ != nullptr) ares_destroy(std::exchange(channel_, nullptr));
  }
  void ask(const std::string& name, int family);
  void answered(int status, const ares_addrinfo* found);

  Watch watch_;
  ares_channel channel_ = nullptr;
  int unanswered_ = 0;
  int error_ = ARES_ENODATA;
  std::vector<SocketAddress> addresses_;
};

/// Waits for the addresses of a name. `uri` is for the error.
inline Result<std::vector<SocketAddress>> look_up_now(const std::string& name,
                                                      const std::string& uri);

// ---------------------------------------------------------------------------------------------

inline NameQuery::NameQuery(const std::string& name, Watch watch) : watch_(std::move(watch)) {
  if (open("f")) ask(name, AF_UNSPEC);
  if (!addresses_.empty() || !open("b")) return;
  ask(name, AF_INET6);
  ask(name, AF_INET);
}

inline bool NameQuery::open(const char* source) {
  close();
  ares_options options{};
  options.timeout = kFirstTimeout;
  options.tries = kTries;
  options.lookups = const_cast<char*>(source);
  // C code cannot be left by an exception: without memory the program ends here.
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) noexcept {
    static_cast<NameQuery*>(self)->watch_(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  error_ = ares_init_options(
      &channel_, &options,
      ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
  if (error_ != ARES_SUCCESS) {
    channel_ = nullptr;
    return false;
  }
  error_ = ARES_ENODATA;
  return true;
}

inline void NameQuery::ask(const std::string& name, int family) {
  ares_addrinfo_hints hints{};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  ++unanswered_;
  ares_getaddrinfo(
      channel_, name.c_str(), nullptr, &hints,
      [](void* self, int status, int /*timeouts*/, ares_addrinfo* found) noexcept {
        if (status == ARES_EDESTRUCTION) return;
        static_cast<NameQuery*>(self)->answered(status, found);
        if (found != nullptr) ares_freeaddrinfo(found);
      },
      this);
}

inline void NameQuery::answered(int status, const ares_addrinfo* found) {
  --unanswered_;
  // An error of one family says more than the lack of addresses of the other.
  if (status != ARES_SUCCESS && error_ == ARES_ENODATA) error_ = status;
  if (found == nullptr) return;
  for (const ares_addrinfo_node* node = found->nodes; node != nullptr; node = node->ai_next) {
    const SocketAddress address(node->ai_addr, static_cast<socklen_t>(node->ai_addrlen));
    if (std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end()) {
      addresses_.push_back(address);
    }
  }
}

inline std::optional<Duration> NameQuery::patience() const {
  timeval left{};
  if (channel_ == nullptr || ares_timeout(channel_, nullptr, &left) == nullptr) return std::nullopt;
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

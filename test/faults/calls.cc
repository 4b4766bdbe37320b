#include "test/faults/calls.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

namespace messi::test {

namespace {

bool counting = false;
bool own_name_servers = false;
std::uint16_t name_server_port = 0;
Fault planned{};
Counted counted{};

std::int64_t jumped = 0;  // how far the clock is ahead, in nanoseconds
constexpr std::size_t kMostDescriptors = 4096;
std::array<std::int64_t, kMostDescriptors> timers{};  // when they are due; 0: not set

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMillisecond = 1'000'000;

template <typename Function>
Function original(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

/// 0, or what this call fails with.
int fault_of(Call call) {
  if (!counting || call != planned.call) return 0;
  const std::size_t number = counted.calls++;
  if (number < planned.first || number - planned.first >= planned.times) return 0;
  ++counted.failed;
  return planned.error;
}

bool fails(Call call) {
  const int error = fault_of(call);
  if (error == 0) return false;
  errno = error;
  return true;
}

std::int64_t nanoseconds(const timespec& time) {
  return static_cast<std::int64_t>(time.tv_sec) * kSecond + time.tv_nsec;
}
timespec timespec_of(std::int64_t nanoseconds) {
  timespec time{};
  time.tv_sec = nanoseconds / kSecond;
  time.tv_nsec = nanoseconds % kSecond;
  return time;
}

int real_clock(clockid_t clock, timespec* time) {
  static const auto call = original<int (*)(clockid_t, timespec*)>("clock_gettime");
  return call(clock, time);
}

std::int64_t virtual_now() {
  timespec time{};
  real_clock(CLOCK_MONOTONIC, &time);
  return nanoseconds(time) + jumped;
}

int arm(int fd, std::int64_t deadline) {
  static const auto call =
      original<int (*)(int, int, const itimerspec*, itimerspec*)>("timerfd_settime");
  itimerspec when{};
  if (deadline != 0) when.it_value = timespec_of(std::max<std::int64_t>(deadline - jumped, 1));
  return call(fd, TFD_TIMER_ABSTIME, &when, nullptr);
}

/// Nothing is ready: goes on at the next timer, or in `most` nanoseconds.
void jump(std::int64_t most) {
  const std::int64_t now = virtual_now();
  std::int64_t next = now + most;
  for (const std::int64_t timer : timers) {
    if (timer != 0) next = std::min(next, timer);
  }
  if (next > now) jumped += next - now;
  for (std::size_t fd = 0; fd < timers.size(); ++fd) {
    if (timers[fd] != 0) arm(static_cast<int>(fd), timers[fd]);
  }
}

std::uint16_t port_of(const sockaddr* address) {
  if (address->sa_family != AF_INET) return 0;
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof(in));
  return ntohs(in.sin_port);
}

/// Calls `call(address)`, with a port of our own if the port is the name servers'.
template <typename Function>
int with_own_port(const sockaddr* address, std::uint16_t port, Function call) {
  if (!own_name_servers || port_of(address) != 53) return call(address);
  sockaddr_in other{};
  std::memcpy(&other, address, sizeof(other));
  other.sin_port = htons(port);
  return call(reinterpret_cast<const sockaddr*>(&other));
}

int type_of(int fd) {
  const Exempt exempt;
  int type = 0;
  socklen_t size = sizeof(type);
  ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
  return type;
}

constexpr int kHangUp[] = {ECONNRESET, EPIPE, ETIMEDOUT, EHOSTUNREACH};

/// After such an error the system has no connection any more.
ssize_t failed(int fd, int error) {
  const Exempt exempt;
  const bool hangs_up =
      std::find(std::begin(kHangUp), std::end(kHangUp), error) != std::end(kHangUp);
  if (hangs_up && type_of(fd) == SOCK_STREAM) ::shutdown(fd, SHUT_RDWR);
  errno = error;
  return -1;
}

}  // namespace

const std::vector<Faulty>& all_faulty() {
  static const std::vector<Faulty> all = {
      {Call::kSocket, "socket", {EMFILE, ENFILE, ENOBUFS, ENOMEM, EAFNOSUPPORT, EACCES}},
      {Call::kConnect,
       "connect",
       {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EADDRNOTAVAIL, EAGAIN, EACCES, ENOBUFS}},
      {Call::kBind, "bind", {EADDRINUSE, EACCES, EADDRNOTAVAIL, ENOMEM}},
      {Call::kListen, "listen", {EADDRINUSE, ENOMEM}},
      {Call::kAccept,
       "accept4",
       {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EINTR, EAGAIN, EPERM, EPROTO, ENETDOWN}},
      {Call::kRecv, "recv", {EINTR, EAGAIN, kShort, ECONNRESET, ETIMEDOUT, ENOMEM}},
      {Call::kSend,
       "send",
       {EINTR, EAGAIN, kShort, ENOBUFS, ENOMEM, EPERM, EPIPE, ECONNRESET, ETIMEDOUT}},
      {Call::kWatch, "epoll_ctl", {ENOMEM, ENOSPC}},
      {Call::kMakeEpoll, "epoll_create1", {EMFILE, ENFILE, ENOMEM}},
      {Call::kMakeEvent, "eventfd", {EMFILE, ENFILE, ENOMEM}},
      {Call::kMakeTimer, "timerfd_create", {EMFILE, ENFILE, ENOMEM}},
      {Call::kWait, "epoll_wait", {EINTR}},
      {Call::kPoll, "poll", {EINTR, ENOMEM}},
      {Call::kSetOption, "setsockopt", {ENOMEM, ENOPROTOOPT, EPERM}},
      {Call::kGetOption, "getsockopt", {ENOBUFS, ENOMEM}},
      {Call::kOwnName, "getsockname", {ENOBUFS}},
      {Call::kPeerName, "getpeername", {ENOTCONN}},
      {Call::kShutdown, "shutdown", {ENOTCONN}},
      {Call::kOpenFile, "open", {EMFILE, ENOMEM, EACCES, ENOSPC}},
      {Call::kLockFile, "flock", {EWOULDBLOCK, ENOLCK, EINTR}},
      {Call::kRemoveFile, "unlink", {EACCES, ENOENT, EROFS}},
      {Call::kLookAtFile, "statx", {EACCES, ENOMEM, ENOENT}},
      {Call::kChangeMode, "chmod", {EPERM, ENOENT}},
      {Call::kFolder, "getcwd", {ENOENT}},
      {Call::kDuplicate, "fcntl", {EMFILE}},
      {Call::kRandom, "getrandom", {EAGAIN}},
  };
  return all;
}

void begin_faults(const Fault& fault) {
  planned = fault;
  counted = {};
  counting = true;
}

Counted end_faults() {
  counting = false;
  return counted;
}

namespace {
bool counted_before_exempt = false;
int exempts = 0;
}  // namespace

Exempt::Exempt() {
  if (exempts++ == 0) counted_before_exempt = counting;
  counting = false;
}
Exempt::~Exempt() {
  if (--exempts == 0) counting = counted_before_exempt;
}

void use_name_servers_of_our_own() { own_name_servers = true; }

}  // namespace messi::test

// What follows is in place of the C library's, for this whole program.

using messi::test::Call;
using messi::test::fails;
using messi::test::fault_of;
using messi::test::kShort;
using messi::test::original;

extern "C" {

int socket(int family, int type, int protocol) {
  static const auto call = original<int (*)(int, int, int)>("socket");
  return fails(Call::kSocket) ? -1 : call(family, type, protocol);
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  static const auto call = original<int (*)(int, const sockaddr*, socklen_t)>("connect");
  // This one asks whether a server lives, and an answer would be a lie.
  const bool probe = address->sa_family == AF_UNIX && messi::test::type_of(fd) == SOCK_DGRAM;
  if (!probe && fails(Call::kConnect)) return -1;
  return messi::test::with_own_port(address, messi::test::name_server_port,
                                    [&](const sockaddr* target) { return call(fd, target, size); });
}

int bind(int fd, const sockaddr* address, socklen_t size) {
  static const auto call = original<int (*)(int, const sockaddr*, socklen_t)>("bind");
  if (fails(Call::kBind)) return -1;
  const int result = messi::test::with_own_port(
      address, 0, [&](const sockaddr* target) { return call(fd, target, size); });
  if (result == 0 && messi::test::own_name_servers && messi::test::port_of(address) == 53) {
    const messi::test::Exempt exempt;
    sockaddr_in bound{};
    socklen_t bound_size = sizeof(bound);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &bound_size);
    messi::test::name_server_port = ntohs(bound.sin_port);
  }
  return result;
}

int listen(int fd, int backlog) {
  static const auto call = original<int (*)(int, int)>("listen");
  return fails(Call::kListen) ? -1 : call(fd, backlog);
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  static const auto call = original<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
  const int error = fault_of(Call::kAccept);
  if (error == 0) return call(fd, address, size, flags);
  if (error == ECONNABORTED || error == EPERM || error == EPROTO || error == ENETDOWN) {
    const int gone = call(fd, nullptr, nullptr, flags);
    if (gone >= 0) ::close(gone);
  }
  errno = error;
  return -1;
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
  static const auto call = original<ssize_t (*)(int, void*, size_t, int)>("recv");
  const int error = fault_of(Call::kRecv);
  if (error == kShort) return call(fd, data, std::min<size_t>(size, 1), flags);
  return error != 0 ? messi::test::failed(fd, error) : call(fd, data, size, flags);
}

ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* from, socklen_t* from_size) {
  static const auto call =
      original<ssize_t (*)(int, void*, size_t, int, sockaddr*, socklen_t*)>("recvfrom");
  const int error = fault_of(Call::kRecv);
  if (error != 0 && error != kShort) return messi::test::failed(fd, error);
  return call(fd, data, size, flags, from, from_size);
}

ssize_t readv(int fd, const iovec* vectors, int count) {
  static const auto call = original<ssize_t (*)(int, const iovec*, int)>("readv");
  const int error = fault_of(Call::kRecv);
  if (error == kShort) {
    const iovec one{vectors->iov_base, 1};
    return call(fd, &one, 1);
  }
  return error != 0 ? messi::test::failed(fd, error) : call(fd, vectors, count);
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  static const auto call = original<ssize_t (*)(int, const void*, size_t, int)>("send");
  const int error = fault_of(Call::kSend);
  if (error == kShort) return call(fd, data, std::min<size_t>(size, 1), flags);
  return error != 0 ? messi::test::failed(fd, error) : call(fd, data, size, flags);
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  static const auto call = original<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
  static const auto send_one = original<ssize_t (*)(int, const void*, size_t, int)>("send");
  const int error = fault_of(Call::kSend);
  if (error == kShort) return send_one(fd, message->msg_iov->iov_base, 1, flags);
  return error != 0 ? messi::test::failed(fd, error) : call(fd, message, flags);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags, const sockaddr* to,
               socklen_t to_size) {
  static const auto call =
      original<ssize_t (*)(int, const void*, size_t, int, const sockaddr*, socklen_t)>("sendto");
  const int error = fault_of(Call::kSend);
  if (error != 0 && error != kShort) return messi::test::failed(fd, error);
  return call(fd, data, size, flags, to, to_size);
}

// Only a new descriptor takes memory, so only that can fail.
int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) {
  static const auto call = original<int (*)(int, int, int, epoll_event*)>("epoll_ctl");
  if (operation == EPOLL_CTL_ADD && fails(Call::kWatch)) return -1;
  return call(epoll, operation, fd, event);
}

int epoll_create1(int flags) {
  static const auto call = original<int (*)(int)>("epoll_create1");
  return fails(Call::kMakeEpoll) ? -1 : call(flags);
}

int eventfd(unsigned count, int flags) {
  static const auto call = original<int (*)(unsigned, int)>("eventfd");
  return fails(Call::kMakeEvent) ? -1 : call(count, flags);
}

int timerfd_create(clockid_t clock, int flags) {
  static const auto call = original<int (*)(clockid_t, int)>("timerfd_create");
  if (fails(Call::kMakeTimer)) return -1;
  const int fd = call(clock, flags);
  if (fd >= 0) messi::test::timers[static_cast<size_t>(fd)] = 0;
  return fd;
}

int timerfd_settime(int fd, int /*flags*/, const itimerspec* when, itimerspec* /*before*/) {
  messi::test::timers[static_cast<size_t>(fd)] = messi::test::nanoseconds(when->it_value);
  return messi::test::arm(fd, messi::test::timers[static_cast<size_t>(fd)]);
}

int close(int fd) {
  static const auto call = original<int (*)(int)>("close");
  if (fd >= 0 && static_cast<size_t>(fd) < messi::test::kMostDescriptors) {
    messi::test::timers[static_cast<size_t>(fd)] = 0;
  }
  return call(fd);
}

int epoll_wait(int epoll, epoll_event* events, int most, int timeout) {
  static const auto call = original<int (*)(int, epoll_event*, int, int)>("epoll_wait");
  static const auto look =
      original<int (*)(pollfd*, nfds_t, const timespec*, const sigset_t*)>("ppoll");
  if (fails(Call::kWait)) return -1;
  const int count = call(epoll, events, most, 0);
  if (count != 0 || timeout == 0) return count;
  // What has just been sent is nearly always there at once.
  pollfd ready{epoll, POLLIN, 0};
  const timespec moment{0, 50'000};
  if (look(&ready, 1, &moment, nullptr) == 0) {
    const std::int64_t most_time =
        timeout < 0 ? 3600 * messi::test::kSecond : timeout * messi::test::kMillisecond;
    messi::test::jump(most_time);
  }
  return call(epoll, events, most, 0);
}

int poll(pollfd* fds, nfds_t count, int timeout) {
  static const auto call = original<int (*)(pollfd*, nfds_t, int)>("poll");
  if (fails(Call::kPoll)) return -1;
  const int ready = call(fds, count, 0);
  if (ready != 0 || timeout == 0) return ready;
  const int later = call(fds, count, 1);
  if (later == 0) messi::test::jump(timeout * messi::test::kMillisecond);
  return later;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept {
  const int result = messi::test::real_clock(clock, time);
  if (result == 0 && clock == CLOCK_MONOTONIC) {
    *time = messi::test::timespec_of(messi::test::nanoseconds(*time) + messi::test::jumped);
  }
  return result;
}

int setsockopt(int fd, int level, int name, const void* value, socklen_t size) {
  static const auto call = original<int (*)(int, int, int, const void*, socklen_t)>("setsockopt");
  // Without it, the address of a stopped server would be in use for a minute.
  const bool needed = level == SOL_SOCKET && name == SO_REUSEADDR;
  if (!needed && fails(Call::kSetOption)) return -1;
  return call(fd, level, name, value, size);
}

int getsockopt(int fd, int level, int name, void* value, socklen_t* size) {
  static const auto call = original<int (*)(int, int, int, void*, socklen_t*)>("getsockopt");
  return fails(Call::kGetOption) ? -1 : call(fd, level, name, value, size);
}

int getsockname(int fd, sockaddr* address, socklen_t* size) {
  static const auto call = original<int (*)(int, sockaddr*, socklen_t*)>("getsockname");
  return fails(Call::kOwnName) ? -1 : call(fd, address, size);
}

int getpeername(int fd, sockaddr* address, socklen_t* size) {
  static const auto call = original<int (*)(int, sockaddr*, socklen_t*)>("getpeername");
  return fails(Call::kPeerName) ? -1 : call(fd, address, size);
}

int shutdown(int fd, int how) {
  static const auto call = original<int (*)(int, int)>("shutdown");
  return fails(Call::kShutdown) ? -1 : call(fd, how);
}

FILE* fopen(const char* path, const char* mode) {
  static const auto call = original<FILE* (*)(const char*, const char*)>("fopen");
  if (fails(Call::kOpenFile)) return nullptr;
  if (messi::test::own_name_servers && std::strcmp(path, "/etc/resolv.conf") == 0) {
    char text[] = "nameserver 127.0.0.1\n";
    static const auto in_memory = original<FILE* (*)(void*, size_t, const char*)>("fmemopen");
    FILE* const file = in_memory(nullptr, sizeof(text), "w+");
    std::fputs(text, file);
    std::rewind(file);
    return file;
  }
  return call(path, mode);
}

int flock(int fd, int operation) {
  static const auto call = original<int (*)(int, int)>("flock");
  return fails(Call::kLockFile) ? -1 : call(fd, operation);
}

int unlink(const char* path) {
  static const auto call = original<int (*)(const char*)>("unlink");
  return fails(Call::kRemoveFile) ? -1 : call(path);
}

int statx(int folder, const char* path, int flags, unsigned mask, struct statx* result) {
  static const auto call =
      original<int (*)(int, const char*, int, unsigned, struct statx*)>("statx");
  return fails(Call::kLookAtFile) ? -1 : call(folder, path, flags, mask, result);
}

int chmod(const char* path, mode_t mode) {
  static const auto call = original<int (*)(const char*, mode_t)>("chmod");
  return fails(Call::kChangeMode) ? -1 : call(path, mode);
}

char* getcwd(char* path, size_t size) {
  static const auto call = original<char* (*)(char*, size_t)>("getcwd");
  return fails(Call::kFolder) ? nullptr : call(path, size);
}

int fcntl(int fd, int command, ...) {
  static const auto call = original<int (*)(int, int, ...)>("fcntl");
  constexpr int kDuplicate = 1030;  // F_DUPFD_CLOEXEC
  if (command == kDuplicate && fails(Call::kDuplicate)) return -1;
  va_list arguments;
  va_start(arguments, command);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  return call(fd, command, argument);
}

ssize_t getrandom(void* data, size_t size, unsigned flags) {
  static const auto call = original<ssize_t (*)(void*, size_t, unsigned)>("getrandom");
  // Who waits for random numbers gets them.
  const bool waits = (flags & GRND_NONBLOCK) == 0;
  return !waits && fails(Call::kRandom) ? -1 : call(data, size, flags);
}

}  // extern "C"

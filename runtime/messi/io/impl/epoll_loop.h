#ifndef MESSI_IO_IMPL_EPOLL_LOOP_H_
#define MESSI_IO_IMPL_EPOLL_LOOP_H_

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "messi/io/epoll_loop.h"
#include "messi/io/resolver.h"
#include "messi/io/socket_connecting.h"
#include "messi/io/socket_listener.h"

namespace messi {

MESSI_INLINE EpollLoop::EpollLoop(EpollLoopOptions options)
    : LoopCore(random_seed()),
      options_(options),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      waker_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)),
      input_(new char[kMostInput]) {
  if (!epoll_.valid() || !add(waker_.fd(), Interest::kRead, waker_) ||
      !add(timer_.fd(), Interest::kRead, timer_)) {
    std::abort();
  }
}

MESSI_INLINE EpollLoop::~EpollLoop() = default;

MESSI_INLINE std::unique_ptr<Connecting> EpollLoop::connect(const std::string& uri,
                                                            const ConnectOptions& options,
                                                            ConnectHandler& handler) {
  return std::make_unique<SocketConnecting>(*this, uri, options, handler);
}

MESSI_INLINE absl::StatusOr<std::unique_ptr<Listener>> EpollLoop::listen(
    const std::string& uri, const ListenOptions& options, ListenHandler& handler) {
  return SocketListener::open(*this, uri, options, handler);
}

MESSI_INLINE void EpollLoop::poll(Duration patience) {
  const int count = wait(patience);
  const Turn turn(*this);
  turn_began_ = Clock::now();
  event_count_ = count;
  for (int i = 0; i < event_count_; ++i) {
    auto* const handler = static_cast<ReadyHandler*>(events_[static_cast<std::size_t>(i)].data.ptr);
    if (handler == nullptr) continue;  // removed by one of those before it
    const std::uint32_t events = events_[static_cast<std::size_t>(i)].events;
    const bool failed = (events & (EPOLLERR | EPOLLHUP)) != 0;
    handler->handle_ready(failed || (events & EPOLLIN) != 0, failed || (events & EPOLLOUT) != 0);
  }
  event_count_ = 0;
  fire_timers(turn_began_);
  run_posted();
  run_tasks();
  arm_timer();
  if (count > 0) adapt_input(Clock::now() - turn_began_);
}

MESSI_INLINE void EpollLoop::adapt_input(Duration turn) {
  if (turn > kTurnTime) {
    input_size_ = std::max(input_size_ / 2, kLeastInput);
  } else if (turn < kTurnTime / 4) {
    input_size_ = std::min(input_size_ * 2, kMostInput);
  }
}

MESSI_INLINE int EpollLoop::wait(Duration patience) {
  if (found_something_ && options_.busy_poll > Duration::zero()) {
    const TimePoint began = Clock::now();
    const Duration busy = std::min(options_.busy_poll, patience);
    do {
      if (const int count = wait_once(Duration::zero()); count != 0) return count;
    } while (Clock::now() - began < busy);
  }
  const int count = wait_once(patience);
  found_something_ = count > 0;
  return count;
}

MESSI_INLINE int EpollLoop::wait_once(Duration patience) {
  using std::chrono::milliseconds;
  int timeout = -1;
  if (patience != kForEver) {
    constexpr milliseconds kLongest = std::chrono::hours(24);
    timeout = static_cast<int>(std::min(kLongest, std::chrono::ceil<milliseconds>(patience)).count());
  }
  // A signal ends the wait early, as it would anything that is waited for.
  return ::epoll_wait(epoll_.get(), events_.data(), kEventsPerTurn, timeout);
}

MESSI_INLINE Resolver& EpollLoop::resolver() {
  if (resolver_ == nullptr) resolver_ = std::make_unique<Resolver>(*this);
  return *resolver_;
}

MESSI_INLINE void EpollLoop::remove(int fd, ReadyHandler& handler) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = 0; i < event_count_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
}

MESSI_INLINE bool EpollLoop::control(int operation, int fd, Interest interest, ReadyHandler& handler) {
  epoll_event event{};
  event.data.ptr = &handler;
  if (interest == Interest::kRead || interest == Interest::kReadWrite) event.events |= EPOLLIN;
  if (interest == Interest::kWrite || interest == Interest::kReadWrite) event.events |= EPOLLOUT;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

// The timer may be set to a deadline that has moved away since: then it wakes the loop once for
// nothing, which costs less than setting it with every message.
MESSI_INLINE void EpollLoop::arm_timer() {
  const std::optional<TimePoint> next = next_deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next && *armed_for_ > turn_began_)) return;
  armed_for_ = next;
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  // Zero would disarm the timer, and what is below is refused.
  const nanoseconds since_epoch = std::max<nanoseconds>(next->time_since_epoch(), nanoseconds(1));
  const auto whole = std::chrono::duration_cast<seconds>(since_epoch);
  itimerspec when{};
  when.it_value.tv_sec = whole.count();
  when.it_value.tv_nsec = (since_epoch - whole).count();
  ::timerfd_settime(timer_.fd(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace messi

#endif  // MESSI_IO_IMPL_EPOLL_LOOP_H_

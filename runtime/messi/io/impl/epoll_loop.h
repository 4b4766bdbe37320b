#ifndef MESSI_IO_IMPL_EPOLL_LOOP_H_
#define MESSI_IO_IMPL_EPOLL_LOOP_H_

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/io/epoll_loop.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/fork.h"
#include "messi/io/linux/socket_network.h"

namespace messi {

struct EpollLoop::System {
  static constexpr int kEventsPerTurn = 256;

  /// An eventfd or timerfd that makes epoll_wait return.
  class Waker final : public ReadyHandler {
   public:
    explicit Waker(int fd) : fd_(fd) {}
    int fd() const { return fd_.get(); }

   private:
    void handle_ready(bool /*readable*/, bool /*writable*/) override {
      std::uint64_t count = 0;
      // There may be nothing to read: the timer was set again, or another turn was quicker.
      [[maybe_unused]] const ssize_t ignored = ::read(fd_.get(), &count, sizeof(count));
    }
    io::Fd fd_;
  };

  /// A forked child shares the parent's epoll, and must not touch it.
  bool in_child() const { return io::fork_generation() != generation; }

  bool control(int operation, int fd, Interest interest, ReadyHandler& handler) const {
    if (in_child()) return false;
    epoll_event event{};
    event.data.ptr = &handler;
    if (interest == Interest::kRead || interest == Interest::kReadWrite) event.events |= EPOLLIN;
    if (interest == Interest::kWrite || interest == Interest::kReadWrite) event.events |= EPOLLOUT;
    return ::epoll_ctl(epoll.get(), operation, fd, &event) == 0;
  }

  static std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    [[maybe_unused]] const ssize_t ignored = ::getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
    return seed;
  }

  const decltype(io::fork_generation()) generation = io::fork_generation();
  io::Fd epoll{::epoll_create1(EPOLL_CLOEXEC)};
  Waker waker{::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
  Waker timer{::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)};
  std::array<epoll_event, kEventsPerTurn> events;
  int event_count = 0;  // of those that are being handled
};

MESSI_INLINE EpollLoop::EpollLoop(EpollLoopOptions options)
    : LoopCore(System::random_seed()),
      options_(options),
      system_(std::make_unique<System>()),
      retry_(*this, [this] { retry(); }),
      sockets_(std::make_unique<io::SocketNetwork>(*this)) {
  if (!add(system_->waker.fd(), Interest::kRead, system_->waker) ||
      !add(system_->timer.fd(), Interest::kRead, system_->timer)) {
    fatal("the system has no descriptors left for an event loop");
  }
}

MESSI_INLINE EpollLoop::~EpollLoop() = default;

MESSI_INLINE void EpollLoop::fill_secret(Space space) {
  // Only a system that has just booted makes it wait. Up to 256 bytes come at once.
  for (std::size_t filled = 0; filled < space.size;) {
    const ssize_t size = ::getrandom(space.data + filled, space.size - filled, 0);
    if (size > 0) {
      filled += static_cast<std::size_t>(size);
    } else if (errno != EINTR) {
      fatal("the system has no random numbers");
    }
  }
}

MESSI_INLINE int EpollLoop::fd() const { return system_->epoll.get(); }

MESSI_INLINE bool EpollLoop::run_until(const std::function<bool()>& done) {
  bool is_done = false;
  while (!stopped_ && !(is_done = done())) poll(kForEver);
  if (has_posted()) poll();
  if (!is_done) stopped_ = false;
  return is_done;
}

MESSI_INLINE void EpollLoop::poll(Duration patience) {
  if (system_->in_child()) fatal("a child that was forked must not run its parent's event loop");
  Turn turn(*this);
  const int count = wait(patience);
  turn_began_ = Clock::now();
  waited_ = Duration::zero();
  const Finally arm([this] { arm_timer(); });
  const std::size_t before = std::exchange(round_events_, 0);  // an exception begins a new round
  deliver(count);
  note_round(before, count);
  fire_timers(turn_began_);
  run_posted();
  run_tasks();
  turn.complete();
  turn_ended_ = turn_began_;
  if (count > 0) {
    turn_ended_ = Clock::now();
    scratch_.adapt(turn_ended_ - turn_began_);
  }
}

MESSI_INLINE void EpollLoop::deliver(int event_count) {
  const Finally none([this] { system_->event_count = 0; });
  system_->event_count = event_count;
  for (int i = 0; i < system_->event_count; ++i) {
    const epoll_event& event = system_->events[static_cast<std::size_t>(i)];
    auto* const handler = static_cast<ReadyHandler*>(event.data.ptr);
    if (handler == nullptr) continue;  // removed by one of those before it
    const bool failed = (event.events & (EPOLLERR | EPOLLHUP)) != 0;
    called_ = handler;
    handler->handle_ready(failed || (event.events & EPOLLIN) != 0,
                          failed || (event.events & EPOLLOUT) != 0);
  }
}

// If more descriptors are ready than one wait returns, the system goes round: none comes a second
// time before all others.
MESSI_INLINE void EpollLoop::note_round(std::size_t events_before, int event_count) {
  if (events_before == 0) round_began_ = turn_ended_;
  // -1 is for a signal: nothing was looked at.
  const std::size_t events = events_before + static_cast<std::size_t>(std::max(event_count, 0));
  if (event_count >= 0 && (event_count < System::kEventsPerTurn || events >= watched_)) {
    input_until_ = round_began_;
  } else {
    round_events_ = events;
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
    timeout =
        static_cast<int>(std::min(kLongest, std::chrono::ceil<milliseconds>(patience)).count());
  }
  // A signal ends the wait early.
  return ::epoll_wait(fd(), system_->events.data(), System::kEventsPerTurn, timeout);
}

MESSI_INLINE bool EpollLoop::add(int fd, Interest interest, ReadyHandler& handler) {
  make_room(retrying_, watched_ + 1);
  if (!system_->control(EPOLL_CTL_ADD, fd, interest, handler)) return false;
  ++watched_;
  return true;
}

MESSI_INLINE void EpollLoop::change(int fd, Interest interest, ReadyHandler& handler) {
  system_->control(EPOLL_CTL_MOD, fd, interest, handler);
}

MESSI_INLINE void EpollLoop::remove(int fd, ReadyHandler& handler) {
  if (system_->control(EPOLL_CTL_DEL, fd, Interest::kNothing, handler)) --watched_;
  for (int i = 0; i < system_->event_count; ++i) {
    epoll_event& event = system_->events[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
  if (called_ == &handler) called_ = nullptr;
  retrying_.erase(std::remove(retrying_.begin(), retrying_.end(), &handler), retrying_.end());
}

MESSI_INLINE void EpollLoop::retry_soon(ReadyHandler& handler) {
  if (std::find(retrying_.begin(), retrying_.end(), &handler) != retrying_.end()) return;
  retrying_.push_back(&handler);
  if (!retry_.pending()) retry_.set(now() + kRetryAfter);
}

MESSI_INLINE void EpollLoop::retry() {
  // Handlers that fail again go back on the list, and come later.
  const Finally rest([this] {
    if (!retrying_.empty() && !retry_.pending()) retry_.set(now() + kRetryAfter);
  });
  for (std::size_t most = retrying_.size(); most > 0 && !retrying_.empty(); --most) {
    ReadyHandler* const handler = retrying_.front();
    retrying_.erase(retrying_.begin());
    called_ = handler;
    handler->handle_ready(false, true);
  }
}

MESSI_INLINE bool EpollLoop::wait_writable(int fd) {
  using std::chrono::milliseconds;
  const auto left = std::chrono::ceil<milliseconds>(kMostWaiting - waited_);
  if (left <= milliseconds::zero()) return false;
  const TimePoint began = Clock::now();
  pollfd waited_for{fd, POLLOUT, 0};
  const bool writable = ::poll(&waited_for, 1, static_cast<int>(left.count())) > 0 &&
                        (waited_for.revents & POLLOUT) != 0;
  waited_ += Clock::now() - began;
  return writable;
}

MESSI_INLINE bool EpollLoop::has_failed(int fd) {
  pollfd asked{fd, 0, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLERR | POLLHUP)) != 0;
}

MESSI_INLINE bool EpollLoop::in_child() const { return system_->in_child(); }

MESSI_INLINE void EpollLoop::wake() {
  if (system_->in_child()) return;
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t ignored = ::write(system_->waker.fd(), &one, sizeof(one));
}

// The timer may be set to a deadline that has moved away since. Then it wakes the loop once for
// nothing, which costs less than setting it for every message.
MESSI_INLINE void EpollLoop::arm_timer() {
  const std::optional<TimePoint> next = next_deadline();
  if (!next || (armed_for_ && *armed_for_ <= *next && *armed_for_ > turn_began_)) return;
  if (system_->in_child()) return;
  armed_for_ = next;
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  // Zero would disarm the timer, and the system refuses negative values.
  const nanoseconds since_epoch = std::max<nanoseconds>(next->time_since_epoch(), nanoseconds(1));
  const auto whole = std::chrono::duration_cast<seconds>(since_epoch);
  itimerspec when{};
  when.it_value.tv_sec = whole.count();
  when.it_value.tv_nsec = (since_epoch - whole).count();
  ::timerfd_settime(system_->timer.fd(), TFD_TIMER_ABSTIME, &when, nullptr);
}

}  // namespace messi

#endif  // MESSI_IO_IMPL_EPOLL_LOOP_H_

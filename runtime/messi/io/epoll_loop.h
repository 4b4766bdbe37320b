#ifndef MESSI_IO_EPOLL_LOOP_H_
#define MESSI_IO_EPOLL_LOOP_H_

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

#include "messi/io/fd.h"
#include "messi/io/loop_core.h"
#include "messi/io/poller.h"
#include "messi/io/socket_connecting.h"
#include "messi/io/socket_listener.h"
#include "messi/io/stream.h"

namespace messi {

struct EpollLoopOptions {
  /// For how long the loop looks again and again before it lets the system put its thread to sleep.
  /// Being woken takes longer than most messages, so this shortens answers, at the price of a core
  /// that is busy for up to this long after each turn that found something to do, and that others
  /// cannot use then. Worth it only with a core to spare for this thread. Zero: not at all.
  Duration busy_poll = Duration::zero();
};

/// The event loop of Linux: TCP and Unix sockets. Either it runs the thread (`run`), or another
/// loop does, and calls `poll` whenever `fd()` is readable: sockets, timers, posted calls and work
/// to be done all show there.
class EpollLoop final : public LoopCore, public Poller {
 public:
  /// Aborts if the system has no descriptors left for a loop.
  explicit EpollLoop(EpollLoopOptions options = {});

  /// Takes turns until `stop`. What the stopping turn has begun, hooks included, is finished.
  void run() {
    stopped_ = false;
    while (!stopped_) poll(kForEver);
  }

  /// Ends `run` after the current turn. From another thread, `post` it. Neither is for signal
  /// handlers: let the loop watch a signalfd (`add`), or a thread wait for the signal and post.
  void stop() { stopped_ = true; }

  /// Takes one turn: waits up to `patience` for something to do, and does it.
  void poll(Duration patience = Duration::zero());

  /// Readable whenever `poll` has something to do. Not to be read from, nor closed.
  int fd() const { return epoll_.get(); }

  TimePoint now() override { return in_turn() ? turn_began_ : Clock::now(); }
  std::unique_ptr<Connecting> connect(const std::string& uri, ConnectHandler& handler) override {
    return std::make_unique<SocketConnecting>(*this, uri, handler);
  }
  absl::StatusOr<std::unique_ptr<Listener>> listen(const std::string& uri,
                                                   ListenHandler& handler) override {
    return SocketListener::open(*this, uri, handler);
  }

  static constexpr Duration kForEver = Duration::max();

  // Poller; a program may watch descriptors of its own too.
  EventLoop& loop() override { return *this; }
  bool add(int fd, Interest interest, ReadyHandler& handler) override {
    return control(EPOLL_CTL_ADD, fd, interest, handler);
  }
  void change(int fd, Interest interest, ReadyHandler& handler) override {
    control(EPOLL_CTL_MOD, fd, interest, handler);
  }
  inline void remove(int fd, ReadyHandler& handler) override;
  Input input() override { return {input_.get(), input_size_}; }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr int kEventsPerTurn = 256;
  // A read takes what a turn can handle in about this time. The least costs a system call each few
  // microseconds at the worst, and more than the most would not fit the processor's caches.
  static constexpr Duration kTurnTime = std::chrono::microseconds(100);
  static constexpr std::size_t kLeastInput = 4 * 1024;
  static constexpr std::size_t kMostInput = 64 * 1024;

  /// An eventfd or timerfd that makes epoll_wait return.
  class Waker final : public ReadyHandler {
   public:
    explicit Waker(int fd) : fd_(fd) {}
    int fd() const { return fd_.get(); }
    bool valid() const { return fd_.valid(); }

   private:
    void handle_ready(bool /*readable*/, bool /*writable*/) override {
      std::uint64_t count = 0;
      // Nothing to be read is fine: the timer was set anew, or another turn was quicker.
      [[maybe_unused]] const ssize_t ignored = ::read(fd_.get(), &count, sizeof(count));
    }
    Fd fd_;
  };

  static std::uint64_t random_seed() {
    std::uint64_t seed = 0;
    [[maybe_unused]] const ssize_t ignored = ::getrandom(&seed, sizeof(seed), GRND_NONBLOCK);
    return seed;
  }

  // LoopCore
  void wake() override {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t ignored = ::write(waker_.fd(), &one, sizeof(one));
  }
  void deadline_changed() override {
    if (!in_turn()) arm_timer();
  }

  bool control(int operation, int fd, Interest interest, ReadyHandler& handler);
  int wait(Duration patience);
  int wait_once(Duration patience);
  void adapt_input(Duration turn);
  void arm_timer();

  const EpollLoopOptions options_;
  Fd epoll_;
  Waker waker_;
  Waker timer_;
  std::optional<TimePoint> armed_for_;
  TimePoint turn_began_;
  bool stopped_ = false;
  bool found_something_ = false;
  std::unique_ptr<char[]> input_;
  std::size_t input_size_ = kMostInput;
  std::array<epoll_event, kEventsPerTurn> events_;
  int event_count_ = 0;
};

// ---------------------------------------------------------------------------------------------

inline EpollLoop::EpollLoop(EpollLoopOptions options)
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

inline void EpollLoop::poll(Duration patience) {
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

inline void EpollLoop::adapt_input(Duration turn) {
  if (turn > kTurnTime) {
    input_size_ = std::max(input_size_ / 2, kLeastInput);
  } else if (turn < kTurnTime / 4) {
    input_size_ = std::min(input_size_ * 2, kMostInput);
  }
}

inline int EpollLoop::wait(Duration patience) {
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

inline int EpollLoop::wait_once(Duration patience) {
  using std::chrono::milliseconds;
  int timeout = -1;
  if (patience != kForEver) {
    constexpr milliseconds kLongest = std::chrono::hours(24);
    timeout = static_cast<int>(std::min(kLongest, std::chrono::ceil<milliseconds>(patience)).count());
  }
  // A signal ends the wait early, as it would anything that is waited for.
  return ::epoll_wait(epoll_.get(), events_.data(), kEventsPerTurn, timeout);
}

inline void EpollLoop::remove(int fd, ReadyHandler& handler) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
  for (int i = 0; i < event_count_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &handler) event.data.ptr = nullptr;
  }
}

inline bool EpollLoop::control(int operation, int fd, Interest interest, ReadyHandler& handler) {
  epoll_event event{};
  event.data.ptr = &handler;
  if (interest == Interest::kRead || interest == Interest::kReadWrite) event.events |= EPOLLIN;
  if (interest == Interest::kWrite || interest == Interest::kReadWrite) event.events |= EPOLLOUT;
  return ::epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

// The timer may be set to a deadline that has moved away since: then it wakes the loop once for
// nothing, which costs less than setting it with every message.
inline void EpollLoop::arm_timer() {
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

#endif  // MESSI_IO_EPOLL_LOOP_H_

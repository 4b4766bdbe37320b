#ifndef MESSI_IO_EPOLL_LOOP_H_
#define MESSI_IO_EPOLL_LOOP_H_

#include <sys/epoll.h>
#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "messi/flavour.h"
#include "messi/io/fd.h"
#include "messi/io/loop_core.h"
#include "messi/io/poller.h"
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
  MESSI_INLINE ~EpollLoop() override;

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
  MESSI_INLINE std::unique_ptr<Connecting> connect(const std::string& uri,
                                                   const ConnectOptions& options,
                                                   ConnectHandler& handler) override;
  MESSI_INLINE absl::StatusOr<std::unique_ptr<Listener>> listen(const std::string& uri,
                                                                const ListenOptions& options,
                                                                ListenHandler& handler) override;

  static constexpr Duration kForEver = Duration::max();

  // Poller; a program may watch descriptors of its own too.
  EventLoop& loop() override { return *this; }
  bool add(int fd, Interest interest, ReadyHandler& handler) override {
    return control(EPOLL_CTL_ADD, fd, interest, handler);
  }
  void change(int fd, Interest interest, ReadyHandler& handler) override {
    control(EPOLL_CTL_MOD, fd, interest, handler);
  }
  MESSI_INLINE void remove(int fd, ReadyHandler& handler) override;
  Input input() override { return {input_.get(), input_size_}; }
  MESSI_INLINE Resolver& resolver() override;

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
  std::unique_ptr<Resolver> resolver_;  // goes first; not there before a name is asked for
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/io/impl/epoll_loop.h"
#endif

#endif  // MESSI_IO_EPOLL_LOOP_H_

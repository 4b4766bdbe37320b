#ifndef MESSI_IO_EPOLL_LOOP_H_
#define MESSI_IO_EPOLL_LOOP_H_

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/flavour.h"
#include "messi/io/loop_core.h"
#include "messi/io/poller.h"
#include "messi/io/scratch.h"

namespace messi {

namespace io {
class SocketNetwork;
}  // namespace io

struct EpollLoopOptions {
  /// How long the loop polls before it lets the system put its thread to sleep. Waking a thread
  /// takes longer than handling most messages, so polling shortens response times. It keeps a core
  /// busy for up to this long after each turn that found something to do, so use it only if this
  /// thread has a core of its own. Zero: no polling.
  Duration busy_poll = Duration::zero();
};

/// The event loop for Linux: TCP and Unix sockets. Either it runs the thread (`run`), or another
/// loop runs it and calls `poll` whenever `fd()` is readable. `fd()` covers sockets, timers, posted
/// calls and scheduled tasks.
///
/// Exceptions from hooks, posted calls, timers and tasks leave `run` and `poll`. The connection
/// whose hook threw ends with kGeneralError. Nothing else changes, and the loop may be run again.
///
/// After a fork the child may call exec or `_exit`, or destroy the loop and what belongs to it,
/// which does not touch the parent. Running the loop in the child aborts the child.
class EpollLoop final : public LoopCore, public Poller {
 public:
  /// Aborts if the system has no descriptors left for a loop.
  explicit EpollLoop(EpollLoopOptions options = {});
  MESSI_INLINE ~EpollLoop() override;

  /// Takes turns until `stop`; returns at once if `stop` was called since the last run. The last
  /// turn is finished, with its hooks and the calls posted until then.
  void run() {
    run_until([] { return false; });
  }

  /// Takes turns until `done()` returns true; asks before each turn. Returns false if `stop` came
  /// first. To end a program when all is sent: `client.stop(); loop.run_until([&] { return
  /// client.stopped(); });`
  bool run_until(const std::function<bool()>& done);

  /// Ends `run` and `run_until`, see EventLoop::stop.
  void stop() override { stopped_ = true; }

  /// Takes one turn: waits up to `patience` for something to do, and does it. Zero: does not wait.
  void poll(Duration patience = Duration::zero());

  /// Readable whenever `poll` has something to do. Do not read from it or close it.
  int fd() const;

  TimePoint now() override { return in_turn() ? turn_began_ : Clock::now(); }
  TimePoint input_until() override { return input_until_; }
  Space scratch() override { return scratch_.space(); }
  MESSI_INLINE void fill_secret(Space space) override;

  static constexpr Duration kForEver = Duration::max();

  // Poller. A program may watch its own descriptors too.
  EventLoop& loop() override { return *this; }
  MESSI_INLINE bool add(int fd, Interest interest, ReadyHandler& handler) override;
  MESSI_INLINE void change(int fd, Interest interest, ReadyHandler& handler) override;
  MESSI_INLINE void remove(int fd, ReadyHandler& handler) override;
  bool removed(const ReadyHandler& handler) const override { return &handler != called_; }
  MESSI_INLINE void retry_soon(ReadyHandler& handler) override;
  MESSI_INLINE bool wait_writable(int fd) override;
  MESSI_INLINE bool has_failed(int fd) override;
  MESSI_INLINE bool in_child() const override;

 private:
  // The parts that need the system's headers, whose macros must not get into this header.
  struct System;
  using Clock = std::chrono::steady_clock;
  // How long one turn may wait for room in the system's buffers, for all connections together.
  static constexpr Duration kMostWaiting = std::chrono::milliseconds(100);
  static constexpr Duration kRetryAfter = std::chrono::milliseconds(10);

  // LoopCore
  MESSI_INLINE void wake() override;
  void deadline_changed() override {
    if (!in_turn()) arm_timer();
  }

  int wait(Duration patience);
  int wait_once(Duration patience);
  void deliver(int event_count);
  void note_round(std::size_t events_before, int event_count);
  void retry();
  void arm_timer();

  const EpollLoopOptions options_;
  const std::unique_ptr<System> system_;
  std::optional<TimePoint> armed_for_;
  TimePoint turn_began_;
  TimePoint turn_ended_;  // or earlier
  bool stopped_ = false;
  bool found_something_ = false;
  io::Scratch scratch_;
  Duration waited_ = Duration::zero();  // for room, in this turn
  ReadyHandler* called_ = nullptr;      // unless it has been removed since
  std::vector<ReadyHandler*> retrying_;
  Timer retry_;

  // A round of reading: as many events as there are descriptors, or all that there are.
  TimePoint input_until_;
  TimePoint round_began_;
  std::size_t round_events_ = 0;
  std::size_t watched_ = 0;

  const std::unique_ptr<io::SocketNetwork> sockets_;  // destroyed first
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/io/impl/epoll_loop.h"
#endif

#endif  // MESSI_IO_EPOLL_LOOP_H_

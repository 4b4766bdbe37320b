#ifndef MESSI_IO_ASIO_LOOP_H_
#define MESSI_IO_ASIO_LOOP_H_

// messi on Asio: the standalone one, or Boost's if MESSI_BOOST_ASIO is defined before this header
// is included.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/base/time.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/context_watch.h"
#include "messi/io/asio/loop_watch.h"
#include "messi/io/asio/network.h"
#include "messi/io/asio/operation.h"
#include "messi/io/asio/wait_writable.h"
#include "messi/io/loop_core.h"
#include "messi/io/scratch.h"

namespace messi {
inline namespace MESSI_ASIO_FLAVOUR {

/// An event loop on Asio's: its clients and servers run on an `io_context` of the program's, beside
/// whatever else runs there, with Asio's sockets and timers. The program runs the context. Its run
/// ends, as usual, when nothing is left to do: no client or server runs, and nothing is posted.
///
/// Exceptions from hooks, posted calls, timers and tasks leave the `run` of the context. The
/// connection whose hook threw ends with kGeneralError. Nothing else changes, and the context may
/// be run again.
///
/// "The loop's thread" is where the context runs: one thread, unless a strand is given. Then it is
/// the strand, and any number of threads may run its context. The loop goes before the context, and
/// clients and servers before the loop.
class AsioLoop final : public LoopCore, public io::WatchedLoop, private io::OperationLoop {
 public:
  using Context = io::net::io_context;
  using Strand = io::net::strand<Context::executor_type>;

  /// For a context that one thread runs.
  explicit AsioLoop(Context& context) : AsioLoop(context, context.get_executor()) {}
  /// What belongs to the loop is used on the strand only, also its constructors and destructors,
  /// once a thread runs the context.
  explicit AsioLoop(const Strand& strand)
      : AsioLoop(strand.get_inner_executor().context(), strand) {}
  inline ~AsioLoop() override;

  /// Stops the context, as its own `stop` does: all its runs end as soon as possible.
  void stop() override { context_.stop(); }

  TimePoint now() override { return in_turn() ? turn_began_ : Clock::now(); }
  TimePoint input_until() override { return input_until_; }
  Space scratch() override { return scratch_.space(); }
  inline void fill_secret(Space space) override;

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr Duration kMostWaiting = std::chrono::milliseconds(100);
  static constexpr Duration kRetryAfter = std::chrono::milliseconds(10);
  // What Asio finds in one look at the system (128), less what may belong to others.
  static constexpr std::size_t kManyEvents = 100;
  // Input that has arrived when a turn ends is found before this many turns later.
  static constexpr std::size_t kTurnsBehind = 3;

  AsioLoop(Context& context, io::net::any_io_executor executor)
      : LoopCore(std::random_device()()),
        context_(context),
        watch_(context),
        executor_(std::move(executor)),
        turns_(std::make_shared<io::Shared<AsioLoop>>(this)),
        timer_(executor_),
        timeouts_(std::make_shared<io::Shared<AsioLoop>>(this)),
        retry_(*this, [this] { retry(); }),
        network_(*this) {}

  // LoopCore
  inline void wake() override;
  void deadline_changed() override {
    if (!in_turn()) arm_timer();
  }

  // io::OperationLoop
  EventLoop& loop() override { return *this; }
  const io::net::any_io_executor& executor() override { return executor_; }
  void add(io::Operation& /*operation*/) override {
    make_room(ready_, operations_ + 1);
    make_room(delivered_, operations_ + 1);
    make_room(retrying_, operations_ + 1);
    ++operations_;
  }
  inline void remove(io::Operation& operation) override;
  void completed(io::Operation& operation) override {
    if (!operation.told_later()) ready_.push_back(&operation);
    operation.tell_later();
    wake();
  }
  inline void retry_soon(io::Operation& operation) override;
  inline bool wait_writable(io::AsioSocket& socket) override;

  inline void turn();
  inline std::size_t deliver();
  inline void note_round(std::size_t events);
  inline void retry();
  inline void arm_timer();

  Context& context_;
  io::ContextWatch watch_;
  const io::net::any_io_executor executor_;

  const std::shared_ptr<io::Shared<AsioLoop>> turns_;
  std::atomic<bool> turn_comes_{false};
  TimePoint turn_began_;
  io::Scratch scratch_;
  Duration waited_ = Duration::zero();  // for room, in this turn

  io::net::steady_timer timer_;
  const std::shared_ptr<io::Shared<AsioLoop>> timeouts_;
  std::optional<TimePoint> armed_for_;

  std::size_t operations_ = 0;
  std::vector<io::Operation*> ready_;
  std::vector<io::Operation*> delivered_;  // of them, in this turn; null if it is gone
  std::vector<io::Operation*> retrying_;
  Timer retry_;

  std::array<TimePoint, kTurnsBehind> turns_ended_{};  // the last first
  TimePoint input_until_;
  std::size_t round_events_ = 0;

  io::AsioNetwork network_;  // destroyed first
};

// ---------------------------------------------------------------------------------------------

inline AsioLoop::~AsioLoop() {
  tell_watches();
  turns_->owner = nullptr;
  timeouts_->owner = nullptr;
}

inline void AsioLoop::fill_secret(Space space) {
  std::random_device source;
  while (space.size > 0) {
    const std::random_device::result_type bits = source();
    const std::size_t size = std::min(space.size, sizeof(bits));
    std::memcpy(space.data, &bits, size);
    space = {space.data + size, space.size - size};
  }
}

// A turn comes behind all that Asio has found: it handles many streams at once, and writes once to
// each.
inline void AsioLoop::wake() {
  if (turn_comes_.exchange(true)) return;
  bool posted = false;
  const Finally unless([&] {
    if (!posted) turn_comes_ = false;
  });
  const auto turn = [](AsioLoop& loop) { loop.turn(); };
  io::net::post(executor_, io::Completion<AsioLoop, decltype(turn)>(turns_, turn));
  posted = true;
}

inline void AsioLoop::turn() {
  turn_comes_ = false;
  Turn turn(*this);
  turn_began_ = Clock::now();
  waited_ = Duration::zero();
  const Finally ended([this] {
    std::copy_backward(turns_ended_.begin(), turns_ended_.end() - 1, turns_ended_.end());
    turns_ended_.front() = Clock::now();
    arm_timer();
  });
  note_round(ready_.size());
  const std::size_t events = deliver();
  fire_timers(turn_began_);
  run_posted();
  run_tasks();
  turn.complete();
  if (events > 0) scratch_.adapt(Clock::now() - turn_began_);
}

inline std::size_t AsioLoop::deliver() {
  delivered_.swap(ready_);
  std::size_t next = 0;
  const Finally rest([&] {
    for (; next < delivered_.size(); ++next) {
      if (delivered_[next] != nullptr) ready_.push_back(delivered_[next]);
    }
    delivered_.clear();
  });
  const std::size_t events = delivered_.size();
  while (next < events) {
    if (io::Operation* const operation = delivered_[next++]) operation->tell();
  }
  return events;
}

// If more is ready than Asio finds at once, it goes round: nothing comes a second time before all
// else.
inline void AsioLoop::note_round(std::size_t events) {
  round_events_ += events;
  if (events >= kManyEvents && round_events_ < operations_) return;
  round_events_ = 0;
  input_until_ = turns_ended_.back();
}

inline void AsioLoop::remove(io::Operation& operation) {
  --operations_;
  const auto erase = [&operation](std::vector<io::Operation*>& list) {
    list.erase(std::remove(list.begin(), list.end(), &operation), list.end());
  };
  erase(retrying_);
  if (!operation.told_later()) return;
  erase(ready_);
  std::replace(delivered_.begin(), delivered_.end(), &operation,
               static_cast<io::Operation*>(nullptr));
}

inline void AsioLoop::retry_soon(io::Operation& operation) {
  if (std::find(retrying_.begin(), retrying_.end(), &operation) != retrying_.end()) return;
  retrying_.push_back(&operation);
  if (!retry_.pending()) retry_.set(now() + kRetryAfter);
}

inline void AsioLoop::retry() {
  for (io::Operation* const operation : retrying_) completed(*operation);
  retrying_.clear();
}

inline bool AsioLoop::wait_writable(io::AsioSocket& socket) {
  const Duration left = kMostWaiting - waited_;
  if (left <= Duration::zero()) return false;
  const TimePoint began = Clock::now();
  const bool writable = io::wait_writable(socket.native_handle(), left);
  waited_ += Clock::now() - began;
  return writable;
}

// The timer may be set to a deadline that has moved away since. Then it wakes the loop once for
// nothing, which costs less than setting it for every message. Setting it cannot fail.
inline void AsioLoop::arm_timer() {
  const std::optional<TimePoint> next = next_deadline();
  if (!next) {
    if (armed_for_) timer_.cancel();  // or the context would go on running for it
    armed_for_.reset();
    return;
  }
  if (armed_for_ && *armed_for_ <= *next) return;
  timer_.expires_at(*next);
  armed_for_ = next;
  const auto expired = [](AsioLoop& loop, const io::ErrorCode& error) {
    if (error) return;  // it was set again
    loop.armed_for_.reset();
    loop.wake();
  };
  timer_.async_wait(io::Completion<AsioLoop, decltype(expired)>(timeouts_, expired));
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi

#endif  // MESSI_IO_ASIO_LOOP_H_

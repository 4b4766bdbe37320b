#ifndef MESSI_TESTING_MANUAL_LOOP_H_
#define MESSI_TESTING_MANUAL_LOOP_H_

#include <algorithm>
#include <atomic>
#include <cassert>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/time.h"
#include "messi/io/loop_core.h"
#include "messi/testing/memory_network.h"

namespace messi::testing {

/// An event loop that the test advances, with a network in memory and virtual time. There are no
/// sockets and no sleeps, and every run is the same.
///
///     messi::testing::ManualLoop loop;
///     MyServer server(loop, "tcp://:6000");
///     MyClient client(loop, "tcp://localhost:6000");
///     ...start both...
///     loop.run_until_idle();                          // everything that happens at this moment
///     loop.advance(std::chrono::seconds(10));         // and all that happens in ten seconds
///     loop.network().cut_all();                       // and so on, see Faults
class ManualLoop final : public LoopCore {
 public:
  /// `seed` decides the jitter of backoffs.
  explicit ManualLoop(std::uint64_t seed = 1) : LoopCore(seed), network_(*this) {}

  MemoryNetwork& network() { return network_; }

  /// Does everything that happens without time passing.
  void run_until_idle() {
    [[maybe_unused]] static constexpr int kMostTurns = 10'000'000;
    for ([[maybe_unused]] int turns = 0; !stopped_ && turn(); ++turns) {
      assert(turns < kMostTurns && "this never becomes idle");
    }
  }

  /// Lets `duration` pass, and fires all timers that are due on the way, in order.
  void advance(Duration duration) {
    const TimePoint end = now_ + duration;
    run_until_idle();
    while (!stopped_ && next_deadline() && *next_deadline() <= end) {
      now_ = std::max(now_, *next_deadline());
      run_until_idle();
    }
    if (!stopped_) now_ = end;
  }

  /// The program is held up, as by SIGSTOP: `duration` passes, and what is due meanwhile will be
  /// late.
  void hold_up(Duration duration) { now_ += duration; }

  /// How many turns the loop has taken.
  std::uint64_t turns() const { return turns_; }

  /// From now on nothing happens, as if the program's main loop had returned.
  void stop() override { stopped_ = true; }
  bool stopped() const { return stopped_; }

  TimePoint now() override { return now_; }
  TimePoint input_until() override { return now_; }
  /// The same in every run.
  void fill_secret(Space space) override {
    for (std::size_t i = 0; i < space.size; ++i) space.data[i] = static_cast<char>(random());
  }
  Space scratch() override {
    const Space exact = network_.scratch();
    return exact.data != nullptr ? exact : Space{scratch_.data(), scratch_.size()};
  }

 private:
  void wake() override { awake_ = true; }
  void deadline_changed() override {}

  // False if there was nothing to do.
  bool turn() {
    Turn turn(*this);
    ++turns_;
    const bool due = next_deadline() && *next_deadline() <= now_;
    bool busy = awake_.exchange(false) || has_tasks() || due;
    busy |= network_.deliver();
    fire_timers(now_);
    run_posted();
    run_tasks();
    turn.complete();
    return busy;
  }

  static constexpr std::size_t kScratchSize = 64 * 1024;

  MemoryNetwork network_;
  std::vector<char> scratch_ = std::vector<char>(kScratchSize);  // for networks of the test's own
  TimePoint now_{std::chrono::hours(1)};
  std::uint64_t turns_ = 0;
  std::atomic<bool> awake_{false};
  bool stopped_ = false;
};

}  // namespace messi::testing

#endif  // MESSI_TESTING_MANUAL_LOOP_H_

#ifndef MESSI_TEST_SIMULATION_CALLEE_H_
#define MESSI_TEST_SIMULATION_CALLEE_H_

// The requests that a client or a server has been asked and not answered yet.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/io/event_loop.h"
#include "test/simulation/call_log.h"
#include "test/simulation/journal.h"
#include "test/simulation/messages.h"
#include "test/simulation/watch.h"

namespace messi::simulation {

template <typename Reply>
class Callee {
 public:
  /// `alive(who)`: whether who has asked is connected.
  Callee(EventLoop& loop, Watch& watch, std::function<bool(std::uint64_t who)> alive)
      : loop_(loop), watch_(watch), alive_(std::move(alive)), timer_(loop, [this] {
          give([now = loop_.now()](const Kept& kept) { return kept.due <= now; });
        }) {}

  /// A request has come from `who`, and through `side`. `later()` makes its Responder, and
  /// `reply(answer)` answers at once.
  template <typename Request, typename Later, typename ReplyNow>
  void handle(const Request& request, std::uint64_t who, const Side& side, Later&& later,
              ReplyNow&& reply_now) {
    CallRecord* const call = watch_.calls().find(request.call());
    if (call == nullptr) return;
    watch_.calls().handled(*call);
    ++side.out->said;
    auto manner = static_cast<Manner>(request.manner());
    TimePoint due = loop_.now() + std::chrono::milliseconds(request.after_ms());
    if (!watch_.calls().named()) {  // all are answered, in order
      if (manner > Manner::kLater) manner = Manner::kLater;
      if (!kept_.empty()) {
        manner = Manner::kLater;
        due = std::max(due, kept_.back().due);
      }
    }
    if (manner == Manner::kAtOnce) {
      return answer({*call, who, side.out, side.in}, reply_now);
    }
    if (manner == Manner::kNever) due = TimePoint::max();
    kept_.push_back({{*call, who, side.out, side.in}, due, manner, later()});
    set_timer();
  }

  /// What would come later, or never, comes now.
  void settle() {
    give([](const Kept&) { return true; });
  }
  /// Whether those who have cancelled a call have been heard.
  void check_cancelled() {
    for (const Kept& kept : kept_) {
      // Before there is a session nobody knows whether the other side would understand it.
      const CallRecord& call = kept.by.call;
      if (!kept.responder.open() || !call.ended || !call.connected) continue;
      // The end of a session that waits for its client is not told, nor what was said in it before.
      if (call.connection_over()) continue;
      if (loop_.now() - call.ended_at < std::chrono::seconds(1)) continue;  // it is on its way
      watch_.require(kept.responder.cancelled(), "a callee is not told that a call is given up");
    }
  }

 private:
  struct Asked {
    CallRecord& call;
    std::uint64_t who;
    Journal* out;
    Journal* in;  ///< Null if the first message is not there yet.
  };
  struct Kept {
    Asked by;
    TimePoint due;
    Manner manner;
    Responder<Reply> responder;
  };

  template <typename Is>
  void give(Is&& is) {
    std::vector<Kept> due;
    std::vector<Kept> rest;
    for (Kept& kept : kept_) (is(kept) ? due : rest).push_back(std::move(kept));
    kept_.swap(rest);
    for (Kept& kept : due) give(kept);
    set_timer();
  }

  void give(Kept& kept) {
    if (!kept.responder.open()) return;
    if (kept.manner == Manner::kDrops || kept.manner == Manner::kNever) {
      kept.by.call.answer = CallRecord::Answer::kDropped;
      watch_.says_later(*kept.by.out);
      kept.responder = {};
    } else if (kept.manner == Manner::kFails) {
      say(kept.by, CallRecord::Answer::kFailed,
          [&] { kept.responder.fail(absl::NotFoundError("on purpose")); });
    } else {
      answer(kept.by, [&](const Reply& reply) { kept.responder.reply(reply); });
    }
  }

  template <typename Say>
  void answer(const Asked& by, Say&& say_it) {
    const Reply reply = watch_.answer_to<Reply>(by.call);
    by.call.answer_hash = hash_of(reply);
    say(by, CallRecord::Answer::kGiven, [&] { say_it(reply); });
  }

  /// What is too much ends the connection.
  template <typename Say>
  void say(const Asked& by, CallRecord::Answer what, Say&& say_it) {
    const bool before = alive_(by.who);
    watch_.tries_to_answer(*by.out);
    say_it();
    if (alive_(by.who)) {
      by.call.answer = what;
    } else if (before) {
      watch_.refuse(*by.out);
      if (by.in != nullptr) by.in->hurried = true;
    }
  }

  void set_timer() {
    TimePoint next = TimePoint::max();
    for (const Kept& kept : kept_) next = std::min(next, kept.due);
    if (next != TimePoint::max()) timer_.set(next);
  }

  EventLoop& loop_;
  Watch& watch_;
  const std::function<bool(std::uint64_t who)> alive_;
  std::vector<Kept> kept_;
  Timer timer_;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_CALLEE_H_

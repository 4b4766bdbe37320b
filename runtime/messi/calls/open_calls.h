#ifndef MESSI_CALLS_OPEN_CALLS_H_
#define MESSI_CALLS_OPEN_CALLS_H_

// The calls of one caller to one peer, in one session or connection, in the order in which they
// were made:
//
//     open --its answer, or a failure--> gone
//       `--time-out, cancel--> given up --its answer, which nobody gets--> gone
//
// A call that was given up is kept until its answer has come. Otherwise that would be taken for the
// answer of another call, or for that to a request that was only sent.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/calls/call_handler.h"

namespace messi::calls {

struct OpenCall {
  std::uint64_t id;      ///< Grows from call to call.
  std::uint64_t number;  ///< Of the request, if messages are numbered; it grows too.
  std::uint32_t reply;   ///< The member that answers it.
  TimePoint began;
  TimePoint deadline;
  CallHandler handler;  ///< Empty if it was given up.
  bool gone = false;

  bool open() const { return static_cast<bool>(handler); }
};

/// A call that is over for a reason of this side. Its handler is called from the loop.
struct OverCall {
  CallHandler handler;
  StatusCode code;
  std::string_view text;  ///< Static.
};

class OpenCalls {
 public:
  /// At most `most` calls are open.
  explicit OpenCalls(std::size_t most) : most_(most) {}

  /// Whether answers name their requests. If not, they come in the order of the requests of their
  /// pair, and a call that was given up still has its turn.
  void set_numbered(bool numbered) { numbered_ = numbered; }
  bool numbered() const { return numbered_; }

  std::size_t open_count() const { return open_count_; }
  bool full() const { return open_count_ + (numbered_ ? 0 : given_up_count_) >= most_; }
  /// How many answers have come too late.
  std::uint64_t late_count() const { return late_count_; }

  /// Whether a call may begin; then `add` cannot fail. Nor can what ends a call, or refuses this
  /// one.
  bool prepare() {
    make_room(over_, over_.size() + open_count_ + 1);
    if (full()) return false;
    close_gaps();
    make_room(rows_, rows_.size() + 1);
    make_room(turns_, turns_.size() + 1);
    return true;
  }
  /// A call begins, after `prepare`; returns its id.
  std::uint64_t add(std::uint64_t number, std::uint32_t answering, TimePoint now,
                    TimePoint deadline, CallHandler handler) {
    rows_.push_back({++last_id_, number, answering, now, deadline, std::move(handler)});
    if (turn_of(answering) == nullptr) turns_.push_back({answering, last_id_});
    ++open_count_;
    next_deadline_ = std::min(next_deadline_, deadline);
    return last_id_;
  }

  /// The call with this id, or this number, which is open or given up; null if there is none.
  OpenCall* find(std::uint64_t id) {
    return find_by(id, [](const OpenCall& call) { return call.id; });
  }
  OpenCall* find_number(std::uint64_t number) {
    return find_by(number, [](const OpenCall& call) { return call.number; });
  }
  /// The call whose turn it is, if `answering` comes in order. What was seen to be over is not
  /// looked at again.
  OpenCall* find_first(std::uint32_t answering) {
    Turn* const turn = turn_of(answering);
    if (turn == nullptr) return nullptr;
    for (auto call = row_from(turn->id); call != rows_.end(); ++call) {
      if (call->gone || call->reply != answering) continue;
      turn->id = call->id;
      return &*call;
    }
    turn->id = last_id_ + 1;
    return nullptr;
  }

  /// Its answer has come. Returns who gets it; empty if it is too late.
  CallHandler finish(OpenCall& call) {
    if (call.open()) {
      --open_count_;
    } else {
      --given_up_count_;
      ++late_count_;
    }
    call.gone = true;
    ++gone_count_;
    return std::move(call.handler);
  }

  /// Nobody waits for its answer any more. The call is open.
  void give_up(OpenCall& call, StatusCode code, std::string_view text) {
    over_.push_back({std::move(call.handler), code, text});
    --open_count_;
    ++given_up_count_;
    if (numbered_ && given_up_count_ >= 2 * kMostGivenUp) forget_oldest();
  }

  /// A call that has not begun is over.
  void refuse(CallHandler handler, StatusCode code, std::string_view text) {
    over_.push_back({std::move(handler), code, text});
  }

  /// All calls are over, and no answer comes any more.
  void end_all(StatusCode code, std::string_view text) {
    for (OpenCall& call : rows_) {
      if (call.open()) over_.push_back({std::move(call.handler), code, text});
    }
    rows_.clear();
    turns_.clear();
    open_count_ = given_up_count_ = gone_count_ = 0;
    next_deadline_ = TimePoint::max();
  }

  /// Gives up the calls whose time is up: `on_given_up(call)`.
  template <typename OnGivenUp>
  void expire(TimePoint now, OnGivenUp&& on_given_up) {
    next_deadline_ = now;  // if it throws
    TimePoint next = TimePoint::max();
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      OpenCall& call = rows_[i];
      if (!call.open()) continue;
      if (call.deadline > now) {
        next = std::min(next, call.deadline);
        continue;
      }
      give_up(call, StatusCode::kDeadlineExceeded, "no answer in time");
      on_given_up(call);
    }
    next_deadline_ = next;
  }
  /// Not later than the first deadline.
  TimePoint next_deadline() const { return next_deadline_; }

  /// Calls the handlers of the calls that are over now. What those end, and what is left if one
  /// throws, is told the next time.
  void tell_over() {
    std::size_t told = 0;
    const Finally after([this, &told] {
      over_.erase(over_.begin(), over_.begin() + static_cast<std::ptrdiff_t>(told));
    });
    for (const std::size_t count = over_.size(); told < count;) {
      OverCall each = std::move(over_[told++]);
      each.handler({nullptr, each.code, each.text});
    }
  }
  bool has_over() const { return !over_.empty(); }

 private:
  // Of calls with numbers. A peer that never answers is not remembered for ever: at twice as many
  // half are forgotten, since each time all rows are looked at.
  static constexpr std::size_t kMostGivenUp = 1024;

  // Calls before `id` do not wait for `reply`, which comes in order.
  struct Turn {
    std::uint32_t reply;
    std::uint64_t id;
  };
  Turn* turn_of(std::uint32_t answering) {
    for (Turn& turn : turns_) {
      if (turn.reply == answering) return &turn;
    }
    return nullptr;
  }
  std::vector<OpenCall>::iterator row_from(std::uint64_t id) {
    return std::lower_bound(
        rows_.begin(), rows_.end(), id,
        [](const OpenCall& each, std::uint64_t value) { return each.id < value; });
  }

  template <typename Key>
  OpenCall* find_by(std::uint64_t wanted, Key&& key) {
    const auto call = std::lower_bound(
        rows_.begin(), rows_.end(), wanted,
        [&key](const OpenCall& each, std::uint64_t value) { return key(each) < value; });
    return call != rows_.end() && key(*call) == wanted && !call->gone ? &*call : nullptr;
  }

  void forget_oldest() {
    for (OpenCall& call : rows_) {
      if (given_up_count_ == kMostGivenUp) return;
      if (call.gone || call.open()) continue;
      call.gone = true;
      ++gone_count_;
      --given_up_count_;
    }
  }

  /// So that gaps are at most half of the rows.
  void close_gaps() {
    if (gone_count_ * 2 <= rows_.size() || rows_.size() < kFewRows) return;
    rows_.erase(
        std::remove_if(rows_.begin(), rows_.end(), [](const OpenCall& call) { return call.gone; }),
        rows_.end());
    gone_count_ = 0;
  }
  static constexpr std::size_t kFewRows = 16;

  const std::size_t most_;
  bool numbered_ = false;
  std::vector<OpenCall> rows_;
  std::vector<Turn> turns_;  // one for each reply that was waited for
  std::vector<OverCall> over_;
  std::size_t open_count_ = 0;
  std::size_t given_up_count_ = 0;
  std::size_t gone_count_ = 0;
  std::uint64_t last_id_ = 0;
  std::uint64_t late_count_ = 0;
  TimePoint next_deadline_ = TimePoint::max();
};

}  // namespace messi::calls

#endif  // MESSI_CALLS_OPEN_CALLS_H_

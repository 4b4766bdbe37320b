#ifndef MESSI_TEST_SIMULATION_CALL_LOG_H_
#define MESSI_TEST_SIMULATION_CALL_LOG_H_

// All calls of a run: who has made them, what the callee has done, and how they ended.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "test/simulation/journal.h"

namespace messi::simulation {

/// An answer is given within this time.
constexpr std::chrono::milliseconds kLatestAnswer(2'000);

/// What a callee does with a request.
enum class Manner : std::uint8_t { kAtOnce, kLater, kFails, kDrops, kNever };

struct CallRecord {
  enum class Answer : std::uint8_t { kNone, kGiven, kFailed, kDropped };

  std::uint64_t number = 0;
  Journal* journal = nullptr;  ///< That the request belongs to; null without a connection.
  TimePoint made;
  TimePoint deadline;
  bool connected = false;     ///< The caller was, when it was made.
  bool accepted = false;      ///< The request was.
  bool few_are_open = false;  ///< Then there was room for it.
  bool cancelled = false;
  bool handled = false;  ///< By the callee.
  std::size_t answer_size = 0;
  Answer answer = Answer::kNone;
  std::uint64_t answer_hash = 0;  ///< If it was given.
  bool ended = false;             ///< The callback was called,
  bool dropped = false;           ///< or destroyed.
  TimePoint ended_at;
  absl::StatusCode how = absl::StatusCode::kOk;

  bool over() const { return ended || dropped; }
  /// Whether the caller's side of the connection, or session, is.
  bool connection_over() const {
    return journal != nullptr && (journal->sender_end || journal->lost || journal->gone);
  }
};

class CallLog {
 public:
  /// Goes along with a callback, which is called once or destroyed.
  class Token {
   public:
    explicit Token(CallRecord& call) : call_(&call) {}
    Token(Token&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
    Token& operator=(Token&&) = delete;
    ~Token() {
      if (call_ != nullptr && !call_->ended) call_->dropped = true;
    }
    CallRecord& call() const { return *call_; }

   private:
    CallRecord* call_;
  };

  /// At most so many are open, for each caller and peer.
  void set_most(std::size_t most) { most_ = most; }
  /// Whether all answers name their requests. If not, they are given in order.
  void set_named(bool named) { named_ = named; }
  bool named() const { return named_; }
  /// The process was held up for so long: what is due may be late.
  void be_late(Duration duration) { late_ += duration; }

  CallRecord& begin(Journal* journal, bool connected, TimePoint now, Duration timeout);
  /// Null if there was no such call.
  CallRecord* find(std::uint64_t number);
  /// Whether the request was sent.
  void sent(CallRecord& call, bool accepted, TimePoint now);
  void handled(CallRecord& call);
  /// With this answer, whose hash it is.
  void ended_well(CallRecord& call, std::uint64_t number, std::uint64_t hash, TimePoint now);
  void ended_badly(CallRecord& call, const absl::Status& why, TimePoint now);
  /// In between: what is late, or has ended with what was not true.
  void check(TimePoint now);
  /// Nothing is open, but calls to those of whom `is_away(journal)`.
  template <typename IsAway>
  void check_over(IsAway&& is_away) {
    for (const CallRecord& call : calls_) {
      require(call.over() || (call.journal != nullptr && is_away(*call.journal)),
              "a call never ends");
    }
  }
  /// What was wrong; "" if nothing was.
  const std::string& wrong() const { return wrong_; }

 private:
  void require(bool holds, const char* what) {
    if (!holds && wrong_.empty()) wrong_ = what;
  }
  void end(CallRecord& call, TimePoint now);
  /// So many calls of a journal are open, or may be.
  std::size_t count_open(const Journal* journal, bool surely, TimePoint now) const;

  std::size_t most_ = 0;
  bool named_ = true;
  Duration late_ = Duration::zero();
  std::deque<CallRecord> calls_;
  std::string wrong_;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_CALL_LOG_H_

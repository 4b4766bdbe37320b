#ifndef MESSI_IMPL_CALLS_H_
#define MESSI_IMPL_CALLS_H_

// Calls on their loop: what both sides have in common.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/count.h"
#include "messi/base/finally.h"
#include "messi/base/harmless.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/calls/call_counts.h"
#include "messi/calls/call_handler.h"
#include "messi/calls/later_answers.h"
#include "messi/calls/open_calls.h"
#include "messi/codec/member.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/flavour.h"
#include "messi/impl/to_user.h"
#include "messi/io/event_loop.h"
#include "messi/send_result.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/outbox.h"

namespace messi {

/// What has become of a frame about a request.
enum class Heard : std::uint8_t {
  kYes,
  kUndecodable,  ///< Its message is not what the schema says.
  kBroken,       ///< The peer has broken the protocol.
};

/// The calls of one side to the other, in one session or connection.
class Calls : public std::enable_shared_from_this<Calls> {
 public:
  /// `counts` is null if nobody wants to know; else it outlives the calls.
  Calls(EventLoop& loop, std::size_t most, BasicCallCounts<Count>* counts)
      : loop_(loop),
        counts_(counts),
        open_(most),
        tell_(loop, [this] { tell(); }),
        timer_(loop, [this] { handle_timer(); }) {}
  virtual ~Calls() = default;

  const calls::OpenCalls& open() const { return open_; }
  void set_numbered(bool numbered) { open_.set_numbered(numbered); }

  /// Whether another call may begin; then there is memory for it.
  bool prepare() { return open_.prepare(); }
  /// A call begins, if its request was `sent`.
  Call begin(SendResult sent, std::uint64_t number, std::uint32_t answering, Duration timeout,
             CallHandler handler);
  void cancel(std::uint64_t id);

  /// The answer to a request that it names. `dispatch(message) -> bool` decodes it, and calls
  /// `take`.
  template <typename Dispatch>
  Heard hear_answer(const wire::CallFrame& frame, Dispatch&& dispatch);
  void hear_failure(const wire::CallFrame& frame);
  /// A decoded message that may be an answer. False if no call takes it.
  bool take(std::uint32_t answering, const void* message);

  /// All calls are over; `tell_over` follows.
  void end(DisconnectReason reason);
  /// Calls the handlers of calls that are over. In a hook.
  void tell_over();

 private:
  virtual void tell() = 0;                        ///< Calls `tell_over` in a hook.
  virtual wire::Outbox* outbox_for_cancel() = 0;  ///< Null if the peer cannot be told.

  inline void say_given_up(const calls::OpenCall& call);
  void count(CallEnd how, std::uint64_t many = 1) {
    if (counts_ != nullptr) counts_->calls[how] += many;
  }
  /// The callee has ended it.
  void count(CallEnd how, TimePoint began) {
    if (counts_ == nullptr) return;
    ++counts_->calls[how];
    counts_->call_duration.observe(loop_.now() - began);
  }
  void handle_timer();
  void set_timer(TimePoint deadline) {
    timer_at_ = deadline;
    if (deadline != TimePoint::max()) timer_.set(deadline);
  }

  EventLoop& loop_;
  BasicCallCounts<Count>* const counts_;
  calls::OpenCalls open_;
  std::uint64_t answered_ = 0;  // the call whose answer is being dispatched
  TimePoint timer_at_ = TimePoint::max();
  Task tell_;
  Timer timer_;
};

/// Requests that are answered later, on their loop.
class LoopLaterAnswers : public calls::LaterAnswers {
 protected:
  LoopLaterAnswers(EventLoop& loop, BasicCallCounts<Count>* counts)
      : LaterAnswers(counts), say_(loop, [this] { say_all(); }) {}

 private:
  inline void say_all();
  void schedule() override { say_.schedule(); }

  Task say_;
};

/// What a peer says about requests, and what this side knows.
struct CallsOfPeer {
  std::uint64_t sent;          ///< The number of the last message to the peer,
  std::uint64_t received;      ///< and of the one from it that is heard.
  Calls* open;                 ///< Null if there are none.
  calls::LaterAnswers* later;  ///< The same.
  std::uint64_t id;            ///< Of the peer, among them.
};

/// `dispatch(message) -> bool` is for the message of an answer.
template <typename Dispatch>
Heard hear_call(const CallsOfPeer& peer, std::string_view payload, Dispatch&& dispatch) {
  const std::optional<wire::CallFrame> frame = wire::read_call(payload);
  if (!frame || frame->request == 0) return Heard::kBroken;
  if (frame->kind == wire::CallKind::kCancel) {
    if (frame->request >= peer.received) return Heard::kBroken;
    if (peer.later != nullptr) peer.later->cancel(peer.id, frame->request);
    return Heard::kYes;
  }
  if (frame->request > peer.sent) return Heard::kBroken;
  if (frame->kind == wire::CallKind::kFailure) {
    if (peer.open != nullptr) peer.open->hear_failure(*frame);
    return Heard::kYes;
  }
  if (peer.open != nullptr) return peer.open->hear_answer(*frame, dispatch);
  return dispatch(frame->message) ? Heard::kYes : Heard::kUndecodable;
}

// ---------------------------------------------------------------------------------------------

namespace calls {

/// What the caller is told of a request that was not sent.
inline StatusCode code_of(SendResult result) {
  switch (result) {
    case SendResult::kOk:
      return StatusCode::kOk;
    case SendResult::kFull:
      return StatusCode::kResourceExhausted;
    case SendResult::kNotConnected:
      return StatusCode::kUnavailable;
    case SendResult::kTooBig:
    case SendResult::kInvalid:
      break;
  }
  return StatusCode::kInvalidArgument;
}

/// A code from the network.
inline StatusCode code_of(std::uint8_t code) {
  const bool known = code > 0 && code <= static_cast<std::uint8_t>(StatusCode::kUnauthenticated);
  return known ? static_cast<StatusCode>(code) : StatusCode::kUnknown;
}

/// What is said about a request, with `rest` behind the head.
inline void say(wire::Outbox& outbox, std::uint64_t request, wire::CallKind kind,
                std::string_view rest) {
  std::uint8_t* const out = outbox.reserve_call(rest.size());
  if (out == nullptr) return;
  std::copy(rest.begin(), rest.end(), wire::write_call_head(out, request, kind));
  outbox.commit_call(rest.size());
}

inline void say_failure(const LaterAnswer& answer, StatusCode code, std::string_view text) {
  wire::Outbox* const outbox = answer.all->outbox(answer);
  answer.all->count(answer, outbox != nullptr ? CallEnd::kFailed : CallEnd::kLost);
  if (outbox == nullptr || answer.request == 0) return;
  std::string rest(1, static_cast<char>(code));
  rest += connection::cut_text(text, wire::kMostFailureText);
  if (outbox->ask(rest.size()) == wire::Accepted::kTooBig) rest.resize(1);
  say(*outbox, answer.request, wire::CallKind::kFailure, rest);
}

}  // namespace calls

inline void LoopLaterAnswers::say_all() {
  say_dropped([](const calls::LaterAnswer& answer) {
    calls::say_failure(answer, StatusCode::kInternal, "not answered");
  });
}

inline Call Calls::begin(SendResult sent, std::uint64_t number, std::uint32_t answering,
                         Duration timeout, CallHandler handler) {
  if (sent != SendResult::kOk) {
    count(CallEnd::kNotSent);
    const bool full = sent == SendResult::kFull && open_.full();
    open_.refuse(std::move(handler), calls::code_of(sent),
                 full ? "too many calls are open" : to_string(sent));
    tell_.schedule();
    return {};
  }
  const TimePoint now = loop_.now();
  const TimePoint deadline = deadline_after(now, timeout);
  const std::uint64_t id = open_.add(number, answering, now, deadline, std::move(handler));
  if (deadline < timer_at_) set_timer(deadline);
  return {weak_from_this(), id};
}

inline void Calls::cancel(std::uint64_t id) {
  calls::OpenCall* const call = open_.find(id);
  if (call == nullptr || !call->open()) return;
  count(CallEnd::kCancelled);
  say_given_up(*call);
  open_.give_up(*call, StatusCode::kCancelled, "cancelled");
  tell_.schedule();
}

inline void Calls::say_given_up(const calls::OpenCall& call) {
  wire::Outbox* const outbox = call.number != 0 ? outbox_for_cancel() : nullptr;
  if (outbox == nullptr || outbox->ask(0) != wire::Accepted::kYes) return;
  calls::say(*outbox, call.number, wire::CallKind::kCancel, {});
}

// Only after all answers that had come in time were read, as with silent peers.
inline void Calls::handle_timer() {
  const Finally after([this] {
    set_timer(open_.next_deadline());
    if (open_.has_over()) tell_.schedule();
  });
  open_.expire(loop_.input_until(), [this](const calls::OpenCall& call) {
    count(CallEnd::kTimedOut);
    say_given_up(call);
  });
}

template <typename Dispatch>
Heard Calls::hear_answer(const wire::CallFrame& frame, Dispatch&& dispatch) {
  calls::OpenCall* const call = open_.find_number(frame.request);
  if (call == nullptr) return dispatch(frame.message) ? Heard::kYes : Heard::kUndecodable;
  const std::uint64_t id = call->id;
  if (codec::single_member(frame.message).field != call->reply) return Heard::kBroken;
  if (!call->open()) {
    open_.finish(*call);
    return Heard::kYes;
  }
  answered_ = id;
  const Finally after([this] { answered_ = 0; });
  if (!dispatch(frame.message)) return Heard::kUndecodable;
  if (calls::OpenCall* const dropped = open_.find(id)) {
    count(CallEnd::kCancelled);
    open_.refuse(open_.finish(*dropped), StatusCode::kAborted, "on_any_message drops the answer");
    tell_.schedule();
  }
  return Heard::kYes;
}

inline void Calls::hear_failure(const wire::CallFrame& frame) {
  calls::OpenCall* const call = open_.find_number(frame.request);
  if (call == nullptr) return;
  const TimePoint began = call->began;
  if (CallHandler handler = open_.finish(*call)) {
    count(CallEnd::kFailed, began);
    const std::string text = harmless(frame.text);
    handler({nullptr, calls::code_of(frame.code), text});
  }
}

inline bool Calls::take(std::uint32_t answering, const void* message) {
  calls::OpenCall* call = nullptr;
  if (answered_ != 0) {
    call = open_.find(answered_);
  } else if (!open_.numbered()) {
    call = open_.find_first(answering);
  }
  if (call == nullptr || call->reply != answering) return false;
  const TimePoint began = call->began;
  if (CallHandler handler = open_.finish(*call)) {
    count(CallEnd::kAnswered, began);
    handler({message});
  }
  return true;
}

inline void Calls::end(DisconnectReason reason) {
  const bool by_us =
      reason == DisconnectReason::kStopped || reason == DisconnectReason::kDisconnected;
  count(by_us ? CallEnd::kCancelled : CallEnd::kLost, open_.open_count());
  open_.end_all(by_us ? StatusCode::kCancelled : StatusCode::kUnavailable, to_string(reason));
}

inline void Calls::tell_over() {
  const Finally rest([this] {
    if (open_.has_over()) tell_.schedule();
  });
  open_.tell_over();
}

MESSI_INLINE void Call::cancel() {
  if (const std::shared_ptr<Calls> calls = calls_.lock()) calls->cancel(id_);
}

MESSI_INLINE UserStatus AnyCallResult::status() const {
  return to_user({static_cast<StatusCode>(outcome_.code), std::string(outcome_.text)});
}

MESSI_INLINE bool AnyResponder::open() const {
  return answer_ != nullptr && answer_->all != nullptr && answer_->all->outbox(*answer_) != nullptr;
}

MESSI_INLINE void AnyResponder::reply(const void* message) {
  if (answer_ == nullptr || answer_->all == nullptr) return;
  wire::Outbox* const outbox = answer_->all->outbox(*answer_);
  answer_->all->count(*answer_, outbox != nullptr ? CallEnd::kAnswered : CallEnd::kLost);
  if (outbox != nullptr) answer_->send(*outbox, answer_->request, answer_->reply, message);
  answer_->all->drop(*answer_);
  answer_.reset();
}

MESSI_INLINE void AnyResponder::fail(const UserStatus& why) {
  if (answer_ == nullptr || answer_->all == nullptr) return;
  calls::say_failure(*answer_, static_cast<StatusCode>(why.code()), std::string(why.message()));
  answer_->all->drop(*answer_);
  answer_.reset();
}

MESSI_INLINE void AnyResponder::give_up() {
  if (answer_ == nullptr || answer_->all == nullptr) return;
  calls::LaterAnswers& all = *answer_->all;
  all.handle_dropped(std::move(answer_));  // which cannot fail, as a destructor must not
}

}  // namespace messi

#endif  // MESSI_IMPL_CALLS_H_

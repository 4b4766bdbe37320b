#ifndef MESSI_CALL_H_
#define MESSI_CALL_H_

// Calls: requests whose answers come to the caller. doc/calls.md is the page about them.

#include <cassert>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "messi/calls/call_handler.h"
#include "messi/calls/later_answers.h"
#include "messi/flavour.h"
#include "messi/user_status.h"

namespace messi {

class Calls;

/// A CallResult, whatever its answer is.
class AnyCallResult {
 public:
  /// Whether there is an answer.
  bool ok() const { return outcome_.answer != nullptr; }

  /// Why there is none. kDeadlineExceeded: not in time. kCancelled: by `Call::cancel`, or this side
  /// was stopped or has disconnected the other. kUnavailable: the connection has ended, or there is
  /// none; in a session: that has ended. The callee may have handled the request all the same.
  /// kResourceExhausted: `max_open_calls` are open, or too much is waiting. kInvalidArgument: the
  /// request is too big or cannot be encoded. kInternal: the callee has dropped its Responder.
  /// Other codes, and texts, are the callee's.
  MESSI_INLINE UserStatus status() const;

 protected:
  explicit AnyCallResult(const CallOutcome& outcome) : outcome_(outcome) {}
  const CallOutcome& outcome() const { return outcome_; }

 private:
  const CallOutcome& outcome_;
};

/// What has become of a call. Valid until the callback returns that gets it; copy the
/// answer to keep it.
template <typename Reply>
class CallResult : public AnyCallResult {
 public:
  explicit CallResult(const CallOutcome& outcome) : AnyCallResult(outcome) {}

  /// The answer. There must be one.
  const Reply& operator*() const {
    assert(ok());
    return *static_cast<const Reply*>(outcome().answer);
  }
  const Reply* operator->() const { return &**this; }
};

/// The callback of a call: anything that can be called with a `CallResult<Reply>`, also what cannot
/// be copied. It is called once, from the loop, never from within a call of yours; with the client
/// or server it is destroyed without a call. So is that of a call to a server's client that is
/// gone: made by a callback of a call that ends with it, or in `on_client_disconnected`. One of up
/// to 32 bytes costs no allocation.
template <typename Reply>
class OnResult : public CallHandler {
 public:
  template <typename Callback,
            typename = std::enable_if_t<std::is_invocable_v<Callback&, CallResult<Reply>>>>
  OnResult(Callback callback)
      : CallHandler([callback = std::move(callback)](const CallOutcome& outcome) mutable {
          callback(CallResult<Reply>(outcome));
        }) {}
};

/// A call that was made. It can be dropped; the call goes on. Loop's thread only.
class Call {
 public:
  Call() = default;

  /// The callback gets kCancelled, from the loop. The callee is told, if it can be. No-op if the
  /// call is over.
  MESSI_INLINE void cancel();

 private:
  friend class Calls;
  Call(std::weak_ptr<Calls> calls, std::uint64_t id) : calls_(std::move(calls)), id_(id) {}

  std::weak_ptr<Calls> calls_;
  std::uint64_t id_ = 0;
};

/// A Responder, whatever its answer is.
class AnyResponder {
 public:
  AnyResponder() = default;
  explicit AnyResponder(std::unique_ptr<calls::LaterAnswer> answer) : answer_(std::move(answer)) {}
  AnyResponder(AnyResponder&&) = default;
  AnyResponder& operator=(AnyResponder&& other) noexcept {
    if (this != &other) {
      give_up();
      answer_ = std::move(other.answer_);
    }
    return *this;
  }
  ~AnyResponder() { give_up(); }

  /// Answers that there is no answer; `why` is not OK. At most 256 bytes of its text arrive. No-op
  /// after the first answer, and to a caller that knows nothing of calls: its time-out tells it.
  MESSI_INLINE void fail(const UserStatus& why);

  /// Whether an answer still goes anywhere: none was given, and the caller's connection lives, or
  /// its session.
  MESSI_INLINE bool open() const;

  /// Whether the caller has said that it does not wait any more.
  bool cancelled() const { return answer_ != nullptr && answer_->cancelled; }

 protected:
  MESSI_INLINE void reply(const void* message);

 private:
  MESSI_INLINE void give_up();

  std::unique_ptr<calls::LaterAnswer> answer_;
};

/// A request that is answered later: `reply` or `fail`, once. If it is destroyed without, the
/// caller gets kInternal. It may outlive its client or server; then it answers nobody. Loop's
/// thread only: another thread posts to the loop what it has to say.
template <typename Reply>
class Responder : public AnyResponder {
 public:
  /// It answers nothing.
  Responder() = default;
  Responder(AnyResponder&& any) : AnyResponder(std::move(any)) {}

  /// No-op after the first answer.
  void reply(const Reply& answer) { AnyResponder::reply(&answer); }
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/calls.h"
#endif

#endif  // MESSI_CALL_H_

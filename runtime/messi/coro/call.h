#ifndef MESSI_CORO_CALL_H_
#define MESSI_CORO_CALL_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/coro/awaiter.h"
#include "messi/coro/kept.h"
#include "messi/coro/result.h"

namespace messi::coro {

// The type of the answer to a request: from the function that calls with one.
template <typename Request, typename Caller, typename Reply>
Reply reply_of(messi::Call (Caller::*)(const Request&, Duration, OnResult<Reply>));

/// `co_await` makes a call, and waits for its answer. If what waits is destroyed, the call is
/// cancelled.
template <typename Caller, typename Request>
class [[nodiscard]] Call final : public Awaiter {
 public:
  using Message = decltype(reply_of<Request>(&Caller::call));
  using Reply = Kept<Message>;

  /// `caller` is null if it has gone.
  Call(Caller* caller, const Request& request, Duration timeout)
      : Awaiter(Duration::max()), caller_(caller), request_(request), timeout_(timeout) {}
  ~Call() {
    if (callback_ == nullptr) return;
    callback_->call_ = nullptr;
    call_.cancel();
  }

  bool await_ready() const { return false; }
  Result<Reply> await_resume() { return *std::move(result_); }

 private:
  // Knows where the awaiter is, and the other way round, wherever it is moved: no memory is shared.
  class Callback {
   public:
    explicit Callback(Call& call) : call_(&call) { call.callback_ = this; }
    Callback(Callback&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {
      if (call_ != nullptr) call_->callback_ = this;
    }
    ~Callback() {
      // Without a result its caller was destroyed.
      if (call_ != nullptr) call_->finish(absl::CancelledError("the caller was destroyed"));
    }
    void operator()(const CallResult<Message>& result) {
      if (call_ == nullptr) return;
      Call& call = *std::exchange(call_, nullptr);
      call.finish(result.ok() ? Result<Reply>(Reply(*result)) : Result<Reply>(result.status()));
    }

   private:
    friend class Call;
    Call* call_;
  };

  bool ready() override { return result_.has_value(); }
  void begin() override {
    if (caller_ == nullptr) {
      result_.emplace(absl::UnavailableError("the client has disconnected"));
    } else {
      call_ = caller_->call(request_, timeout_, OnResult<Message>(Callback(*this)));
    }
  }
  void finish(Result<Reply> result) {
    callback_ = nullptr;
    result_.emplace(std::move(result));
    this->wake();
  }

  Caller* const caller_;
  const Request& request_;
  const Duration timeout_;
  messi::Call call_;
  Callback* callback_ = nullptr;
  std::optional<Result<Reply>> result_;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_CALL_H_

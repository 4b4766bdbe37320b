#ifndef MESSI_DEVICE_CALLS_H_
#define MESSI_DEVICE_CALLS_H_

// Requests of a device and their answers, in memory of the user's. doc/calls.md is the page about
// calls, doc/devices.md about those of devices.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/calls/current_request.h"

namespace messi {

namespace device {
class Calls;
}  // namespace device

/// Room for one open call.
class DeviceCall {
  friend class device::Calls;

  std::uint64_t number_ = 0;  // of the request, if messages are numbered
  TimePoint deadline_;
  std::uintptr_t context_ = 0;
  std::uint32_t reply_ = 0;  // the member that answers it
  bool open_ = false;        // else it was given up, and its answer may still come
};

/// Room for calls, somewhere else.
struct CallSpace {
  DeviceCall* data;
  std::size_t size;
};

/// A DeviceResult, whatever its answer is.
class AnyDeviceResult {
 public:
  explicit AnyDeviceResult(StatusCode code, std::string_view text = {})
      : code_(code), text_(text) {}
  explicit AnyDeviceResult(const void* answer) : answer_(answer) {}

  /// Whether there is an answer.
  bool ok() const { return answer_ != nullptr; }
  /// Why there is none. kDeadlineExceeded: not in time. kCancelled: by `cancel_call` or `stop`.
  /// kUnavailable: the connection has ended; in a session: that has. The server may have handled
  /// the request all the same. Other codes are the server's.
  StatusCode code() const { return code_; }
  /// What the server has said of that; mostly nothing.
  std::string_view text() const { return text_; }

 protected:
  const void* answer() const { return answer_; }

 private:
  const void* answer_ = nullptr;
  StatusCode code_ = StatusCode::kOk;
  std::string_view text_;
};

/// What has become of a call. Valid until the hook returns that gets it.
template <typename Reply>
class DeviceResult : public AnyDeviceResult {
 public:
  explicit DeviceResult(const AnyDeviceResult& any) : AnyDeviceResult(any) {}

  /// The answer. There must be one.
  const Reply& operator*() const { return *static_cast<const Reply*>(answer()); }
  const Reply* operator->() const { return &**this; }
};

/// A request of the server that is answered later. It may be copied and compared; the first answer
/// counts. One that outlives its connection, or its session, is answered to nobody.
class DeviceRequest {
 public:
  /// It is none.
  DeviceRequest() = default;

  friend bool operator==(const DeviceRequest& a, const DeviceRequest& b) {
    return a.number_ == b.number_ && a.epoch_ == b.epoch_;
  }
  friend bool operator!=(const DeviceRequest& a, const DeviceRequest& b) { return !(a == b); }

 private:
  friend class device::Calls;
  DeviceRequest(std::uint64_t number, std::uint32_t epoch) : number_(number), epoch_(epoch) {}

  std::uint64_t number_ = 0;
  std::uint32_t epoch_ = 0;
};

namespace device {

/// What a client without calls has in place of Calls.
class NoCalls {
 public:
  static constexpr bool kHasCalls = false;

 protected:
  struct CallRoom {};

  explicit NoCalls(CallRoom /*room*/) {}
  ~NoCalls() = default;

  void set_calls_numbered(bool /*numbered*/) {}
  void begin_dispatch(std::uint64_t /*number*/) {}
  void end_dispatch() {}
  template <typename TellServer>
  TimePoint end_late_calls(TimePoint /*now*/, TellServer&& /*tell_server*/) {
    return TimePoint::max();
  }
  void end_calls(StatusCode /*why*/) {}
};

/// The calls of a device in one session or connection, in the order in which they were made, as
/// calls/open_calls.h; and the request of the server whose hook is running.
class Calls {
 public:
  static constexpr bool kHasCalls = true;

 protected:
  using CallRoom = CallSpace;

  explicit Calls(CallRoom room) : room_(room) {}
  ~Calls() = default;

  /// The server does not wait for the answer to this request any more: its time is up, or it has
  /// cancelled. One that comes is dropped. It may be a request that was answered already. Only of
  /// a server that knows calls, to which this client has introduced itself.
  virtual void on_answer_unwanted(const DeviceRequest& /*request*/) {}

  /// Whether answers name their requests, and messages are numbered for that. If not, answers come
  /// in the order of the requests of their pair, and a call that was given up still has its turn.
  void set_calls_numbered(bool numbered) { numbered_ = numbered; }
  bool calls_numbered() const { return numbered_; }

  /// Whether another call may begin.
  bool prepare_call() {
    if (used_ < room_.size) return true;
    if (!numbered_) return false;
    const std::size_t at = find_call([](const DeviceCall& call) { return !call.open_; });
    if (at < used_) drop_call(at);
    return used_ < room_.size;
  }
  /// It begins: its request was accepted.
  void begin_call(std::uint64_t number, std::uint32_t answering, TimePoint deadline,
                  std::uintptr_t context) {
    DeviceCall& call = room_.data[used_++];
    call.number_ = number;
    call.deadline_ = deadline;
    call.context_ = context;
    call.reply_ = answering;
    call.open_ = true;
  }

  // An answer arrives.

  enum class HeardAnswer : std::uint8_t { kYes, kLate, kWrong };

  /// A message that may be one. False if no call takes it.
  bool take_answer(std::uint32_t answering, const void* message) {
    if (numbered_ && answered_ == 0) return false;
    const std::size_t at = find_call([&](const DeviceCall& call) {
      return call.reply_ == answering && (answered_ == 0 || call.number_ == answered_);
    });
    if (at == used_) return false;
    finish_call(at, AnyDeviceResult(message));
    return true;
  }
  /// One that names its request, with the member `answering`. If it is heard, it is the message
  /// that is dispatched next.
  HeardAnswer hear_answer(std::uint64_t number, std::uint32_t answering) {
    const std::size_t at = find_call_of(number);
    if (at == used_) return HeardAnswer::kYes;  // a message like others
    if (room_.data[at].reply_ != answering) return HeardAnswer::kWrong;
    if (room_.data[at].open_) {
      answered_ = number;
      return HeardAnswer::kYes;
    }
    drop_call(at);
    return HeardAnswer::kLate;
  }
  /// The server says that there is none.
  void hear_failure(std::uint64_t number, std::uint8_t code, std::string_view text) {
    const std::size_t at = find_call_of(number);
    const bool known = code > 0 && code <= static_cast<std::uint8_t>(StatusCode::kUnauthenticated);
    const StatusCode why = known ? static_cast<StatusCode>(code) : StatusCode::kUnknown;
    if (at < used_) finish_call(at, AnyDeviceResult(why, text));
  }

  // This side ends calls. `tell_server(number)` tells the server.

  /// Those whose time is up. Returns when to call it again.
  template <typename TellServer>
  TimePoint end_late_calls(TimePoint now, TellServer&& tell_server) {
    const auto late = [now](const DeviceCall& call) { return call.open_ && call.deadline_ <= now; };
    // What the hooks begin is for the next time.
    auto many = std::count_if(room_.data, room_.data + used_, late);
    while (many-- > 0 &&
           give_call_up(find_call(late), StatusCode::kDeadlineExceeded, tell_server)) {
    }
    TimePoint next = TimePoint::max();
    for (std::size_t i = 0; i < used_; ++i) {
      if (room_.data[i].open_) next = std::min(next, room_.data[i].deadline_);
    }
    return next;
  }
  /// The first one with this context. False if there is none.
  template <typename TellServer>
  bool cancel_first_call(std::uintptr_t context, TellServer&& tell_server) {
    const auto is_it = [context](const DeviceCall& call) {
      return call.open_ && call.context_ == context;
    };
    return give_call_up(find_call(is_it), StatusCode::kCancelled, tell_server);
  }
  /// All, with their session or connection. The hooks can begin no others.
  void end_calls(StatusCode why) {
    ++epoch_;
    numbered_ = false;
    while (used_ > 0) finish_call(0, AnyDeviceResult(why));
  }

  // A request of the server.

  /// A message is dispatched; 0: messages are not numbered.
  void begin_dispatch(std::uint64_t number) { request_.begin(numbered_ ? number : 0); }
  void end_dispatch() {
    request_.begin(0);
    answered_ = 0;
  }
  /// It is a request, whose hook follows.
  bool begin_request(std::uint32_t member) {
    request_.set_member(member);
    return true;
  }
  /// The request, if its hook is running and it was not answered.
  std::optional<std::uint64_t> find_request(std::uint32_t member) const {
    return request_.find(member);
  }
  void take_request() { request_.take(); }
  /// The same, to be answered later.
  DeviceRequest keep_request(std::uint32_t member) {
    const std::optional<std::uint64_t> number = request_.find(member);
    if (!number) return {};
    request_.take();
    return {*number, epoch_};
  }
  void hear_cancel(std::uint64_t number) { on_answer_unwanted({number, epoch_}); }
  /// Its number, if it can still be answered.
  std::optional<std::uint64_t> number_of_request(DeviceRequest request) const {
    return request.epoch_ == epoch_ ? std::optional(request.number_) : std::nullopt;
  }

 private:
  /// A call that `answering` would answer is over. Not pure, since that takes a function of C++'s
  /// library.
  virtual void handle_result(std::uint32_t /*answering*/, std::uintptr_t /*context*/,
                             const AnyDeviceResult& /*result*/) {}

  template <typename IsIt>
  std::size_t find_call(IsIt&& is_it) const {
    std::size_t at = 0;
    while (at < used_ && !is_it(room_.data[at])) ++at;
    return at;
  }
  std::size_t find_call_of(std::uint64_t number) const {
    return find_call([number](const DeviceCall& call) { return call.number_ == number; });
  }
  void drop_call(std::size_t at) {
    --used_;
    for (; at < used_; ++at) room_.data[at] = room_.data[at + 1];
  }
  /// Nobody gets the answer to a call that was given up.
  void finish_call(std::size_t at, const AnyDeviceResult& result) {
    const DeviceCall call = room_.data[at];
    drop_call(at);
    if (call.open_) handle_result(call.reply_, call.context_, result);
  }
  template <typename TellServer>
  bool give_call_up(std::size_t at, StatusCode why, TellServer&& tell_server) {
    if (at == used_) return false;
    room_.data[at].open_ = false;
    const DeviceCall call = room_.data[at];
    tell_server(call.number_);
    handle_result(call.reply_, call.context_, AnyDeviceResult(why));
    return true;
  }

  const CallRoom room_;
  std::size_t used_ = 0;
  std::uint64_t answered_ = 0;  // the request whose answer is being dispatched
  calls::CurrentRequest request_;
  std::uint32_t epoch_ = 1;  // of the session or connection
  bool numbered_ = false;
};

}  // namespace device
}  // namespace messi

#endif  // MESSI_DEVICE_CALLS_H_

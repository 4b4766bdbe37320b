#include "test/simulation/call_log.h"

#include <algorithm>

namespace messi::simulation {

CallRecord& CallLog::begin(Journal* journal, bool connected, TimePoint now, Duration timeout) {
  CallRecord& call = calls_.emplace_back();
  call.number = calls_.size();
  call.journal = journal;
  call.connected = connected;
  call.made = now;
  call.deadline = deadline_after(now, timeout);
  return call;
}

CallRecord* CallLog::find(std::uint64_t number) {
  const bool known = number > 0 && number <= calls_.size();
  require(known, "a request comes that was never made");
  return known ? &calls_[number - 1] : nullptr;
}

std::size_t CallLog::count_open(const Journal* journal, bool surely, TimePoint now) const {
  return static_cast<std::size_t>(
      std::count_if(calls_.begin(), calls_.end(), [&](const CallRecord& call) {
        if (call.journal != journal || !call.accepted || call.over()) return false;
        // It may have been given up, and its callback not have been called yet.
        return !surely || (!call.cancelled && call.deadline > now);
      }));
}

void CallLog::sent(CallRecord& call, bool accepted, TimePoint now) {
  call.few_are_open = count_open(call.journal, /*surely=*/false, now) < most_;
  if (!accepted) return;
  require(call.journal != nullptr, "a request is accepted without a connection");
  require(count_open(call.journal, /*surely=*/true, now) < most_, "too many calls are open");
  call.accepted = true;
}

void CallLog::handled(CallRecord& call) {
  require(!call.handled, "a request comes twice");
  call.handled = true;
}

void CallLog::end(CallRecord& call, TimePoint now) {
  require(!call.over(), "a call ends twice");
  call.ended = true;
  call.ended_at = now;
}

void CallLog::ended_well(CallRecord& call, std::uint64_t number, std::uint64_t hash,
                         TimePoint now) {
  require(number == call.number, "the answer to another call comes");
  require(call.answer == CallRecord::Answer::kGiven && call.answer_hash == hash,
          "an answer comes that was not given");
  require(!call.cancelled, "a cancelled call is answered");
  require(now <= call.deadline || late_ > Duration::zero(), "an answer comes that is too late");
  end(call, now);
}

void CallLog::ended_badly(CallRecord& call, const absl::Status& why, TimePoint now) {
  call.how = why.code();
  const bool of_callee = call.accepted && named_;
  switch (call.how) {
    case absl::StatusCode::kDeadlineExceeded:
      require(call.accepted && now >= call.deadline, "a call ends before its time");
      require(now <= call.deadline + late_, "a call ends behind its time");
      break;
    case absl::StatusCode::kCancelled:
      require(call.cancelled || (call.accepted && call.journal->asked),
              "a call is cancelled by nobody");
      break;
    case absl::StatusCode::kUnavailable:
      require(call.accepted || !call.connected, "a call has no connection, but there is one");
      break;
    case absl::StatusCode::kResourceExhausted:
      require(!call.accepted, "a call that was sent is too much");
      // Before there is a session, or with a stranger, what was given up counts too.
      if (why.message() == "too many calls are open" && named_ && call.connected &&
          call.journal->claimed) {
        require(!call.few_are_open, "a call is too much, but few are open");
      }
      break;
    case absl::StatusCode::kInvalidArgument:
      require(!call.accepted, "a call that was sent is invalid");
      break;
    case absl::StatusCode::kNotFound:
      require(of_callee && call.answer == CallRecord::Answer::kFailed,
              "a call fails that the callee has not failed");
      break;
    case absl::StatusCode::kInternal:
      require(of_callee && call.answer == CallRecord::Answer::kDropped,
              "a call is said to be dropped that is not");
      break;
    default:
      require(false, "a call ends in a way that there is not");
  }
  end(call, now);
}

void CallLog::check(TimePoint now) {
  for (const CallRecord& call : calls_) {
    const Journal* const journal = call.journal;
    // Of a client that was never told to be connected nobody hears that it has gone.
    if (journal != nullptr && !journal->claimed) continue;
    if (call.dropped) {
      require(!call.accepted || call.connection_over(), "a callback is destroyed and not called");
    } else if (call.ended) {
      require(
          call.how != absl::StatusCode::kUnavailable || !call.accepted || call.connection_over(),
          "a call has lost its connection, but that goes on");
    } else {
      require(!call.connection_over(), "a call goes on without its connection");
      require(call.accepted || call.made + late_ >= now, "a call that was not sent is not told");
      require(call.deadline >= now || now - call.deadline <= late_, "a call waits behind its time");
    }
  }
}

}  // namespace messi::simulation

#ifndef MESSI_CALLS_LATER_ANSWERS_H_
#define MESSI_CALLS_LATER_ANSWERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "messi/base/count.h"
#include "messi/base/finally.h"
#include "messi/base/make_room.h"
#include "messi/calls/call_counts.h"
#include "messi/wire/outbox.h"

namespace messi::calls {

class LaterAnswers;
struct LaterAnswer;

/// Sends `message`, the member `reply`, as the answer to a request; request 0: as any message.
using SendAnswer = void (*)(wire::Outbox& outbox, std::uint64_t request, std::uint32_t answering,
                            const void* message);

/// By who has asked, and the request's number.
using KeptAnswers = std::multimap<std::pair<std::uint64_t, std::uint64_t>, LaterAnswer*>;

/// A request that was kept, to be answered later.
struct LaterAnswer {
  LaterAnswers* all;      ///< Null if the owner of all is gone.
  std::uint64_t peer;     ///< Who has asked: unique among all peers and their sessions.
  std::uint64_t request;  ///< Its number; 0 if messages have none.
  std::uint32_t reply;
  SendAnswer send;
  bool cancelled = false;
  KeptAnswers::iterator place = {};
};

/// Those of one client or server. They live with their owners, and hear from here when that is
/// gone.
class LaterAnswers {
 public:
  /// `counts` is null if nobody wants to know.
  explicit LaterAnswers(BasicCallCounts<Count>* counts) : counts_(counts) {}
  LaterAnswers(const LaterAnswers&) = delete;
  LaterAnswers& operator=(const LaterAnswers&) = delete;
  virtual ~LaterAnswers() {
    for (const auto& [key, answer] : kept_) answer->all = nullptr;
  }

  /// Then there is memory for what becomes of it, except for the answer.
  std::unique_ptr<LaterAnswer> keep(std::uint64_t peer, std::uint64_t request,
                                    std::uint32_t answering, SendAnswer send) {
    make_room(dropped_, kept_.size() + 1);
    auto answer = std::make_unique<LaterAnswer>(LaterAnswer{this, peer, request, answering, send});
    answer->place = kept_.emplace(std::make_pair(peer, request), answer.get());
    return answer;
  }
  /// One is over; if its caller has cancelled it before, that was its end.
  void count(const LaterAnswer& answer, CallEnd how) {
    if (counts_ != nullptr) ++counts_->served_calls[answer.cancelled ? CallEnd::kCancelled : how];
  }
  /// It was given.
  void drop(const LaterAnswer& answer) { kept_.erase(answer.place); }
  /// Its owner has dropped it without one.
  void handle_dropped(std::unique_ptr<LaterAnswer> answer) {
    dropped_.push_back(std::move(answer));
    schedule();
  }

  /// Nobody waits for the answer to this request any more.
  void cancel(std::uint64_t peer, std::uint64_t request) {
    const auto found = kept_.find({peer, request});
    if (found != kept_.end()) found->second->cancelled = true;
  }

  /// The way to who has asked; null if that is gone, or its session.
  virtual wire::Outbox* outbox(const LaterAnswer& answer) = 0;

 protected:
  /// Says for each that was dropped that there is no answer: `say(answer)`. If that throws, the
  /// rest follows.
  template <typename Say>
  void say_dropped(Say&& say) {
    std::size_t said = 0;
    const Finally after([this, &said] {
      for (std::size_t i = 0; i < said; ++i) drop(*dropped_[i]);
      dropped_.erase(dropped_.begin(), dropped_.begin() + static_cast<std::ptrdiff_t>(said));
      if (!dropped_.empty()) schedule();
    });
    for (; said < dropped_.size(); ++said) say(*dropped_[said]);
  }

 private:
  /// `say_dropped` is called from the loop.
  virtual void schedule() = 0;

  BasicCallCounts<Count>* const counts_;
  KeptAnswers kept_;
  std::vector<std::unique_ptr<LaterAnswer>> dropped_;  // they are kept, too
};

}  // namespace messi::calls

#endif  // MESSI_CALLS_LATER_ANSWERS_H_

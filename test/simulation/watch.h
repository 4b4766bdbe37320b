#ifndef MESSI_TEST_SIMULATION_WATCH_H_
#define MESSI_TEST_SIMULATION_WATCH_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/send_result.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/session_frames.h"
#include "test/simulation/call_log.h"
#include "test/simulation/journal.h"
#include "test/simulation/losses.h"
#include "test/simulation/messages.h"
#include "test/simulation/random.h"
#include "test/simulation/scenario.h"

namespace messi::simulation {

/// Hears of everything that happens to clients and servers, and says what must not have happened.
class Watch {
 public:
  Watch(std::uint64_t seed, bool verbose) : verbose_(verbose), salt_(mix(seed)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  virtual ~Watch() = default;

  /// A hook was called, or something else happened. `what` begins differently for each.
  void happens(const char* what, unsigned who, std::uint64_t detail);
  /// A server drains: from now on a client may get messages though it is no longer connected.
  void drains() { causes_.drained = true; }
  bool drained() const { return causes_.drained; }
  /// What a hook does, as far as the scenario says so. False if it says no.
  virtual bool in_hook(Hook hook, unsigned of) = 0;
  /// Of the server with that URI.
  virtual SessionMode session_mode(const std::string& uri) const = 0;

  void require(bool holds, const char* what) {
    if (!holds && violation_.empty()) violation_ = what;
  }
  /// A message may be larger than all that may wait, if nothing else does; a part of a pong too.
  void check_pending(std::size_t pending, std::size_t most, std::size_t largest) {
    require(pending <= std::max(most, largest + 4) + most_service_bytes(),
            "more is waiting than max_pending_bytes");
  }
  /// What a connection may have to write besides messages.
  std::size_t most_service_bytes() const {
    return 8 + wire::kMostCloseSize + (introduces_ ? kIntroduction : 0);
  }

  /// What one side sends from now on.
  Journal& begin_journal();
  /// Nothing was sent.
  void forget_last_journal() { journals_.pop_back(); }
  /// Its first message, which says what the receiver must get.
  First first_of(const Journal& journal);
  /// There is a connection, with this number in the network. It may begin much later.
  void arrives(std::size_t link) {
    if (harm_stays_) harmed_links_.push_back(link);
  }
  /// A connection or a session begins, for one side, which sends `journal`. Only servers know the
  /// number that a connection has in the network.
  void open(Side& side, Journal& journal, std::size_t link = 0);
  /// What was made last is about to be sent, where so much waits already.
  void tries(Journal& journal, std::size_t pending, std::size_t most) {
    journal.too_big |= may_be_too_big_;
    causes_.too_big |= may_be_too_big_;
    causes_.overflow |= pending + size_at_most_ > most;
  }
  /// `try_send` has said so. `pending`: before.
  void check_result(SendResult result, bool connected, std::size_t pending);
  /// A message was not accepted, which ends the connection.
  void refuse(Journal& journal) { journal.refused = causes_.ended = true; }
  /// It was accepted.
  void sent(Journal& journal, std::uint64_t hash) { journal.accepted.push_back(hash); }
  /// A broadcast that may be left out. If `keeps_latest`, the latest of each form may not.
  void offered(const Side& side, Form form, std::uint64_t hash, bool keeps_latest);
  void handle_first(Side& side, const First& message);
  void received(Side& side, Form form, std::uint64_t hash);
  /// The hook for a message that was received. It may throw, which ends the connection.
  void in_message_hook(Side& side, Hook hook, unsigned of);
  void close(Side& side, DisconnectReason reason, Duration linger);
  /// The connection of a session is lost.
  void detach(Side& side, DisconnectReason reason);
  /// It goes on in another one.
  void resume(Side& side, std::uint64_t replayed, std::size_t link = 0);
  /// It has ended without its promise. `hash` is that of a payload.
  template <typename Hash>
  void lose(Side& side, const SessionLoss& loss, bool is_server, Duration linger, Hash&& hash) {
    check_loss(side, loss, is_server, linger);
    fail(wrong_figures(*side.out, loss, hash));
  }
  /// So many of its messages are not known to be handled.
  void check_unacknowledged(const Journal& journal, std::uint64_t count) {
    if (!journal.session || journal.offers_made > 0) return;
    require(count <= journal.accepted.size() + journal.said,
            "more is unacknowledged than was sent");
    require(count >= journal.accepted.size() - journal.delivered,
            "a message is acknowledged that was not handled");
  }
  /// Somebody ends something, which may be in the way of somebody else.
  void ends() { causes_.ended = true; }

  /// Calls `use(message)` with a message like no other.
  template <typename Use>
  void make_message(Recipe recipe, Use&& use) {
    size_at_most_ = 2 * recipe.size + 256;
    may_be_too_big_ = size_at_most_ > smallest_limit_;
    kitchen_.make(recipe, ++salt_, use);
  }
  const Text& bad_text() { return kitchen_.bad_text(); }

  /// The request of a call, with `size` bytes of something.
  template <typename Request>
  Request request_of(CallRecord& call, std::size_t size) {
    Random random(++salt_);
    static constexpr Manner kManners[] = {Manner::kAtOnce, Manner::kAtOnce, Manner::kLater,
                                          Manner::kLater,  Manner::kFails,  Manner::kDrops,
                                          Manner::kNever};
    Request request;
    request.set_call(call.number);
    request.set_manner(static_cast<std::uint32_t>(random.pick(kManners)));
    request.set_after_ms(static_cast<std::uint32_t>(
        random.below(random.chance(50) ? 3 : static_cast<std::uint64_t>(kLatestAnswer.count()))));
    request.set_data(std::string(size, 'r'));
    call.answer_size = random.chance(20) ? size : 4;
    note_size(size);
    return request;
  }
  /// An answer like no other.
  template <typename Reply>
  Reply answer_to(const CallRecord& call) {
    Reply reply;
    reply.set_call(call.number);
    reply.set_salt(++salt_);
    reply.set_data(std::string(call.answer_size, 'a'));
    note_size(call.answer_size);
    return reply;
  }
  /// What was made last is about to be sent, as an answer. Whether there is room is not known.
  void tries_to_answer(Journal& journal) { tries(journal, 0, 0); }
  /// Something about a call is said in a later turn.
  void says_later(Journal& journal) { causes_.overflow = journal.says_later = true; }
  CallLog& calls() { return calls_; }

 protected:
  /// The network may break this connection, or all.
  void harm(std::size_t link);
  void harm_all();
  /// The process stands still: who waits for the other side may do so in vain.
  void stand_still();
  /// Little fits into the network: a ping may take long behind a message.
  void be_narrow() { causes_.disturbed = narrow_ = true; }
  /// It may also break those to come, until `calm`.
  void harm_more() { harm_stays_ = true; }
  void calm() { harm_stays_ = false; }
  /// Connections take time before their clients know of them.
  void expect_handshakes() { handshakes_ = true; }
  /// Servers ask their clients who they are.
  void expect_introductions() { handshakes_ = introduces_ = true; }
  /// What waits for all clients of a server together has a bound.
  void expect_full_servers() { causes_.overflow = total_is_bounded_ = true; }
  bool total_is_bounded() const { return total_is_bounded_; }
  /// Larger messages may be more than a receiver takes.
  void set_smallest_limit(std::size_t size) { smallest_limit_ = size; }
  /// What may end a session.
  Causes& causes() { return causes_; }
  void check_ended_in_order();
  bool ok() const { return violation_.empty(); }
  const std::string& violation() const { return violation_; }
  void take_violation_of_calls() { fail(calls_.wrong()); }
  std::uint64_t trace() const { return trace_.value(); }
  std::uint64_t messages() const { return messages_; }

 private:
  void note_size(std::size_t data) {
    size_at_most_ = data + 64;
    may_be_too_big_ = size_at_most_ > smallest_limit_;
  }

  // OFFER, WELCOME and the ACK behind it.
  static constexpr std::size_t kIntroduction =
      3 * 4 + wire::kOfferSize + wire::kWelcomeFixedSize + wire::kMostTlvs + wire::kAckSize;

  void fail(const std::string& what) {
    if (!what.empty()) require(false, what.c_str());
  }
  bool was_harmed(std::size_t link) const;
  void check_silence(const Side& side, DisconnectReason reason);
  void check_loss(Side& side, const SessionLoss& loss, bool is_server, Duration linger);
  virtual TimePoint now() = 0;

  const bool verbose_;
  std::uint64_t salt_;
  std::string violation_;
  Hash trace_{0};
  std::uint64_t messages_ = 0;
  Kitchen kitchen_;
  std::deque<Journal> journals_;
  CallLog calls_;
  std::vector<std::size_t> harmed_links_;
  bool handshakes_ = false;
  bool narrow_ = false;
  bool harm_stays_ = false;
  bool introduces_ = false;
  bool total_is_bounded_ = false;
  Causes causes_;
  bool may_be_too_big_ = false;
  std::size_t size_at_most_ = 0;  // of the message that was made last
  std::size_t smallest_limit_ = 0;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_WATCH_H_

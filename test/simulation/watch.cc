#include "test/simulation/watch.h"

#include <algorithm>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace messi::simulation {

void Watch::happens(const char* what, unsigned who, std::uint64_t detail) {
  const std::int64_t at = now().time_since_epoch().count();
  trace_.add(static_cast<std::uint64_t>(at)).add(std::string_view(what)).add(who).add(detail);
  if (!verbose_) return;
  std::printf("%12.6f  %s, %u: %" PRIx64 "\n", static_cast<double>(at) / 1e9, what, who, detail);
}

Journal& Watch::begin_journal() {
  journals_.emplace_back();
  journals_.back().number = journals_.size();
  return journals_.back();
}

void Watch::open(Side& side, Journal& journal, std::size_t link) {
  require(!side.up, "a connection begins twice");
  journal.link = link;
  journal.harmed |= harm_stays_ || was_harmed(link);
  side = {};
  side.out = &journal;
  side.up = true;
}

First Watch::first_of(const Journal& journal) {
  size_at_most_ = 20;
  may_be_too_big_ = false;
  First first;
  first.set_journal(journal.number);
  return first;
}

void Watch::check_result(SendResult result, bool connected, std::size_t pending) {
  switch (result) {
    case SendResult::kOk:
      return;
    case SendResult::kFull:
      return require(pending > 0 || total_is_bounded_, "an empty queue has no room for a message");
    case SendResult::kTooBig:
      return require(may_be_too_big_, "a message is too big that is not");
    case SendResult::kNotConnected:
      return require(!connected, "a message is refused although there is a connection");
    case SendResult::kInvalid:
      return require(false, "a message cannot be encoded");
  }
}

void Watch::handle_first(Side& side, const First& message) {
  require(side.in == nullptr, "a first message is not the first");
  if (message.journal() == 0 || message.journal() > journals_.size()) {
    return require(false, "a first message was never sent");
  }
  Journal& journal = journals_[message.journal() - 1];
  require(!journal.claimed, "two connections received the same first message");
  journal.claimed = true;
  if (side.out->link != 0) journal.link = side.out->link;
  journal.harmed |= was_harmed(journal.link);
  require(journal.session == side.out->session, "one side has a session, and the other one none");
  side.in = &journal;
}

void Watch::offered(const Side& side, Form form, std::uint64_t hash, bool keeps_latest) {
  side.out->offers[static_cast<std::size_t>(form)].made.push_back(hash);
  ++side.out->offers_made;
  side.out->keeps_latest = keeps_latest;
}

void Watch::received(Side& side, Form form, std::uint64_t hash) {
  ++messages_;
  require(side.up, "a message comes without a connection");
  if (side.in == nullptr) return require(false, "a message comes before the first one");
  require(!side.threw, "a message comes after a hook threw");
  require(!side.detached, "a message comes to a session without a connection");
  require(!side.out->lost, "a message comes to a session that is lost");
  require(side.in->deliver(form, hash), "a message comes that is not the next one");
}

void Watch::in_message_hook(Side& side, Hook hook, unsigned of) {
  side.threw = true;
  in_hook(hook, of);
  side.threw = false;
}

void Watch::close(Side& side, DisconnectReason reason, Duration linger) {
  require(side.up, "a connection ends twice");
  side.up = false;
  if (reason == DisconnectReason::kMessageTooBig && side.in != nullptr) {
    require(side.out->too_big || side.in->too_big, "a message is too big that is not");
  }
  check_silence(side, reason);
  if (side.out->session && !side.out->lost) {
    require(side.out->complete(), "a session ends without a word, but not all was handled");
  }
  side.out->sender_end = reason;
  if (side.out->ended_at && now() - *side.out->ended_at >= linger) side.out->hurried = true;
  if (side.in == nullptr) return;
  side.in->receiver_end = reason;
  if (side.threw) side.in->harmed = true;
}

// A stranger is silent.
void Watch::check_silence(const Side& side, DisconnectReason reason) {
  if (reason != DisconnectReason::kKeepAliveTimeout || side.in == nullptr) return;
  require(side.out->harmed || side.out->stood_still || narrow_,
          "a side is given up that is not silent");
}

void Watch::detach(Side& side, DisconnectReason reason) {
  require(side.up && side.out->session, "a session is detached that there is not");
  require(!side.detached && !side.out->lost, "a session is detached twice, or after it was lost");
  require(causes_.disturbed || causes_.ended || causes_.too_big,
          "a connection is lost for no reason");
  check_silence(side, reason);
  side.threw = false;
  side.detached = true;
  side.detached_at = now();
}

void Watch::resume(Side& side, std::uint64_t replayed, std::size_t link) {
  require(side.up && side.detached, "a session is resumed that was not detached");
  require(!side.out->lost, "a session is resumed that is lost");
  require(replayed <= side.out->accepted.size() + side.out->offers_made + side.out->said,
          "more is sent again than was sent");
  side.detached = false;
  if (link == 0) return;
  for (Journal* const journal : {side.out, side.in}) {
    if (journal == nullptr) continue;
    journal->link = link;
    journal->harmed |= harm_stays_ || was_harmed(link);
  }
}

void Watch::check_loss(Side& side, const SessionLoss& loss, bool is_server, Duration linger) {
  Journal& out = *side.out;
  require(!out.lost, "a session is lost twice");
  fail(wrong_cause(side, loss.reason, is_server, causes_, now()));
  const bool waits = out.ended_at && now() - *out.ended_at < linger && !out.hurried && !out.refused;
  const bool peer_waits =
      side.in != nullptr && !side.in->asked && !side.in->gone && !side.in->sender_end;
  // A server that has stopped does not let its clients come back.
  const bool may_return = !is_server || !causes_.disturbed;
  if (loss.reason == SessionLossReason::kClosed && waits && peer_waits && may_return) {
    require(causes_.drained, "a side that has asked for the end does not wait for it");
  }
  out.lost = loss.reason;
  out.peer_handled = loss.peer_handled;
}

bool Watch::was_harmed(std::size_t link) const {
  if (link == 0) return handshakes_ && !harmed_links_.empty();
  return std::find(harmed_links_.begin(), harmed_links_.end(), link) != harmed_links_.end();
}

void Watch::harm(std::size_t link) {
  causes_.disturbed = true;
  harmed_links_.push_back(link);
  for (Journal& journal : journals_) {
    if (journal.link == link || journal.link == 0) journal.harmed = true;
  }
}

void Watch::harm_all() {
  causes_.disturbed = true;
  for (Journal& journal : journals_) journal.harmed = true;
}

void Watch::stand_still() {
  causes_.disturbed = true;
  for (Journal& journal : journals_) journal.stood_still = true;
}

void Watch::check_ended_in_order() {
  for (const Journal& journal : journals_) {
    require(
        !journal.peer_handled || (*journal.peer_handled >= journal.all_delivered() &&
                                  *journal.peer_handled <= journal.all_delivered() + journal.said),
        "a lost session has said that the peer has handled more or less than it has");
    // A smaller limit has no room for all that a server says.
    if (!journal.harmed && !journal.hurried && smallest_limit_ > 124 &&
        journal.sender_end == DisconnectReason::kDraining) {
      require(journal.receiver_end != DisconnectReason::kConnectionClosed,
              "a client is not told that its server drains");
    }
    if (!journal.ended_in_order()) continue;
    require(journal.complete(), "a connection has ended in order, but not all has arrived");
  }
}

}  // namespace messi::simulation

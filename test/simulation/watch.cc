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

void Watch::open(Side& side, std::size_t link) {
  require(!side.up, "a connection begins twice");
  journals_.emplace_back();
  journals_.back().number = journals_.size();
  journals_.back().link = link;
  journals_.back().harmed = harm_stays_ || was_harmed(link);
  side = {&journals_.back(), nullptr, true};
}

First Watch::first_of(const Side& side) const {
  First first;
  first.set_journal(side.out->number);
  return first;
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
  // A stranger is silent.
  if (reason == DisconnectReason::kKeepAliveTimeout && side.in != nullptr) {
    require(side.out->harmed || side.out->stood_still || narrow_,
            "a side is given up that is not silent");
  }
  side.out->sender_end = reason;
  if (side.out->ended_at && now() - *side.out->ended_at >= linger) side.out->hurried = true;
  if (side.in == nullptr) return;
  side.in->receiver_end = reason;
  if (side.threw) side.in->harmed = true;
}

bool Watch::was_harmed(std::size_t link) const {
  if (link == 0) return handshakes_ && !harmed_links_.empty();
  return std::find(harmed_links_.begin(), harmed_links_.end(), link) != harmed_links_.end();
}

void Watch::harm(std::size_t link) {
  harmed_links_.push_back(link);
  for (Journal& journal : journals_) {
    if (journal.link == link || journal.link == 0) journal.harmed = true;
  }
}

void Watch::harm_all() {
  for (Journal& journal : journals_) journal.harmed = true;
}

void Watch::stand_still() {
  for (Journal& journal : journals_) journal.stood_still = true;
}

void Watch::check_ended_in_order() {
  for (const Journal& journal : journals_) {
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

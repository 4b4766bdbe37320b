#ifndef MESSI_CONNECTION_ATTEMPTS_H_
#define MESSI_CONNECTION_ATTEMPTS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/backoff.h"

namespace messi::connection {

/// The next URI to connect to, and the delay before: all URIs in turn, then a delay.
class Attempts {
 public:
  Attempts(std::string uri, const std::vector<std::string>& more_uris,
           const BackoffSettings& backoff)
      : uris_{std::move(uri)}, backoff_(backoff) {
    uris_.insert(uris_.end(), more_uris.begin(), more_uris.end());
  }

  /// The URI that is connected to, or tried next.
  const std::string& uri() const { return uris_[current_]; }

  /// Begins a round: none of the URIs counts as tried.
  void begin_round() { failed_ = 0; }

  /// Before the first attempt of a round: shuffles the URIs. `random()` returns uniformly
  /// distributed numbers.
  template <typename Random>
  void shuffle(Random&& random) {
    if (failed_ > 0) return;
    for (std::size_t left = uris_.size(); left > 1; --left) {
      std::swap(uris_[left - 1], uris_[random() % left]);
    }
  }

  /// The attempt has failed, or its connection has ended before it had proved itself.
  void handle_failed() {
    current_ = (current_ + 1) % uris_.size();
    ++failed_;
  }

  /// A connection has ended that had proved itself: the server had answered a ping.
  void handle_proved() {
    backoff_.reset();
    failed_ = 0;
  }

  /// The delay after a failure: none while there are URIs that have not been tried.
  Duration delay_after_failure(std::uint64_t random) {
    if (failed_ < uris_.size()) return Duration::zero();
    failed_ = 0;
    return backoff_.next(random);
  }

  /// The delay after a proved connection to a server that lets its clients go: short, and then the
  /// next URI is tried.
  Duration delay_after_drain(std::uint64_t random) {
    current_ = (current_ + 1) % uris_.size();
    return delay_after_loss(Duration::max(), random);
  }

  /// The delay after the end of a connection that had proved itself, and was up for `uptime`.
  Duration delay_after_loss(Duration uptime, std::uint64_t random) {
    backoff_.handle_lost(uptime);
    return backoff_.next(random);
  }

 private:
  std::vector<std::string> uris_;
  std::size_t current_ = 0;
  std::size_t failed_ = 0;  // since the round began
  Backoff backoff_;
};

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_ATTEMPTS_H_

#ifndef MESSI_CONNECTION_KEEPALIVE_H_
#define MESSI_CONNECTION_KEEPALIVE_H_

#include <algorithm>

#include "messi/base/time.h"
#include "messi/base/token_rate.h"

namespace messi::connection {

/// Whether this side pings, how long the peer may be silent, and how often it may ping.
struct KeepaliveSettings {
  Duration ping_interval;   ///< Zero: this side does not ping.
  Duration silence_limit;   ///< The peer is gone when no byte has arrived for this long.
  TokenRate peers_pings{};  ///< For a side that does not ping.
};

/// The time-outs of one connection: when to ping, when to give up the peer. Any byte is a sign of
/// life. The settings are a parameter, since thousands of connections share them.
class Keepalive {
 public:
  explicit Keepalive(TimePoint now) : last_heard_(now), pings_(now) {}

  void handle_received(TimePoint now) { last_heard_ = now; }
  TimePoint last_heard() const { return last_heard_; }

  /// True once per interval, the first time at once: the answer to the early ping shows the client
  /// that the peer is a server, without a time-out.
  bool poll_ping(const KeepaliveSettings& settings, TimePoint now) {
    if (settings.ping_interval == Duration::zero() || now < pings_) return false;
    pings_ = deadline_after(now, settings.ping_interval);
    return true;
  }

  /// The peer has pinged, in what `handle_received` was called for; false if it does so too often.
  bool handle_ping(const KeepaliveSettings& settings) {
    return settings.peers_pings.take(pings_, last_heard_);
  }

  /// `heard_until`: all input before this moment has been passed to `handle_received`. It is
  /// earlier than now when this side was held up and input still waits to be read.
  bool timed_out(const KeepaliveSettings& settings, TimePoint heard_until) const {
    return heard_until >= silence_deadline(settings);
  }

  /// When to ping next.
  TimePoint next_ping(const KeepaliveSettings& settings) const {
    return settings.ping_interval == Duration::zero() ? TimePoint::max() : pings_;
  }

  /// When to look again. It may move away in the meantime, but not nearer.
  TimePoint deadline(const KeepaliveSettings& settings) const {
    return std::min(next_ping(settings), silence_deadline(settings));
  }
  /// The same, if nothing is sent any more.
  TimePoint silence_deadline(const KeepaliveSettings& settings) const {
    return deadline_after(last_heard_, settings.silence_limit);
  }

 private:
  TimePoint last_heard_;
  TimePoint pings_;  // a side that pings: when to do so next; the other: see TokenRate
};

}  // namespace messi::connection

#endif  // MESSI_CONNECTION_KEEPALIVE_H_

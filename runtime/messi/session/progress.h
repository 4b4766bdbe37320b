#ifndef MESSI_SESSION_PROGRESS_H_
#define MESSI_SESSION_PROGRESS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "messi/base/time.h"
#include "messi/session/owed_ack.h"
#include "messi/wire/session_frames.h"

namespace messi::session {

/// What the peer has said of itself in HELLO or WELCOME.
struct PeerState {
  std::uint64_t rx;  ///< How many messages of this side it has handled.
  std::uint32_t retain;
  std::uint32_t max_payload;
};

/// How far each side of a session got, and what the peer may say about that. It knows no messages,
/// only their numbers.
class Progress {
 public:
  /// The number of the last message that the peer has acknowledged.
  std::uint64_t acknowledged() const { return acked_; }
  /// The highest number that was written on an earlier connection.
  std::uint64_t written() const { return written_; }
  /// Whether an ACK has ever come: the peer knows of the session.
  bool confirmed() const { return confirmed_; }
  /// The largest payload that the peer accepts.
  std::uint32_t peer_max_payload() const { return peer_max_payload_; }

  /// The number of the last message that was dispatched.
  std::uint64_t rx() const { return rx_; }
  /// Directly before a message is dispatched.
  void handle_dispatched(std::size_t payload_size) {
    ++rx_;
    owed_.add(payload_size);
  }
  /// It could not be decoded.
  void handle_undecodable() { --rx_; }
  /// Nothing is dispatched any more, although messages may arrive.
  void stop_dispatching() { dispatches_ = false; }
  bool dispatches() const { return dispatches_; }

  /// At the end of a turn, and at `ack_deadline`: whether the connection shall write an ACK.
  bool wants_ack(TimePoint now, bool something_is_written) {
    owed_.begin_wait(now);
    return owed_.due(now, something_is_written);
  }
  /// Whether there is something to acknowledge.
  bool owes_ack() const { return owed_.owed(); }
  /// When `wants_ack` turns true by itself.
  TimePoint ack_deadline() const { return owed_.deadline(); }

 protected:
  /// Whether the peer can have handled so many messages when there was no connection.
  bool may_have_handled(std::uint64_t rx) const { return rx >= acked_ && rx <= written_; }
  /// Whether an ACK can be right, if what it acknowledges was written.
  bool may_be(const wire::Ack& ack) const {
    return ack.rx >= acked_ && (!dispatches_ || ack.tx == rx_);
  }
  void set_acknowledged(std::uint64_t number) { acked_ = number; }
  void confirm() { confirmed_ = true; }

  void begin_connection(const PeerState& peer) {
    peer_max_payload_ = peer.max_payload;
    owed_.set_peer_retain(peer.retain);
    owed_.clear();  // HELLO and WELCOME say it
  }
  /// It has written all up to a number.
  void end_connection(std::uint64_t written) {
    written_ = std::max(written_, written);
    owed_.clear();
  }
  /// The ACK to write now, behind the message `tx`.
  wire::Ack say_rx(std::uint64_t tx) {
    owed_.clear();
    return {rx_, tx};
  }

 private:
  std::uint64_t acked_ = 0;
  std::uint64_t written_ = 0;
  std::uint64_t rx_ = 0;
  OwedAck owed_;
  std::uint32_t peer_max_payload_ = UINT32_MAX;
  bool confirmed_ = false;
  bool dispatches_ = true;
};

}  // namespace messi::session

#endif  // MESSI_SESSION_PROGRESS_H_

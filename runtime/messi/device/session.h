#ifndef MESSI_DEVICE_SESSION_H_
#define MESSI_DEVICE_SESSION_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/session/progress.h"
#include "messi/wire/frame.h"
#include "messi/wire/session_frames.h"

namespace messi::device {

/// One side of a session, as session/session.h, in memory of the user's:
///
///     acknowledged    written       being written    not yet      free
///         |              |                |             |           |
///     ----+--------------+----------------+-------------+-----------+
///       begin_         next_         next_ + left_     end_
///
/// What is being written stays where it is, acknowledged or not. When it is written, the rest moves
/// to the front.
class Session : public session::Progress {
 public:
  explicit Session(Space memory) : memory_(memory) {}

  /// Forgets everything, for another session.
  void restart() { *this = Session(memory_); }

  /// The number of the last message that was accepted.
  std::uint64_t last_accepted() const { return accepted_; }
  /// The number of the last message that was begun to be written.
  std::uint64_t handed() const { return handed_; }
  bool all_acknowledged() const { return begin_ == end_; }
  std::size_t capacity() const { return memory_.size; }

  /// The largest payload for which there is ever room, and that the peer accepts.
  std::size_t most_payload() const {
    const std::size_t room =
        memory_.size > wire::kHeaderSize ? memory_.size - wire::kHeaderSize : 0;
    return std::min<std::size_t>(room, peer_max_payload());
  }
  /// Space for a payload: fill it at once, then commit it or forget it. Null if there is no room.
  std::uint8_t* reserve(wire::FrameType type, std::size_t payload_size) {
    if (end_ + wire::kHeaderSize + payload_size > memory_.size) return nullptr;
    return wire::write_header(reinterpret_cast<std::uint8_t*>(memory_.data) + end_, type,
                              payload_size);
  }
  void commit(std::size_t payload_size) {
    end_ += wire::kHeaderSize + payload_size;
    ++accepted_;
  }

  // The connection that carries it.

  /// As for session::Session.
  bool attach(const session::PeerState& peer) {
    if (!handle_last_rx(peer.rx)) return false;
    begin_connection(peer);
    return true;
  }
  void detach() {
    end_connection(handed_);
    left_ = 0;
    next_ = begin_;
    handed_ = acknowledged();
    compact();
  }

  /// Whether a frame is being written, and what of it is not written yet.
  bool writing() const { return left_ > 0; }
  std::string_view waiting() const { return {memory_.data + next_, left_}; }
  void handle_written(std::size_t size) {
    next_ += size;
    left_ -= size;
    if (!writing()) compact();
  }
  /// Whether there is a frame behind that one; or the first, if none is being written.
  bool has_more() const { return next_ + left_ < end_; }
  /// Whether that is more than the peer accepts.
  bool exceeds_limit() const { return wire::read_size(memory_.data + next_) > peer_max_payload(); }
  /// Begins to write it.
  void hand_over() {
    left_ = wire::frame_size(memory_.data + next_);
    ++handed_;
  }
  /// Without a session nothing is kept that is written.
  void forget_written() { acknowledge(handed_); }

  /// The ACK or CLOSE that is written next says so.
  wire::Ack make_ack() { return say_rx(handed_); }
  /// The peer has acknowledged. False if that cannot be. It may have what is being written, since
  /// that is told when it is known, as by the end of DMA.
  bool handle_ack(const wire::Ack& ack) {
    if (!may_be(ack) || ack.rx > handed_) return false;
    acknowledge(ack.rx);
    return true;
  }
  bool handle_last_rx(std::uint64_t rx) {
    if (!may_have_handled(rx)) return false;
    acknowledge(rx);
    next_ = begin_;
    handed_ = rx;
    return true;
  }

 private:
  void acknowledge(std::uint64_t number) {
    for (std::uint64_t each = acknowledged(); each < number; ++each) {
      begin_ += wire::frame_size(memory_.data + begin_);
    }
    set_acknowledged(number);
    if (!writing()) compact();
  }
  void compact() {
    if (begin_ == 0) return;
    std::memmove(memory_.data, memory_.data + begin_, end_ - begin_);
    next_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }

  Space memory_;
  std::size_t begin_ = 0;
  std::size_t next_ = 0;
  std::size_t left_ = 0;
  std::size_t end_ = 0;
  std::uint64_t handed_ = 0;
  std::uint64_t accepted_ = 0;
};

}  // namespace messi::device

#endif  // MESSI_DEVICE_SESSION_H_

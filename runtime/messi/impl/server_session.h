#ifndef MESSI_IMPL_SERVER_SESSION_H_
#define MESSI_IMPL_SERVER_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/deadline_queue.h"
#include "messi/base/time.h"
#include "messi/session/session.h"
#include "messi/session/session_loss.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"

namespace messi {

class SessionLink;

/// Whether two secrets are the same. How long it takes does not tell where they differ.
inline bool same_secret(const wire::Token& a, const wire::Token& b) {
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) difference |= unsigned{a[i]} ^ unsigned { b[i] };
  return difference == 0;
}

/// A session, as the server has it. Its link owns it, and hands it on to the next one. While it is
/// detached, it is with a link on a stream that has ended.
class ServerSession final : public session::Session, public DeadlineHook {
 public:
  ServerSession(const wire::OutboxSettings& settings, wire::BufferPool& pool, const wire::Token& id,
                const wire::Token& secret, std::string principal)
      : Session(settings, pool), id_(id), secret_(secret), principal_(std::move(principal)) {}
  ~ServerSession() override { count_again(); }

  const wire::Token& id() const { return id_; }
  const wire::Token& secret() const { return secret_; }
  /// Who its client is.
  const std::string& principal() const { return principal_; }
  bool belongs_to(const wire::Token& secret, std::string_view principal) const {
    return same_secret(secret, secret_) && principal == principal_;
  }

  SessionLink& link() const { return *link_; }
  void set_link(SessionLink& link) { link_ = &link; }

  /// When its wait in a queue began.
  TimePoint waits_since() const { return since_; }
  void begin_wait(TimePoint now) { since_ = now; }

  /// What it keeps does not count as waiting any more, since it is lost, and gone soon.
  void stop_counting() {
    count_again();
    uncounted_ = kept_bytes();
    settings().pending -= uncounted_;
  }

  std::size_t counted_bytes() const { return kept_bytes() - uncounted_; }

  std::uint32_t attempt = 0;   // of the last HELLO
  bool knows_calls = false;    // the client names requests in its answers
  bool evictable = false;      // detached, and not closing
  std::uint64_t replayed = 0;  // messages that the last connection began with

  // What the user was told.
  bool told_connected = false;
  bool told_detached = false;
  bool told_lost = false;

  // How it ends.
  bool closing = false;    // in order, by this side
  bool said_last = false;  // the client has said how far it got, and says no more
  bool given_up = false;   // by the client
  std::optional<SessionLossReason> loss;
  std::optional<std::uint64_t> peer_handled;

 private:
  // Defined here: see AcceptedLink.
  void handle_refused(wire::Accepted why) override { refused(why); }
  void write_early() override { flush_link(); }
  void handle_no_room_in_all(std::size_t frame_size) override { await_room(frame_size); }

  void refused(wire::Accepted why);
  void flush_link();
  void await_room(std::size_t frame_size);

  void count_again() { settings().pending += std::exchange(uncounted_, 0); }

  const wire::Token id_;
  const wire::Token secret_;
  const std::string principal_;
  SessionLink* link_ = nullptr;
  TimePoint since_ = {};
  std::size_t uncounted_ = 0;
};

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_SESSION_H_

#ifndef MESSI_IMPL_SERVER_SESSIONS_H_
#define MESSI_IMPL_SERVER_SESSIONS_H_

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/deadline_queue.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/impl/server_session.h"
#include "messi/impl/session_link.h"
#include "messi/impl/tombstones.h"
#include "messi/io/stream.h"
#include "messi/session/schema_tlvs.h"
#include "messi/session/session_loss.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/session_frames.h"

namespace messi {

struct MovingLink;
class ServerBase;

/// What ServerBase does besides, if it asks its clients to introduce themselves. First a link finds
/// out what its client is:
///
///     offered --HELLO--> asking --> introduced --accepted--> session, or plain
///        |--a message--> plain        ^
///        `--offer_wait--> provisional -' with HELLO, as another client
///
/// A session then goes from link to link:
///
///     attached --its link ends--> detached --session_timeout, or its place is needed--> lost
///        ^------HELLO resumes it-----'
///
/// While it is detached, its client has a link on a stream that has ended.
class ServerSessions {
 public:
  explicit ServerSessions(ServerBase& server);

  std::unique_ptr<SessionLink> make_link(std::unique_ptr<Stream> stream, TimePoint now);
  /// The link begins.
  void offer(SessionLink& link);
  /// Looks at what the client has said of itself; false if there is nothing to look at.
  bool decide(SessionLink& link);
  /// Goes on with a link of another loop, whose client has a session here.
  void handle_moved(MovingLink& moving);
  /// One of those that may be given up for others is, if there are too many clients.
  void make_place();
  /// The user has accepted the client.
  void accept(SessionLink& link, std::string_view principal);
  /// Calls the hook for a client that is connected or resumed.
  void greet(SessionLink& link);

  void settle(SessionLink& link);
  /// Whether the client of a link that is over stays. If not, its session has ended, and the user
  /// was told if the promise is not kept.
  bool keep_client(SessionLink& link);
  /// For a client that does not stay: whether the user knows it as connected, and why it ends.
  bool was_connected(const SessionLink& link) const;
  DisconnectReason reason_of(const SessionLink& link) const;

  /// Ends the session of a link in order; false if there is none.
  bool end(SessionLink& link, DisconnectReason reason);
  void drain(SessionLink& link);
  /// The session cannot go on.
  void lose(ServerSession& session, SessionLossReason loss, DisconnectReason reason);
  /// The client has sent CLOSE, and what it acknowledges is noted.
  void handle_close(SessionLink& link, const wire::CloseFrame& frame);

  /// Whether the session of a closed link goes on.
  bool goes_on(const SessionLink& link) const;
  bool offers_sessions() const;
  /// Those that may be given up for others.
  std::size_t detached_count() const { return detached_count_; }

  TimePoint deadline() const {
    return std::min({offered_.deadline(), owing_.deadline(), detached_.deadline(),
                     unconfirmed_.deadline(), closing_.deadline()});
  }
  void handle_timer(TimePoint now);

 private:
  using Stage = SessionLink::Stage;
  static constexpr std::string_view kNoSession = "a session is required";

  std::unique_ptr<SessionLink> make_ended_link(const SessionLink& link);
  void introduce(SessionLink& link);
  void begin_client(SessionLink& link);
  bool fits(SessionLink& link);
  void refuse(SessionLink& link, wire::CloseCode code, DisconnectReason reason,
              std::string_view text = {});
  void welcome(SessionLink& link, wire::Welcome& welcome);
  bool resume(SessionLink& link, std::string_view principal, wire::Welcome& welcome);
  void begin(SessionLink& link, std::string_view principal, wire::Welcome& welcome);
  void move(ServerSession& session, SessionLink& link);
  bool may_answer(const SessionLink& link) const;
  std::optional<std::size_t> elsewhere(const SessionLink& link) const;
  bool hand_over(SessionLink& link, std::size_t index);
  void add_detached();
  void remove_detached();
  void tend(SessionLink& link, ServerSession& session);
  void say_why(SessionLink& link);
  void detach(SessionLink& link, std::unique_ptr<SessionLink> made);
  void tell_detached(ServerClient& client, DisconnectReason reason);
  void dissolve(SessionLink& link);
  void bury(SessionLink& link);
  void tell_lost(SessionLink& link);
  SessionLossReason loss_of(const SessionLink& link) const;
  void stop_waiting(ServerSession& session);

  ServerBase& server_;
  DeadlineQueue<AcceptedLink> offered_;       // to be answered
  DeadlineQueue<ServerSession> owing_;        // to acknowledge
  DeadlineQueue<ServerSession> detached_;     // for their clients
  DeadlineQueue<ServerSession> unconfirmed_;  // the same, of clients that may not know of them
  DeadlineQueue<ServerSession> closing_;      // for their last acknowledgement
  std::size_t detached_count_ = 0;
  std::map<wire::Token, ServerSession*> sessions_;
  Tombstones tombstones_;
  std::string schema_tlvs_;  // for WELCOME, once somebody needs it
};

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_SESSIONS_H_

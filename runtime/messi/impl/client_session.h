#ifndef MESSI_IMPL_CLIENT_SESSION_H_
#define MESSI_IMPL_CLIENT_SESSION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/io/event_loop.h"
#include "messi/session/session.h"
#include "messi/session/session_loss.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"

namespace messi {

class Calls;
class ClientBase;

/// A client's side of a session. Messages may be sent to it before a server knows it.
class ClientSession final : public session::Session {
 public:
  ClientSession(ClientBase& client, const wire::OutboxSettings& settings, wire::BufferPool& pool)
      : Session(settings, pool), client_(client) {}

  /// Whether a server knows it.
  bool known() const { return known_; }
  /// Whether it has a promise to keep.
  bool matters() const { return known_ || !all_acknowledged(); }

  /// What the client says of it to a server.
  void introduce(wire::Hello& hello) {
    hello.resume = known_;
    hello.rx = rx();
    hello.id = id_;
    hello.secret = secret_;
  }
  /// A server has begun it. False if it has not said what it has to.
  bool begin(const wire::Welcome& welcome) {
    if (welcome.id == wire::Token{} || welcome.secret == wire::Token{}) return false;
    id_ = welcome.id;
    secret_ = welcome.secret;
    known_ = true;
    return true;
  }
  bool is(const wire::Token& id) const { return known_ && id_ == id; }

  /// A message that was not accepted, which ends the session.
  wire::Accepted refused() const { return refused_; }

  /// Those that were made in it; null if there are none.
  std::shared_ptr<Calls> calls;

 private:
  // Defined here: see AcceptedLink.
  void write_early() override { write_early_now(); }
  void handle_refused(wire::Accepted why) override {
    refused_ = why;
    stop_dispatching();
    handle_refused_now();
  }
  void write_early_now();
  void handle_refused_now();

  ClientBase& client_;
  wire::Token id_ = {};
  wire::Token secret_ = {};
  wire::Accepted refused_ = wire::Accepted::kYes;
  bool known_ = false;
};

/// How a client's session ends.
struct ClientSessionEnd {
  DisconnectReason reason;
  std::optional<SessionLossReason> loss = std::nullopt;  ///< Nothing: the promise may be kept.
  std::optional<std::uint64_t> peer_handled = std::nullopt;
};

/// What a client has that introduces itself.
struct ClientSessions {
  ClientSessions(EventLoop& loop, std::function<void()> give_up)
      : close_timer(loop, std::move(give_up)) {}

  /// Takes what is sent; null while a connection goes on without a session, and without sessions.
  std::unique_ptr<ClientSession> current;
  /// The number of the last HELLO, of whatever session: a server may begin a session with the
  /// HELLO of the one before.
  std::uint32_t attempt = 0;
  /// With a server that is draining: takes nothing any more, but is carried to its end.
  std::unique_ptr<ClientSession> leaving;
  /// How the one that is carried ends, if that is known before the link is over.
  std::optional<ClientSessionEnd> end;

  /// Sessions that are over, in order, until their hooks were called.
  struct Over {
    std::unique_ptr<ClientSession> session;
    ClientSessionEnd end;
    bool connected;  ///< `on_disconnected` has to follow.
  };
  std::vector<Over> over;
  ClientSession* told = nullptr;  ///< Of these, the one whose hooks are running.

  bool connected = false;       ///< Between `on_connected` and `on_disconnected`.
  bool paused = false;          ///< By the user.
  bool closing = false;         ///< `close` waits for the session.
  bool restarts = false;        ///< And `start` has come after it.
  bool close_said = false;      ///< On this link.
  bool close_answered = false;  ///< By the server.
  /// Whether the server names requests in its answers.
  bool peer_knows_calls = false;
  std::uint64_t replayed = 0;  ///< For `on_resumed`.
  bool resumed = false;
  Timer close_timer;
  TimePoint next_tick = TimePoint::max();  ///< When the link's timer comes.
};

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_SESSION_H_

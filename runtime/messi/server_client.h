#ifndef MESSI_SERVER_CLIENT_H_
#define MESSI_SERVER_CLIENT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/impl/accepted_link.h"
#include "messi/io/peer_certificate.h"
#include "messi/io/stream.h"
#include "messi/send_result.h"
#include "messi/user_state.h"
#include "messi/wire/outbox.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

class GroupBase;
class Call;
class CallHandler;
class SendLanes;
class ServerBase;
class ServerSessions;

/// A client, as the server sees it; generated code adds the senders. It belongs to the server and
/// lives until its `on_client_disconnected` returns, or `on_client_refused` if it was not accepted.
/// To find it later, keep its `id()` and call `find_client`, or before it is accepted
/// `find_arriving`. Loop's thread only.
class ServerClient {
 public:
  /// The arguments of the constructor, which generated code only passes on.
  class Init {
    friend class ServerBase;
    friend class ServerClient;
    friend class ServerSessions;
    Init(std::unique_ptr<AcceptedLink> link, std::uint64_t id, TimePoint now)
        : link_(std::move(link)), id_(id), now_(now) {}
    std::unique_ptr<AcceptedLink> link_;
    std::uint64_t id_;
    TimePoint now_;
  };

  explicit ServerClient(Init init);
  ServerClient(const ServerClient&) = delete;
  ServerClient& operator=(const ServerClient&) = delete;
  virtual ~ServerClient() = default;

  /// 1, 2, 3...: no two clients of a server have the same.
  std::uint64_t id() const { return id_; }

  /// "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string peer_address() const { return link_->peer().address; }

  /// The loop's time at which the connection was accepted.
  TimePoint connected_since() const { return connected_since_; }

  /// The answers to `on_authenticate`, in the hook or later; only the first counts. With `accept`
  /// it is connected at once, and `on_client_connected` follows. With `refuse` the connection is
  /// closed, and `on_client_refused(peer_address, kUnauthenticated)` follows; the client gets the
  /// beginning of `text`, at most 96 bytes, as its `disconnect_hint`.
  ///
  /// `principal` says who the client is: it resumes only a session of the same. "": whoever shows
  /// its certificate, or its uid on a Unix socket. If the client resumes a session, that session's
  /// client gets the connection, and this object is gone at the end of the turn.
  void accept(std::string_view principal = {});
  void refuse(std::string_view text = {});

  /// In `on_authenticate` and until it is answered: ClientOptions::auth_token of the client, at
  /// most 512 bytes, or "". It may be anything.
  std::string_view auth_token() const { return link_->auth_token(); }

  /// True from `accept` until the connection is lost or given up, or with a session, until that
  /// ends. Messages sent before and after are dropped.
  bool connected() const { return link_->accepted() && (!link_->closed() || link_->goes_on()); }

  /// Whether its session waits for it to come back. What is sent to it meanwhile is kept.
  bool detached() const;

  /// How many messages were sent to it that its program is not known to have handled. 0 without a
  /// session.
  std::uint64_t unacknowledged() const;

  /// Bytes that were sent to this client and that the system has not taken yet. With a session:
  /// that the client has not acknowledged.
  std::size_t pending_bytes() const;

  /// How many broadcasts were left out for this client and will not be sent any more, since it read
  /// too slowly: see ServerOptions::slow_reader.
  std::uint64_t dropped_broadcasts() const;

  /// How many answers of this client have come too late: their calls were over.
  std::uint64_t late_answers() const;

  /// Ends the connection in order. No further message is sent or received. Messages sent before
  /// still arrive if the client keeps reading, see ServerOptions::linger. When that is done,
  /// `on_client_disconnected(client, kDisconnected)` comes. No-op if not connected. With a session
  /// it is done when the client has acknowledged everything; it may come back for that.
  void disconnect();

  /// Ends the connection at the end of the loop's turn. What the system has not taken by then, or
  /// not sent yet, is lost. Also ends a `disconnect` that is under way.
  void disconnect_now();

  /// No message of this client reaches a hook until `resume`. Input waits in the system, so in the
  /// end the client cannot send any more. The server does not drop the client for its silence
  /// meanwhile, and sends it pongs. No-op before `on_client_connected`.
  void pause();
  void resume();
  bool paused() const;

  /// In `on_client_disconnected`: a sentence with more than the reason says, such as "The peer
  /// seems to speak HTTP.", or "".
  std::string_view disconnect_hint() const { return link_->hint(); }

  /// The socket, to set or read its options; -1 if there is none. Do not close it, read from it or
  /// write to it.
  int native_handle() const { return link_->native_handle(); }

  /// The uid, gid and pid of the peer of a Unix socket when it connected; nothing for TCP.
  std::optional<PeerCredentials> peer_credentials() const { return link_->peer().credentials; }

  /// What the peer's certificate says, for as long as this client exists; null if it has shown
  /// none, as without TLS.
  const PeerCertificate* peer_certificate() const { return link_->peer().certificate.get(); }

  /// An object of your type State, made by the first call and destroyed with the client. All calls
  /// must name the same type.
  template <typename State>
  State& state() {
    return state_.get<State>();
  }

 private:
  friend class GroupBase;
  friend class Sender;
  friend class ServerBase;
  friend class ServerCalls;
  friend class ServerLaterAnswers;
  friend class ServerClientLanes;
  friend class ServerSessions;
  friend struct codec::Access;

  // The way out for messages; null when not connected. What is sent is written at the end of the
  // turn.
  wire::Outbox* outbox();
  // Even if too much waits for all clients together, nobody is disconnected by that.
  wire::Outbox* outbox_to_ask();
  // What other threads send to it.
  std::shared_ptr<SendLanes> make_lanes();

  // For calls: impl/server_calls.h.
  bool knows_calls() const;
  bool prepare_call();
  Call begin_call(std::uint32_t answering, SendResult sent, Duration timeout, CallHandler handler);
  std::optional<std::uint64_t> find_request(std::uint32_t member) const;
  void take_request();

  // A server has thousands of these, so members are few.
  std::unique_ptr<AcceptedLink> link_;
  std::uint64_t id_;
  TimePoint connected_since_;
  UserState state_;
};

}  // namespace messi

#endif  // MESSI_SERVER_CLIENT_H_

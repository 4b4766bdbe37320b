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
#include "messi/connection/hint.h"
#include "messi/impl/accepted_link.h"
#include "messi/io/stream.h"
#include "messi/user_state.h"
#include "messi/wire/outbox.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

class ServerBase;

/// What a server knows of one connected client; generated code adds the senders. Belongs to the
/// server and lives until its `on_client_disconnected` returns; keep its `id()`, and ask
/// `find_client` for it later. Loop's thread only.
class ServerClient {
 public:
  /// What generated code passes on, unseen.
  class Init {
    friend class ServerBase;
    friend class ServerClient;
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

  /// Unique in the life of the server: 1, 2, 3...
  std::uint64_t id() const { return id_; }

  /// "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string peer_address() const { return link_->peer().address; }

  /// The loop's time at which the connection was accepted.
  TimePoint connected_since() const { return connected_since_; }

  /// False once the connection is lost or given up; what is sent then is dropped.
  bool connected() const { return !link_->closed(); }

  /// Bytes that were sent to this client and that the system has not taken yet.
  std::size_t pending_bytes() const { return link_->pending_bytes(); }

  /// Ends the connection in good order: no further message is sent or comes, and what was sent
  /// before still arrives if the client goes on reading, see ServerOptions::linger. When that is
  /// done, `on_client_disconnected(client, kDisconnected)` comes. No-op if not connected.
  void disconnect();

  /// Ends the connection at the end of the loop's turn; what the system has not taken by then, or
  /// not sent yet, is lost. Also cuts a `disconnect` short.
  void disconnect_now();

  /// From now on no message of this client comes, until `resume`; what is on its way stays there,
  /// and in the end the client's own sending waits. The client is not dropped for being silent,
  /// and is told that the server lives.
  void pause();
  void resume();
  bool paused() const { return link_->paused() && !link_->resuming(); }

  /// In `on_client_disconnected`: what more is known than the reason says, as a sentence, such as
  /// "The peer seems to speak HTTP."; "" if nothing is.
  std::string_view disconnect_hint() const { return to_string(link_->hint()); }

  /// The socket, to set or ask what messi has no word for; -1 if there is none. Not to be closed,
  /// read from or written to.
  int native_handle() const { return link_->native_handle(); }

  /// Who connected, if over a Unix socket: uid, gid and pid at that moment, as the system says.
  std::optional<PeerCredentials> peer_credentials() const { return link_->peer().credentials; }

  /// A place for the user's own: an object of type State, made on the first call and destroyed
  /// with the client. All calls must name the same type.
  template <typename State>
  State& state() {
    return state_.get<State>();
  }

 private:
  friend class ServerBase;
  friend struct codec::Access;

  // Where messages go out; null once not connected. What is sent is written at the end of the turn.
  wire::Outbox* outbox();

  // A server has thousands of these, so members are few.
  std::unique_ptr<AcceptedLink> link_;
  std::uint64_t id_;
  TimePoint connected_since_;
  UserState state_;
};

}  // namespace messi

#endif  // MESSI_SERVER_CLIENT_H_

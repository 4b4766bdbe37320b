#ifndef MESSI_SERVER_H_
#define MESSI_SERVER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "messi/base/deadline_queue.h"
#include "messi/base/finally.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/calls/current_request.h"
#include "messi/calls/later_answers.h"
#include "messi/client_range.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/hint.h"
#include "messi/flavour.h"
#include "messi/frame_tap.h"
#include "messi/group.h"
#include "messi/group_key.h"
#include "messi/impl/accepted_link.h"
#include "messi/impl/awaited_room.h"
#include "messi/impl/client_table.h"
#include "messi/impl/groups.h"
#include "messi/impl/shared_holders.h"
#include "messi/impl/slow_readers.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"
#include "messi/log.h"
#include "messi/server_client.h"
#include "messi/session/schema.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "messi/user_status.h"
#include "messi/wire/outbox.h"

namespace messi {

class Admission;
struct Announcement;
class AnyResponder;
class Calls;
struct SchemaMismatch;
class Observation;
class ServerLanes;
class ServerSession;
class ServerSessions;
class SessionLink;
struct Shard;
class Shards;
class Statistics;

/// What becomes of broadcasts that are too much for a client, see ServerOptions::slow_reader.
enum class SlowReader : std::uint8_t {
  kDisconnect,  ///< The client is disconnected, as if the message were for it alone.
  kDropNewest,  ///< They are left out.
  kKeepLatest,  ///< They are left out, but for the latest of each member, which is sent later.
};

struct ServerOptions {
  /// The server drops a client when no byte has arrived from it for this long (kKeepAliveTimeout).
  /// Duration::max(): never.
  Duration client_timeout = std::chrono::seconds(3);
  /// How long the rest of a frame may be waited for when a part of it has arrived (kFrameTooSlow):
  /// this long, and one second more for each 16 KiB that have arrived. It is judged when further
  /// bytes arrive. Duration::max(): for ever.
  Duration frame_timeout = std::chrono::seconds(10);
  /// The server drops a client that pings more often (kTooManyPings). Ten seconds' worth may come
  /// at once: a network or a server that was held up passes on what has piled up. SIZE_MAX: no
  /// limit.
  std::size_t max_pings_per_second = 10;
  /// Further clients are turned away (kTooManyClients).
  std::size_t max_clients = 1024;
  /// Further clients from one address are turned away (kTooManyFromAddress). Of IPv6 the network
  /// counts, the first 64 bits; Unix sockets do not count. SIZE_MAX: no limit, since many devices
  /// may be behind one address.
  std::size_t max_clients_per_address = SIZE_MAX;
  /// Clients that come faster than this are turned away (kTooManyAtOnce); this many may come at
  /// once. SIZE_MAX: no limit.
  std::size_t max_accepts_per_second = SIZE_MAX;
  /// The largest message to send or accept, in encoded bytes. Values above 2^24 - 1, the limit of a
  /// frame, count as 2^24 - 1.
  std::size_t max_payload_size = 1024 * 1024;
  /// How many levels of messages may be nested in a message that arrives, with itself (else
  /// kMessageDecodeError). By default protobuf's own limit. Each level takes stack of the thread.
  int max_decode_depth = 100;
  /// The bound for what waits to be written to one client, in bytes. A message that would exceed it
  /// ends the client's connection, unless nothing is waiting for it. The reason is kSlowReader if
  /// something has been waiting since an earlier turn of the loop, else kTooMuchAtOnce. What waits
  /// takes at most twice this much memory, and 130 KiB.
  std::size_t max_pending_bytes = 4 * 1024 * 1024;
  /// The bound for what waits to be written to all clients together. When it is reached, the client
  /// for which most is waiting is disconnected (kTooMuchQueued), until it holds again. A broadcast
  /// counts for each client, though all share its memory. One message more may wait.
  std::size_t max_total_pending_bytes = 256 * 1024 * 1024;
  /// What happens when a broadcast does not fit. With kDropNewest and kKeepLatest broadcasts take
  /// at most three quarters of `max_pending_bytes`, and for clients that have not read what was
  /// sent in earlier turns, of `max_total_pending_bytes`. The rest is for messages to one client
  /// alone. From the first that does not fit (`on_client_behind`) until less than half is waiting
  /// (`on_client_writable`), broadcasts are left out for that client. What kKeepLatest keeps counts
  /// as waiting, and takes at most `max_pending_bytes` more; else the client is disconnected
  /// (kSlowReader).
  SlowReader slow_reader = SlowReader::kDisconnect;
  /// How long a client may wait for the answer to `on_authenticate`; then it is refused
  /// (kUnauthenticated). If its first message waits as well, up to a second longer.
  Duration authentication_timeout = std::chrono::seconds(5);
  /// The largest message that may arrive before the answer, in encoded bytes.
  std::size_t max_payload_before_accept = 4096;
  /// At most this many calls to one client are open; another one gets kResourceExhausted. To a
  /// client that does not know calls, one whose time is up counts until its answer comes.
  std::size_t max_open_calls = 1024;
  /// The longest time that `stop` and `disconnect` wait for a client to read what was sent. Zero:
  /// they are `stop_now` and `disconnect_now`.
  Duration linger = std::chrono::seconds(5);
  /// Whether clients may have sessions: what is sent is delivered exactly once and in order, across
  /// connections. With kRequired clients without one are refused (kRefused). What is not
  /// acknowledged counts as waiting: `max_pending_bytes` and `max_total_pending_bytes` bound it.
  SessionMode session = SessionMode::kOff;
  /// Whether clients are asked to introduce themselves: then they may send an `auth_token`. Implied
  /// by `session`.
  bool handshake = false;
  /// How long a client that says nothing is asked, until it is taken for one that does not know
  /// the question. Zero: it is greeted at once.
  Duration offer_wait = std::chrono::seconds(1);
  /// How long a session waits for its client to come back; then it is lost (kSessionLost).
  Duration session_timeout = std::chrono::seconds(30);
  SocketOptions socket;
  /// The permissions of a Unix socket's file, such as 0600. By default what the umask leaves.
  std::optional<unsigned> unix_mode;
  /// Counts what happens, to be read by any thread; several clients and servers may share it. See
  /// doc/observability.md, also for the next two.
  std::shared_ptr<Statistics> statistics;
  /// Gets a line about each event of connections.
  LogHook log;
  /// Gets each frame that connections carry, for debugging.
  FrameTap frame_tap;
};

/// The base class of generated servers.
///
/// Threads: the loop's thread only. From other threads, use `EventLoop::post`, or a Sender.
/// Hooks: the loop calls them, never from within a call of yours. Every call is legal in a hook.
/// Destroying this server in its own hook is a bug, which is asserted; post it instead. An
/// exception leaves the loop, and ends the connection of the client that the hook was called for
/// (kGeneralError).
/// Delivery: in order to each client. No message is lost while its connection lives, nor when
/// `stop` or `disconnect` ends it and the client keeps reading.
class ServerBase : private ListenHandler {
 public:
  ServerBase(const ServerBase&) = delete;
  ServerBase& operator=(const ServerBase&) = delete;

  /// Listens at the URI. Fails if the URI is malformed, options contradict each other, or the
  /// system refuses; the message says why. Waits up to 5 s for the addresses of a host name. No-op
  /// if started.
  UserStatus start();

  /// Stops listening, and disconnects all clients in order, see ServerClient::disconnect.
  /// `on_client_disconnected(client, kStopped)` follows for each. No-op if stopped.
  void stop();

  /// Like `stop`, but does not wait for clients to read what was sent, also not for those that are
  /// being disconnected already.
  void stop_now();

  /// Lets all clients go without losing anything; for a server that is to be replaced. Stops
  /// listening, and tells each client, behind what it was sent. What the client has sent is still
  /// handled, and may be answered, until it has ended its side. Then what waits for it is written,
  /// and `on_client_disconnected(client, kDraining)` follows. A client that does not understand it,
  /// such as the original's, sees the end of the stream at half of the deadline. At the deadline
  /// everything that is left is closed. Called again, the new deadline counts. `stop` ends it.
  void drain(Duration deadline);

  /// True when nothing is left to happen: the server does not listen, and no client is left.
  bool stopped() const { return listener_ == nullptr && table_.size() == 0; }

  /// The URI that clients connect to, with the port that the system chose if the given URI has port
  /// 0. While stopped: the given URI.
  std::string uri() const { return listener_ ? listener_->uri() : uri_; }
  /// The port; 0 while stopped, or if the transport has none.
  std::uint16_t port() const { return listener_ ? listener_->port() : std::uint16_t{0}; }

  /// The number of connected clients.
  std::size_t client_count() const { return table_.size() - hidden_count_; }
  const ServerOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }

  /// The client whose message is being handled; null outside of message hooks.
  ServerClient* current_client() { return current_; }

 protected:
  ServerBase(EventLoop& loop, std::string uri, ServerOptions options);
  MESSI_INLINE virtual ~ServerBase();

  /// A connection from `peer_address` has been accepted. Returns whether it becomes a client; false
  /// turns it away (kRefused) before anything is read from it.
  virtual bool on_client_arriving(const std::string& /*peer_address*/) { return true; }

  /// A connection was turned away. kRefused: `on_client_arriving` returned false. kTooManyClients:
  /// the server is full, or the process has no descriptor left (then `peer_address` is "").
  /// kTooManyFromAddress, kTooManyAtOnce: see ServerOptions.
  /// kUnauthenticated: `on_authenticate` was answered with `refuse`, or not in time. Other reasons:
  /// the connection has ended before that was answered.
  virtual void on_client_refused(const std::string& /*peer_address*/, DisconnectReason /*reason*/) {
  }

  /// A connection has ended before it was a client, since its handshake went wrong, such as that of
  /// TLS. `why` says what was wrong.
  virtual void on_handshake_failed(const std::string& /*peer_address*/, const UserStatus& /*why*/) {
  }

  // For generated code of a protocol with requests and replies.
  virtual bool has_calls() const { return false; }
  /// The hook of a request follows.
  bool begin_request(std::uint32_t member) {
    request_.set_member(member);
    return true;
  }
  /// Gives the reply `message` to the call that waits for it; false if there is none.
  bool take_answer(ServerClient& client, std::uint32_t member, const void* message) {
    return !calls_.empty() && give_answer(client, member, message);
  }

  // For generated code.
  template <typename Client>
  ClientRange<Client> clients_as() {
    return ClientRange<Client>(table_);
  }
  ServerClient* find_client_base(std::uint64_t id) {
    ServerClient* const client = table_.find(id);
    return client != nullptr && client->connected() ? client : nullptr;
  }
  ServerClient* find_arriving_base(std::uint64_t id);
  template <typename Group>
  Group group_as(const GroupKey& key) {
    return Group(*this, key);
  }
  template <typename Group>
  std::vector<Group> groups_as(const ServerClient& client) {
    std::vector<Group> groups;
    groups_.for_each_of(client.id(),
                        [&](const GroupKey& key) { groups.push_back(Group(*this, key)); });
    return groups;
  }

 private:
  friend class AcceptedLink;
  friend class GroupBase;
  friend class ServerCalls;
  friend class ServerClient;
  friend class ServerClientLanes;
  friend class ServerLaterAnswers;
  friend class ServerSession;
  friend class ServerSessions;
  friend class SessionLink;
  friend class ShardedBase;
  friend class Shards;
  friend struct codec::Access;

  // False if a message of `payload_size` bytes is too big.
  bool can_broadcast(std::size_t payload_size) const { return shared_.accepts(payload_size); }
  // Space for such a message; null if there are no clients. Fill it at once, then pass it on with
  // `end_broadcast` to all but `except`, or forget it.
  std::uint8_t* begin_broadcast(std::size_t payload_size);
  void end_broadcast(std::uint32_t field, std::size_t payload_size, const ServerClient* except);
  // The same for `members` of a group.
  std::uint8_t* begin_group_message(std::size_t members, std::size_t payload_size);
  void end_group_message(const GroupKey& key, std::uint32_t field, std::size_t payload_size,
                         const GroupExcept& except);
  void pass_to_all(std::uint32_t field, wire::SharedFrame frame, const ServerClient* except);
  void pass_to_group(const Groups::Group& group, std::uint32_t field, wire::SharedFrame frame,
                     const GroupExcept* except);
  std::uint8_t* reserve_shared(std::size_t payload_size);
  // Whether a frame for so many clients may be too much, for one of them or for all together.
  bool may_be_too_much(const wire::SharedFrame& frame, std::size_t clients) const {
    return options_.slow_reader != SlowReader::kDisconnect || sessions_ != nullptr ||
           !total_fits((frame.end - frame.begin) * clients);
  }
  // `for_each` calls a function for each of the clients. Of what is left out, the latest of each
  // `kind` may be kept.
  template <typename ForEach>
  void offer_shared(std::uint64_t kind, wire::SharedFrame frame, const ForEach& for_each);
  void leave_out(std::uint64_t kind, const wire::SharedFrame& frame, AcceptedLink& link,
                 wire::Buffer*& copy);
  void note_dropped(SlowReaders::Row& row);
  bool catch_up(AcceptedLink& link, std::size_t most);
  // While some are left out: what all take of the bounds, for a client and for all together.
  std::size_t most_for_broadcasts() const { return settings_.max_pending_bytes / 4 * 3; }
  bool crowded(std::size_t more) const {
    return settings_.pending + more > options_.max_total_pending_bytes / 4 * 3;
  }
  bool half_full() const { return settings_.pending > options_.max_total_pending_bytes / 2; }
  // Disconnects those for whom most is waiting, until `more` bytes fit.
  void keep_total(std::size_t more) {
    if (!total_fits(more)) drop_slowest(more);
  }
  void drop_slowest(std::size_t more);
  bool total_fits(std::size_t more) const {
    return settings_.pending + more <= options_.max_total_pending_bytes;
  }
  // Null if it has none.
  ServerSession* session_of(const AcceptedLink& link) const;
  wire::Outbox* outbox_of(AcceptedLink& link);
  bool is_detached(const AcceptedLink& link) const;
  bool is_told_detached(const AcceptedLink& link) const;
  bool is_low(const AcceptedLink& link) const;
  bool poll_writable(AcceptedLink& link);
  std::size_t kept_bytes(const AcceptedLink& link) const;
  std::size_t pending_bytes(const AcceptedLink& link);

  // What other threads send to a client.
  void take_lanes(const AcceptedLink& link, wire::Outbox* outbox);

  // Generated code makes these typed.
  virtual std::unique_ptr<ServerClient> make_client(ServerClient::Init init) = 0;
  virtual void client_arrived(ServerClient& client) = 0;
  virtual void client_connected(ServerClient& client) = 0;
  virtual void client_disconnected(ServerClient& client, DisconnectReason reason) = 0;
  virtual void client_detached(ServerClient& client, DisconnectReason reason) = 0;
  virtual void client_resumed(ServerClient& client, std::uint64_t replayed) = 0;
  virtual void client_session_lost(ServerClient& client, const SessionLoss& loss) = 0;
  virtual bool accepts_schema(ServerClient& client, const SchemaMismatch& mismatch) = 0;
  virtual void client_writable(ServerClient& client) = 0;
  virtual void client_behind(ServerClient& client) = 0;
  /// Calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(ServerClient& client, std::string_view payload) = 0;

  /// For generated code: what matters of the schema on the wire.
  virtual const session::Schema& protocol_schema() const = 0;

  // ListenHandler
  MESSI_INLINE void handle_accept(std::unique_ptr<Stream> stream) override;
  MESSI_INLINE void handle_failed(const PeerInfo& peer, const Status& why) override;
  MESSI_INLINE void handle_out_of_descriptors() override;

  // Runs hooks. They must not destroy this object.
  template <typename Hook>
  void in_hook(Hook&& hook) {
    in_hook_ = true;
    const Finally after([this] { in_hook_ = false; });
    hook();
  }
  // The same for a hook of which the observation is told before.
  template <typename Note, typename Hook>
  void in_hook(Note&& note, Hook&& hook);
  // Runs hooks about a client, whose link ends if one throws.
  template <typename Hook>
  void in_hook_of(AcceptedLink& link, Hook&& hook);
  template <typename Note, typename Hook>
  void in_hook_of(AcceptedLink& link, Note&& note, Hook&& hook);

  // As one of several servers: impl/shard.h.
  static std::shared_ptr<Admission> make_admission(const ServerOptions& options);
  void be_shard(std::shared_ptr<Shards> all, std::size_t index);
  void leave_shards();
  void publish_size();
  std::size_t clients_of_all() const;
  void make_place_elsewhere();
  bool others_have_clients() const;
  void announce(std::uint32_t field, const wire::SharedFrame& frame, const GroupKey* group);
  void take(const Announcement& announcement);
  void miss_announcements();

  AcceptedLink& begin_link(std::unique_ptr<Stream> stream);
  std::uint64_t next_id() { return last_id_ += id_step_; }
  std::string origin_of(const AcceptedLink& link) const;
  void refuse(Stream& stream, DisconnectReason reason);
  void refuse(AcceptedLink& link, std::string_view text);
  void arrive(AcceptedLink& link);
  void accept(AcceptedLink& link, std::string_view principal);
  void greet(AcceptedLink& link);
  void tell_connected(ServerClient& client);
  void tell_refused(std::uint64_t connection, const std::string& address, DisconnectReason reason);
  void handle_readable(AcceptedLink& link);
  bool dispatch_from(AcceptedLink& link, std::string_view payload);
  bool dispatch_introduced(SessionLink& link, ServerSession* session, std::string_view payload);
  void close(AcceptedLink& link, DisconnectReason reason, Hint hint = Hint::kNone);
  void end(AcceptedLink& link, DisconnectReason reason);
  void leave(AcceptedLink& link);
  void end_now(AcceptedLink& link, DisconnectReason reason);
  void give_up(AcceptedLink& link, DisconnectReason reason);
  void pause(AcceptedLink& link);
  void resume(AcceptedLink& link);
  void pause_when_greeted(AcceptedLink& link, bool pauses);
  bool is_paused(const AcceptedLink& link) const;
  void wait_for_resume(AcceptedLink& link);
  void wait_in(DeadlineQueue<AcceptedLink>& queue, AcceptedLink& link);
  void needs_settling(AcceptedLink& link);
  void settle();
  void settle(AcceptedLink& link);
  void tell_of_room();
  void handle_over(AcceptedLink& link);
  void handle_resumed(AcceptedLink& link);
  void handle_timer();
  void handle_drain(TimePoint now);
  void set_timer();

  // For calls: impl/server_calls.h.
  Calls* find_calls(const ServerClient& client) const;
  Calls& calls_to(ServerClient& client);
  std::uint64_t last_sent_to(ServerClient& client) const;
  bool give_answer(ServerClient& client, std::uint32_t member, const void* message);
  AnyResponder keep_request(std::uint32_t request, std::uint32_t answering, calls::SendAnswer send);
  bool hear_call(SessionLink& link, std::string_view payload);
  void end_calls(AcceptedLink& link, DisconnectReason reason);

  EventLoop& loop_;
  const std::string uri_;
  const ServerOptions options_;
  const ServerSettings settings_;
  const std::unique_ptr<Observation> observation_;  // null if nobody wants to know
  Task settle_;  // at the end of the turn: writes what was sent, finishes what has ended
  Timer timer_;  // the first deadline of the queues
  std::unique_ptr<Listener> listener_;
  ClientTable table_;
  std::shared_ptr<Admission> admission_;
  std::unique_ptr<Shard> shard_;  // null if this server is alone
  SlowReaders slow_readers_;
  AwaitedRoom awaited_room_;
  Groups groups_;
  DeadlineQueue<AcceptedLink> silence_;   // to be heard
  DeadlineQueue<AcceptedLink> paused_;    // to be told that the server lives
  DeadlineQueue<AcceptedLink> ending_;    // to have read everything
  DeadlineQueue<AcceptedLink> arriving_;  // to be accepted
  std::size_t hidden_count_ = 0;          // links that are arriving or ending
  TimePoint drain_half_ = TimePoint::max();
  TimePoint drain_end_ = TimePoint::max();
  std::uint64_t last_id_ = 0;
  std::uint64_t id_step_ = 1;
  std::vector<AcceptedLink*> unsettled_;
  std::vector<AcceptedLink*> settling_;
  ServerClient* current_ = nullptr;
  calls::CurrentRequest request_;
  std::unordered_map<std::uint64_t, std::shared_ptr<Calls>> calls_;  // by the id of their client
  std::unique_ptr<calls::LaterAnswers> later_;                       // null if there were none
  bool in_hook_ = false;

  wire::SharedFrames shared_;           // broadcasts
  SharedHolders holders_;               // of their buffer
  std::unique_ptr<ServerLanes> lanes_;  // null if there are no senders for other threads
  const std::unique_ptr<ServerSessions> sessions_;  // null if clients are not asked for any
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/arrivals.h"
#include "messi/impl/broadcasts.h"
#include "messi/impl/group.h"
#include "messi/impl/introductions.h"
#include "messi/impl/server.h"
#include "messi/impl/server_calls.h"
#include "messi/impl/server_client.h"
#include "messi/impl/server_sessions_impl.h"
#include "messi/impl/shard.h"
#endif

#endif  // MESSI_SERVER_H_

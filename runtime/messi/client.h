#ifndef MESSI_CLIENT_H_
#define MESSI_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/finally.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/calls/current_request.h"
#include "messi/calls/later_answers.h"
#include "messi/connection/attempts.h"
#include "messi/connection/backoff.h"
#include "messi/connection/client_machine.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/hint.h"
#include "messi/flavour.h"
#include "messi/frame_tap.h"
#include "messi/impl/client_session.h"
#include "messi/impl/connected_link.h"
#include "messi/io/address_memory.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/peer_certificate.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"
#include "messi/log.h"
#include "messi/send_result.h"
#include "messi/session/schema.h"
#include "messi/session/schema_mismatch.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "messi/user_status.h"

namespace messi {

class Observation;
class Statistics;

namespace codec {
struct Access;
}  // namespace codec

class AnyResponder;
class Call;
class CallHandler;
class Calls;
class ClientLanes;
class SendLanes;

struct ClientOptions {
  /// The time between pings. It must be less than `pong_timeout`. Zero: never ping, and then
  /// `pong_timeout` must be Duration::max(). The original's server drops a client that has not
  /// pinged for 3 s, and a server of messi one that pings more than 10 times a second.
  Duration ping_interval = std::chrono::seconds(2);
  /// The client gives up the connection when no byte has arrived from the server for this long
  /// (kKeepAliveTimeout). Duration::max(): never.
  Duration pong_timeout = std::chrono::seconds(4);
  /// How long the rest of a frame may be waited for when a part of it has arrived (kFrameTooSlow):
  /// this long, and one second more for each 16 KiB that have arrived. It is judged when further
  /// bytes arrive. Duration::max(): for ever.
  Duration frame_timeout = std::chrono::seconds(10);
  /// The limit for one attempt to connect, with name resolution and all addresses of the host.
  Duration connect_timeout = std::chrono::seconds(5);
  /// Further URIs of the same service. When an attempt fails, or a connection ends before the
  /// server has answered a ping, the client tries the next URI. The first one follows the last.
  std::vector<std::string> more_uris;
  /// Whether to try the URIs in random order, so that many clients spread over many servers.
  bool shuffle_uris = false;
  /// How long to wait between attempts.
  BackoffSettings backoff;
  /// Whether messages outlive the connection on which they were sent, see doc/sessions.md.
  SessionMode session = SessionMode::kOff;
  /// Whether the client says to the server who it is, if the server asks for it, before it is
  /// connected. Sessions and `auth_token` imply it.
  bool handshake = false;
  /// For the server's `on_authenticate`; at most 512 bytes. Only for servers that ask for it, and
  /// everybody on the way reads it, unless there is TLS.
  std::string auth_token;
  /// At most this many calls are open; another one gets kResourceExhausted. With a server that does
  /// not know calls, one whose time is up counts until its answer comes.
  std::size_t max_open_calls = 1024;
  /// The largest message to send or accept, in encoded bytes. Values above 2^24 - 1, the limit of a
  /// frame, count as 2^24 - 1.
  std::size_t max_payload_size = 1024 * 1024;
  /// How many levels of messages may be nested in a message that arrives, with itself (else
  /// kMessageDecodeError). By default protobuf's own limit. Each level takes stack of the thread.
  int max_decode_depth = 100;
  /// The bound for what waits to be written, in bytes. A message that would exceed it ends the
  /// connection, unless nothing is waiting. The reason is kSlowReader if something has been waiting
  /// since an earlier turn of the loop, else kTooMuchAtOnce. In a session: the bound for what was
  /// sent and is not acknowledged. A message that would exceed it ends the session (kSlowReader).
  std::size_t max_pending_bytes = 16 * 1024 * 1024;
  /// The longest time that `stop` waits for the server to read what was sent. Zero: `stop` is
  /// `stop_now`.
  Duration linger = std::chrono::seconds(5);
  SocketOptions socket;
  /// Counts what happens, to be read by any thread; several clients and servers may share it. See
  /// doc/observability.md, also for the next two.
  std::shared_ptr<Statistics> statistics;
  /// Gets a line about each event of connections.
  LogHook log;
  /// Gets each frame that connections carry, for debugging.
  FrameTap frame_tap;
};

/// The base class of generated clients: a connection that is made again whenever it is lost.
///
/// Threads: the loop's thread only. From other threads, use `EventLoop::post`, or a Sender.
/// Hooks: the loop calls them, never from within a call of yours. Every call is legal in a hook.
/// Destroying this client in its own hook is a bug, which is asserted; post it instead. An
/// exception leaves the loop, and ends the connection (kGeneralError).
/// Delivery: in order. No message is lost while the connection lives, nor when `stop` ends it and
/// the server keeps reading. Messages in flight when the connection breaks may be lost, as with
/// TCP. Messages sent while there is no connection are dropped.
/// With sessions: exactly once and in order, whatever happens to connections, unless
/// `on_session_lost` comes. Messages sent without a connection are kept for the next one.
class ClientBase : private StreamHandler, private ConnectHandler {
 public:
  ClientBase(const ClientBase&) = delete;
  ClientBase& operator=(const ClientBase&) = delete;

  /// Connects, and reconnects whenever the connection is lost, until `stop`. No-op if started. A
  /// malformed URI, or options that contradict each other, are reported to `on_connect_failure` as
  /// kInvalidArgument. If an earlier `stop` is still under way, the client connects when that is
  /// done.
  void start();

  /// Ends the connection in order, and all attempts. No further message is sent or received.
  /// Messages sent before still arrive if the server keeps reading, see ClientOptions::linger. When
  /// that is done, `on_disconnected(kStopped)` comes, if there was a connection. No-op if stopped.
  void stop() { close(options_.linger); }

  /// `stop` with another `linger`. In a session, `stop` and `close` wait until the server has
  /// handled everything. Without a connection they go on trying to get one until `linger` is over.
  /// Whether all was handled, `unacknowledged` says in `on_disconnected`.
  void close(Duration linger);

  /// Like `stop`, but at the end of the loop's turn. What the system has not taken by then, or not
  /// sent yet, is lost. Also ends a `stop` that is under way.
  void stop_now();

  /// True when nothing is left to happen: after `stop`, or after `on_connect_failure` has returned
  /// nothing. `loop.run_until([&] { return client.stopped(); })` runs a program until then.
  bool stopped() const {
    return machine_.state() == connection::ClientState::kStopped && !has_session_end();
  }

  /// No message reaches a hook until `resume`, or until the end of the connection. Input waits in
  /// the system, so in the end the server cannot send any more. The client does not give up a
  /// server that is silent meanwhile.
  void pause();
  void resume();
  bool paused() const {
    return sessions_ ? sessions_->paused : link_ && link_->paused() && !link_->resuming();
  }

  /// True from `on_connected` until the connection is lost or given up. In a session: until the
  /// session is, also while there is no connection.
  bool connected() const {
    return sessions_ ? session_connected() : link_.has_value() && !link_->closed();
  }

  /// Whether there is a session and no connection that carries it: from `on_detached` until
  /// `on_resumed` or `on_disconnected`.
  bool detached() const;

  /// The messages of a session that were sent and that the server is not known to have handled,
  /// and those that wait for a session. 0 without sessions.
  std::uint64_t unacknowledged();

  /// Bytes that were sent and that the system has not taken yet. In a session: that the server has
  /// not acknowledged.
  std::size_t pending_bytes() const {
    return sessions_ ? session_bytes() : link_ ? link_->pending_bytes() : 0;
  }

  /// How many answers have come when their calls were over: in this session, or without sessions
  /// in all connections.
  std::uint64_t late_answers() const;

  /// The URI that is connected to, or tried next.
  const std::string& uri() const { return attempts_.uri(); }

  /// In `on_disconnected`: a sentence with more than the reason says, such as "The peer seems to
  /// speak HTTP.", or "". It may be the server's: at most 96 bytes of UTF-8, without control
  /// characters.
  std::string_view disconnect_hint() const { return hint_; }

  /// What the server's certificate says, for as long as the client is connected; null without a
  /// connection or without TLS.
  const PeerCertificate* peer_certificate() const {
    return link_ ? link_->peer().certificate.get() : nullptr;
  }

  /// The socket, to set or read its options; -1 while there is none. Do not close it, read from it
  /// or write to it.
  int native_handle() const { return link_ ? link_->native_handle() : -1; }

  const ClientOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }

 protected:
  ClientBase(EventLoop& loop, std::string uri, ClientOptions options);
  MESSI_INLINE virtual ~ClientBase();

  /// The connection is up; from now on messages are sent and received.
  virtual void on_connected() {}

  /// The connection is down. The client reconnects by itself, unless it was stopped.
  virtual void on_disconnected(DisconnectReason /*reason*/) {}

  /// An attempt to connect has failed. Returns how long to wait before the next attempt, or
  /// nothing, which stops the client. By default: no wait while URIs have not been tried, then
  /// exponential backoff with jitter. For an error that can never pass (kInvalidArgument) it prints
  /// a line on stderr and returns nothing.
  MESSI_INLINE virtual std::optional<Duration> on_connect_failure(const UserStatus& error);

  /// The server's schema is not that of this client, before `on_connected`. Returns whether to go
  /// on; false is a failed attempt (kFailedPrecondition). Only servers that ask for introductions
  /// say what they have, and only to a client that introduces itself.
  virtual bool on_schema_mismatch(const SchemaMismatch& /*mismatch*/) { return true; }

  /// Less than half of `max_pending_bytes` is waiting, after it was more.
  virtual void on_writable() {}

  /// The connection is down, and the session goes on: what is sent now is kept. The client
  /// reconnects by itself.
  virtual void on_detached(DisconnectReason /*reason*/) {}

  /// The session goes on in a new connection. `replayed` messages are sent again, which the server
  /// has not handled.
  virtual void on_resumed(std::uint64_t /*replayed*/) {}

  /// The session has ended, and not everything was handled, or that is not known.
  /// `on_disconnected` follows, if `on_connected` has come before.
  virtual void on_session_lost(const SessionLoss& /*loss*/) {}

  /// Any message, before its own hook or on_unknown_message. False drops the message.
  virtual bool on_any_message(std::uint32_t /*field_number*/) { return true; }

  /// The server has sent a message that this client's schema does not have.
  virtual void on_unknown_message(std::uint32_t /*field_number*/) {}

  /// For generated code: calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(std::string_view payload) = 0;

  /// For generated code: what matters of the schema on the wire.
  virtual const session::Schema& protocol_schema() const = 0;

  // For generated code of a protocol with requests and replies.
  virtual bool has_calls() const { return false; }
  /// The hook of a request follows.
  bool begin_request(std::uint32_t member) {
    request_.set_member(member);
    return true;
  }
  /// Gives the reply `message` to the call that waits for it; false if there is none.
  bool take_answer(std::uint32_t member, const void* message) {
    Calls* const calls = heard_calls();
    return calls != nullptr && give_answer(*calls, member, message);
  }

 private:
  friend struct codec::Access;
  friend class ClientCalls;
  friend class ClientLaterAnswers;
  friend class ClientLanes;
  friend class ClientSession;
  friend class ConnectedLink;
  friend class Sender;

  // The way out for messages; null without a connection. What is sent is written at the end of
  // the turn.
  wire::Outbox* outbox();
  wire::Outbox* outbox_to_ask() { return outbox(); }
  // The same, but nothing is sent yet.
  wire::Outbox* open_outbox();

  // What other threads send.
  std::shared_ptr<SendLanes> make_lanes();
  void tend_lanes();

  // StreamHandler and ConnectHandler
  MESSI_INLINE void handle_readable() override;
  MESSI_INLINE void handle_writable() override;
  MESSI_INLINE void handle_stream(std::unique_ptr<Stream> stream) override;
  MESSI_INLINE void handle_no_stream(const Status& why) override;

  // For messi::coro: `stopped()` is true now. It comes from within any call, perhaps again.
  virtual void handle_stopped() {}

  // Runs hooks. They must not destroy this object.
  template <typename Hook>
  void in_hook(Hook&& hook) {
    in_hook_ = true;
    bool threw = true;
    const Finally after([&] {
      in_hook_ = false;
      if (threw && link_) close_link(DisconnectReason::kGeneralError, Hint::kHookThrew);
    });
    hook();
    threw = false;
  }

  // The same for a hook of which the observation is told before.
  template <typename Note, typename Hook>
  void in_hook(Note&& note, Hook&& hook);

  // What the actions of the machine need from their event.
  struct EventDetail {
    Duration delay;           // kRetry, kLost: until the next attempt, at least
    DisconnectReason reason;  // kEnded, kLost
    const Status* error;      // kNoStream, kLost
  };
  void handle_event(connection::ClientEvent event, const EventDetail& detail = {});
  void perform_action(connection::ClientAction action, const EventDetail& detail);
  bool consistent() const;

  void connect();
  void ask_how_to_go_on(const EventDetail& detail);
  void serve_link();
  void tend_link();
  void linger_on_link();
  void settle();
  void handle_over();
  Duration delay_after_end(DisconnectReason reason);
  void handle_resumed();
  void set_timer();
  void close_link(DisconnectReason reason, Hint hint = Hint::kNone);
  void tell(DisconnectReason reason);
  void tell_disconnected(DisconnectReason reason);

  // For clients that introduce themselves: impl/client_introduction.h, impl/client_sessions.h.
  bool wants_session() const { return options_.session != SessionMode::kOff; }
  bool in_state(connection::ClientState state) const { return machine_.state() == state; }
  wire::Outbox* open_session_outbox();
  bool session_connected() const;
  bool has_session_end() const;
  std::size_t session_bytes() const;
  bool receive(std::string_view payload);
  void settle_with_sessions();
  void settle_introduction();
  void answer_offer();
  void handle_welcome(const wire::Welcome& welcome);
  void go_without_session();
  bool accepts_schema(const session::PeerSchema& schema);
  void begin_session(const wire::Welcome& welcome);
  void fail_introduction(StatusCode code, std::string_view why);
  void tend_session(ClientSession& session);
  void handle_session_close(const wire::CloseFrame& frame);
  void lose_session(const ClientSessionEnd& end, std::optional<wire::CloseCode> code);
  DisconnectReason leave_session(DisconnectReason reason);
  void tell_of_link(DisconnectReason reason);
  TimePoint session_deadline();
  ClientSession* carried_session();
  std::unique_ptr<ClientSession> renew_session();
  void end_session(std::unique_ptr<ClientSession> session, const ClientSessionEnd& end);
  void end_current_session(const ClientSessionEnd& end);
  void tell_ends();
  void begin_closing(Duration linger);
  void finish_closing(connection::ClientEvent how);

  // For calls: impl/client_calls.h.
  std::shared_ptr<Calls>& own_calls();
  const std::shared_ptr<Calls>& own_calls() const;
  Calls* heard_calls();
  bool peer_knows_calls() const;
  bool prepare_call();
  Call begin_call(std::uint32_t answering, SendResult sent, Duration timeout, CallHandler handler);
  bool give_answer(Calls& calls, std::uint32_t member, const void* message);
  std::optional<std::uint64_t> find_request(std::uint32_t member) const {
    return request_.find(member);
  }
  void take_request();
  AnyResponder keep_request(std::uint32_t request, std::uint32_t answering, calls::SendAnswer send);
  bool hear_call(std::string_view payload);
  void end_calls(Calls* calls, DisconnectReason reason);

  EventLoop& loop_;
  const ClientOptions options_;
  const connection::ConnectionSettings settings_;
  const std::unique_ptr<Observation> observation_;  // null if nobody wants to know
  connection::ClientMachine machine_;
  bool in_hook_ = false;
  std::string hint_;  // of the last connection that ended
  connection::Attempts attempts_;
  AddressMemory addresses_;  // which addresses of the hosts have failed
  Task settle_;  // at the end of the turn: writes what was sent, or finishes what has ended
  Timer timer_;  // its purpose depends on the state
  Duration linger_;
  std::shared_ptr<ClientLanes> lanes_;        // null: there are no senders for other threads
  std::unique_ptr<ClientSessions> sessions_;  // null: the client does not introduce itself
  std::unique_ptr<Connecting> connecting_;
  std::optional<ConnectedLink> link_;
  TimePoint connected_at_;
  calls::CurrentRequest request_;
  std::shared_ptr<Calls> calls_;                // without a session; null if there were none
  std::unique_ptr<calls::LaterAnswers> later_;  // null if there were none
  std::uint64_t epoch_ = 0;  // grows with each session, or connection without one
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/client.h"
#include "messi/impl/client_calls.h"
#include "messi/impl/client_introduction.h"
#include "messi/impl/client_sessions.h"
#endif

#endif  // MESSI_CLIENT_H_

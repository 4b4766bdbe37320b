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

#include "messi/absl_status.h"
#include "messi/base/finally.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/connection/attempts.h"
#include "messi/connection/backoff.h"
#include "messi/connection/client_machine.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/hint.h"
#include "messi/connection/link.h"
#include "messi/flavour.h"
#include "messi/io/address_memory.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

struct ClientOptions {
  /// How often the server is asked for a sign of life. It must be less than `pong_timeout`. Zero is
  /// never, and then `pong_timeout` must be Duration::max(). The original's server drops a client
  /// that has not pinged for 3 s.
  Duration ping_interval = std::chrono::seconds(2);
  /// The connection is given up when no byte at all came from the server for this long
  /// (kKeepAliveTimeout). Duration::max(): never.
  Duration pong_timeout = std::chrono::seconds(4);
  /// For one attempt to connect, name resolution and all addresses of the host included.
  Duration connect_timeout = std::chrono::seconds(5);
  /// Other URIs of the same service. When one cannot be connected to, or its connection ends before
  /// it has proved itself, the next one is tried, and the first again after the last.
  std::vector<std::string> more_uris;
  /// Whether the URIs are tried in random order, so that many clients spread over many servers.
  bool shuffle_uris = false;
  /// How long to wait between attempts.
  BackoffSettings backoff;
  /// The largest message sent or accepted, in bytes as encoded. A frame holds 2^24 - 1; more than
  /// that means that.
  std::size_t max_payload_size = 1024 * 1024;
  /// The most that waits to be written, in bytes. A message that would exceed it ends the
  /// connection, unless nothing is waiting: with kSlowReader if something has been waiting since an
  /// earlier turn of the loop, else with kTooMuchAtOnce.
  std::size_t max_pending_bytes = 16 * 1024 * 1024;
  /// How long `stop` waits at the most for the server to read what was sent to it.
  Duration linger = std::chrono::seconds(5);
  SocketOptions socket;
};

/// What generated clients derive from: a connection that is made again whenever it is lost.
///
/// Threads: the loop's only; from others, `EventLoop::post`.
/// Hooks: come from the loop, never from within a call of yours. In a hook anything is legal but
/// destroying this very client, which is a bug and asserted; post it instead. An exception leaves
/// the loop, and ends the connection (kGeneralError).
/// Delivery: in order, and no message is lost while the connection lives, nor when `stop` ends it
/// and the server goes on reading. What is under way when it breaks may be lost, as with TCP, and
/// what is sent while there is none is dropped.
class ClientBase : private StreamHandler, private ConnectHandler {
 public:
  ClientBase(const ClientBase&) = delete;
  ClientBase& operator=(const ClientBase&) = delete;

  /// Connects, and connects again whenever the connection is lost, until `stop`. No-op when
  /// started. A URI of the wrong form, or options that contradict each other, come to
  /// `on_connect_failure` as kInvalidArgument. While an earlier `stop` is still under way, the new
  /// connection begins when that is done.
  void start();

  /// Ends the connection in good order, and all attempts: no further message is sent or comes, and
  /// what was sent before still arrives if the server goes on reading, see ClientOptions::linger.
  /// When that is done, `on_disconnected(kStopped)` comes, if there was a connection. No-op when
  /// stopped.
  void stop();

  /// As `stop`, but at the end of the loop's turn; what the system has not taken by then, or not
  /// sent yet, is lost. Also cuts a `stop` short.
  void stop_now();

  /// True when nothing is left to happen: after `stop`, or after `on_connect_failure` has returned
  /// nothing. `loop.run_until([&] { return client.stopped(); })` runs a program until then.
  bool stopped() const { return machine_.state() == connection::ClientState::kStopped; }

  /// From now on no message comes, until `resume`; what is on its way stays there, and in the end
  /// the server's own sending waits. The server is not given up for being silent. Lasts no longer
  /// than the connection.
  void pause();
  void resume();
  bool paused() const { return link_ && link_->paused() && !link_->resuming(); }

  /// True from `on_connected` until the connection is lost or given up.
  bool connected() const { return link_.has_value() && !link_->closed(); }

  /// Bytes that were sent and that the system has not taken yet.
  std::size_t pending_bytes() const { return link_ ? link_->pending_bytes() : 0; }

  /// The URI that is connected to, or tried next.
  const std::string& uri() const { return attempts_.uri(); }

  /// In `on_disconnected`: what more is known than the reason says, as a sentence, such as "The
  /// peer seems to speak HTTP."; "" if nothing is.
  std::string_view disconnect_hint() const { return to_string(hint_); }

  /// The socket, to set or ask what messi has no word for; -1 while there is none. Not to be
  /// closed, read from or written to.
  int native_handle() const { return link_ ? link_->native_handle() : -1; }

  const ClientOptions& options() const { return options_; }
  EventLoop& loop() { return loop_; }

 protected:
  ClientBase(EventLoop& loop, std::string uri, ClientOptions options);
  MESSI_INLINE virtual ~ClientBase();

  /// The connection is up; from now on messages are sent and received.
  virtual void on_connected() {}

  /// The connection is down. The next attempt follows by itself, unless the client was stopped.
  virtual void on_disconnected(DisconnectReason /*reason*/) {}

  /// An attempt to connect has failed. Returns after how long to try again; nothing for never,
  /// which stops the client. By default: the next URI at once, exponential backoff with jitter
  /// after the last, and for what can never work (kInvalidArgument) a line on stderr and no further
  /// attempt.
  MESSI_INLINE virtual std::optional<Duration> on_connect_failure(const absl::Status& error);

  /// Half of `max_pending_bytes` is free again after more than that was waiting.
  virtual void on_writable() {}

  /// Any message, before its own hook or on_unknown_message. False drops it.
  virtual bool on_any_message(std::uint32_t /*field_number*/) { return true; }

  /// The server has sent a message that this client's schema does not have.
  virtual void on_unknown_message(std::uint32_t /*field_number*/) {}

  /// For generated code: calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(std::string_view payload) = 0;

 private:
  friend struct codec::Access;

  // Where messages go out; null without a connection. What is sent is written at the end of the
  // turn.
  wire::Outbox* outbox();

  // StreamHandler and ConnectHandler
  MESSI_INLINE void handle_readable() override;
  MESSI_INLINE void handle_writable() override;
  MESSI_INLINE void handle_stream(std::unique_ptr<Stream> stream) override;
  MESSI_INLINE void handle_no_stream(const Status& why) override;

  // Runs hooks, during which this object must stay.
  template <typename Hook>
  void in_hook(Hook&& hook) {
    in_hook_ = true;
    bool threw = true;
    const Finally after([&] {
      in_hook_ = false;
      if (threw && link_) close(DisconnectReason::kGeneralError, Hint::kHookThrew);
    });
    hook();
    threw = false;
  }

  // What the actions of the machine need to know of the event they come from.
  struct EventDetail {
    Duration delay;           // kRetry, kLost: until the next attempt
    DisconnectReason reason;  // kEnded, kLost
    const Status* error;      // kNoStream
  };
  void handle_event(connection::ClientEvent event, const EventDetail& detail = {});
  void perform_action(connection::ClientAction action, const EventDetail& detail);
  bool consistent() const;

  void connect();
  void ask_how_to_go_on(const Status& error);
  void serve_link();
  void tend_link();
  void linger_on_link();
  void settle();
  void handle_over();
  void handle_resumed();
  void set_timer();
  void close(DisconnectReason reason, Hint hint = Hint::kNone);

  EventLoop& loop_;
  const ClientOptions options_;
  const connection::ConnectionSettings settings_;
  connection::ClientMachine machine_;
  bool in_hook_ = false;
  Hint hint_ = Hint::kNone;
  connection::Attempts attempts_;
  AddressMemory addresses_;  // of the hosts, which have failed
  Task settle_;  // at the end of the turn: write what was sent, or finish what has ended
  Timer timer_;  // what for, the state says
  std::unique_ptr<Connecting> connecting_;
  std::optional<connection::Link> link_;
  TimePoint connected_at_;
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/client.h"
#endif

#endif  // MESSI_CLIENT_H_

#ifndef MESSI_CLIENT_H_
#define MESSI_CLIENT_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/channel.h"
#include "messi/flavour.h"
#include "messi/io/address_memory.h"
#include "messi/io/event_loop.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"
#include "messi/session/backoff.h"
#include "messi/session/connection.h"
#include "messi/session/disconnect_reason.h"
#include "messi/session/time.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

struct ClientOptions {
  /// How often the server is asked for a sign of life; zero: never. The original's server drops a
  /// client that has not pinged for 3 s.
  Duration ping_interval = std::chrono::seconds(2);
  /// The connection is given up when no byte at all came from the server for this long.
  Duration pong_timeout = std::chrono::seconds(4);
  /// For one attempt to connect, name resolution and all addresses of the host included.
  Duration connect_timeout = std::chrono::seconds(5);
  /// How long to wait between attempts.
  BackoffSettings backoff;
  /// The largest message sent or accepted, in bytes as encoded. A frame holds 2^24 - 1; more than
  /// that means that.
  std::size_t max_payload_size = 1024 * 1024;
  /// The most that waits to be written, in bytes. A message that would exceed it ends the
  /// connection (kSlowReader), unless nothing is waiting.
  std::size_t max_pending_bytes = 16 * 1024 * 1024;
  SocketOptions socket;
};

/// What generated clients derive from: a connection that is made again whenever it is lost.
///
/// Threads: the loop's only; from others, `EventLoop::post`.
/// Hooks: come from the loop, never from within a call of yours. In a hook anything is legal but
/// destroying this very client, which is a bug and asserted; post it instead.
/// Delivery: in order, and no message is lost while the connection lives. What is under way when
/// it breaks may be lost, as with TCP, and what is sent while there is none is dropped.
class ClientBase : private StreamHandler, private ConnectHandler {
 public:
  ClientBase(const ClientBase&) = delete;
  ClientBase& operator=(const ClientBase&) = delete;

  /// Connects, and connects again whenever the connection is lost, until `stop`. No-op when
  /// started. A URI that cannot work comes to `on_connect_failure` as kInvalidArgument.
  void start();

  /// Ends the connection, after writing what can be written at once, and all attempts. If there
  /// was a connection, `on_disconnected(kStopped)` follows. No-op when stopped.
  void stop();

  /// True from `on_connected` until the connection is lost or given up.
  bool connected() const { return channel_.has_value() && !channel_->closed(); }

  /// Bytes that were sent and that the system has not taken yet.
  std::size_t pending_bytes() const { return channel_ ? channel_->pending_bytes() : 0; }

  const std::string& uri() const { return uri_; }
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
  /// which stops the client. By default: exponential backoff with jitter, and for a URI that can
  /// never work (kInvalidArgument) a line on stderr and no further attempt.
  MESSI_INLINE virtual std::optional<Duration> on_connect_failure(const absl::Status& error);

  /// Half of `max_pending_bytes` is free again after more than that was waiting.
  virtual void on_writable() {}

  /// The server has sent a message that this client's schema does not have.
  virtual void on_unknown_message(std::uint32_t /*field_number*/) {}

  /// For generated code: calls the hook for `payload`; false if it cannot be decoded.
  virtual bool dispatch(std::string_view payload) = 0;

 private:
  friend struct codec::Access;

  // See Connection::reserve and Channel::send_gathered.
  std::uint8_t* reserve(std::size_t payload_size);
  void gather(wire::Slice* slices, std::size_t count, std::size_t payload_size);
  void retract(std::size_t payload_size) { channel_->retract(payload_size); }
  // A message cannot be sent, so the connection is given up.
  void refuse(DisconnectReason reason) {
    if (connected()) close(reason);
  }

  // StreamHandler and ConnectHandler
  MESSI_INLINE wire::Spare spare() override;
  MESSI_INLINE void handle_bytes(std::size_t in_spare, std::string_view bytes) override;
  MESSI_INLINE void handle_room() override;
  MESSI_INLINE void handle_end() override;
  MESSI_INLINE void handle_stream(std::unique_ptr<Stream> stream) override;
  MESSI_INLINE void handle_no_stream(const absl::Status& why) override;

  // Runs hooks, during which this object must stay.
  template <typename Hook>
  void in_hook(Hook&& hook) {
    in_hook_ = true;
    hook();
    in_hook_ = false;
  }

  void connect();
  void settle();
  void finish_connection();
  void handle_timer();
  void close(DisconnectReason reason);

  EventLoop& loop_;
  const std::string uri_;
  const ClientOptions options_;
  const ConnectionSettings settings_;
  Backoff backoff_;
  AddressMemory addresses_;  // of the hosts, which have failed
  Task settle_;  // at the end of the turn: write what was sent, or finish what has ended
  Timer timer_;  // the next attempt; or the end of this one; or the connection's next deadline
  bool started_ = false;
  bool in_hook_ = false;
  std::unique_ptr<Connecting> connecting_;
  std::optional<Channel> channel_;
  TimePoint connected_at_;
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/client.h"
#endif

#endif  // MESSI_CLIENT_H_

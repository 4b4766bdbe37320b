#ifndef MESSI_CORO_CLIENT_H_
#define MESSI_CORO_CLIENT_H_

#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/client.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/coro/call.h"
#include "messi/coro/inbox.h"
#include "messi/coro/room.h"
#include "messi/coro/waiters.h"

namespace messi::coro {

/// The part of a Client that generated code derives from, to override the hooks of messages.
template <typename Protocol>
class ClientOf : public Protocol, private Source, private Sink {
  using Inbox = InboxOf<Protocol>;
  template <typename What>
  using Next = typename Inbox::template Next<What>;

 public:
  using Protocol::Protocol;

  /// As the base's.
  void start() {
    if (this->stopped()) failure_ = absl::OkStatus();
    Protocol::start();
  }

  /// What `connected` returns.
  class [[nodiscard]] Connected final : public Waiter {
   public:
    Connected(ClientOf& client, Duration timeout)
        : Waiter(client.connecting_, timeout), client_(client) {}

    /// Whether it is connected now.
    operator bool() const { return client_.Protocol::connected(); }

    bool await_ready() const { return *this; }
    absl::Status await_resume() {
      if (this->orphaned()) return absl::CancelledError("the client was destroyed");
      if (*this) {
        client_.inbox_.acknowledge();
        return absl::OkStatus();
      }
      if (absl::Status status = client_.source_status(); !status.ok()) return status;
      return absl::DeadlineExceededError("no connection in time");
    }

   private:
    bool ready() override { return this->orphaned() || *this || client_.stopped(); }

    ClientOf& client_;
  };

  /// Waits for the connection. OK: there is one. kDeadlineExceeded: not in time. Else the client is
  /// stopped: kCancelled, or what `on_connect_failure` of this class has given up for. If it is
  /// not awaited, it is a bool: whether there is a connection.
  Connected connected(Duration timeout = Duration::max()) { return Connected(*this, timeout); }

  /// Waits for the next message: of the type T, or of any type, then it is a std::variant. Others
  /// wait meanwhile, in order. Several coroutines may wait; the first gets it. What has an answer
  /// is a Request<T>.
  ///
  /// kUnavailable: the connection is over. Each coroutine that waits is told, and what comes next
  /// is of another connection. Who asks later gets what arrived before, is told then, and goes on;
  /// but is not told after somebody has awaited `connected`, unless there was something. In a
  /// session: the session is over. kDeadlineExceeded: not in time. kCancelled: the client is
  /// stopped, or was destroyed. kResourceExhausted: too many messages have come that nobody has
  /// ever asked for.
  template <typename T>
  auto next(Duration timeout = Duration::max()) {
    return Next<Incoming<Protocol, T>>(inbox_, timeout);
  }
  auto next(Duration timeout = Duration::max()) {
    return Next<typename Inbox::Any>(inbox_, timeout);
  }

  /// Waits until at most half of `max_pending_bytes` is waiting to be written. kUnavailable: there
  /// is no connection, or no more. kDeadlineExceeded: not in time. kCancelled: the client is
  /// stopped, or was destroyed.
  Writable writable(Duration timeout = Duration::max()) { return Writable(room_, timeout); }

  /// Waits as `writable`, and sends the message. Several coroutines send in the order in which they
  /// began to wait. kInvalidArgument: it is too big, or cannot be encoded. Of other failures the
  /// same is true: it was not sent.
  template <typename Message>
  auto sent(const Message& message, Duration timeout = Duration::max()) {
    return Sent<Protocol, Message>(room_, this, message, timeout);
  }

  /// Calls, and waits for the answer, as a Result; its status is that of a CallResult. For types
  /// that only one member has. If what waits is destroyed, the call is cancelled. With a callback
  /// it is the call of the base.
  template <typename Request>
  auto call(const Request& request, Duration timeout) {
    return Call<Protocol, Request>(this, request, timeout);
  }
  template <typename Request, typename Callback>
  messi::Call call(const Request& request, Duration timeout, Callback on_result) {
    return Protocol::call(request, timeout, std::move(on_result));
  }

 protected:
  void on_connected() final {
    failure_ = absl::OkStatus();
    inbox_.handle_connected();
    connecting_.wake_all();
  }
  void on_disconnected(DisconnectReason reason) final {
    inbox_.handle_disconnected(reason);
    room_.handle_disconnected();
  }
  void on_writable() final { room_.handle_writable(); }
  std::optional<Duration> on_connect_failure(const absl::Status& error) override {
    const std::optional<Duration> delay = Protocol::on_connect_failure(error);
    if (!delay) failure_ = error;
    return delay;
  }

  template <typename Message>
  void receive(const Message& message) {
    inbox_.push(incoming(*this, message));
  }

 private:
  // ClientBase
  void handle_stopped() final {
    inbox_.handle_status();
    connecting_.wake_all();
  }

  // Source
  void pause_source() override { this->pause(); }
  void resume_source() override { this->resume(); }
  absl::Status source_status() const override {
    if (!this->stopped()) return absl::OkStatus();
    return failure_.ok() ? absl::CancelledError("the client is stopped") : failure_;
  }

  // Sink
  bool has_room() const override {
    return Protocol::connected() && this->pending_bytes() <= this->options().max_pending_bytes / 2;
  }
  absl::Status sink_status() const override {
    if (Protocol::connected()) return absl::OkStatus();
    if (absl::Status status = source_status(); !status.ok()) return status;
    return absl::UnavailableError("there is no connection");
  }

  Inbox inbox_{*this};
  Room room_{*this};
  Waiters connecting_;
  absl::Status failure_;  // that the client has given up for
};

/// A client for coroutines: Client<chat::ChatClient>. What arrives waits until a coroutine asks for
/// it; when much is waiting, the client is paused. In all else it is its base; of the hooks, those
/// of messages, the first two and `on_writable` are taken.
template <typename Protocol>
class Client : public Protocol::Receives::template Relay<ClientOf<Protocol>> {
 public:
  using Protocol::Receives::template Relay<ClientOf<Protocol>>::Relay;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_CLIENT_H_

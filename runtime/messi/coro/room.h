#ifndef MESSI_CORO_ROOM_H_
#define MESSI_CORO_ROOM_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/coro/waiters.h"
#include "messi/send_result.h"

namespace messi::coro {

/// Where messages go.
class Sink {
 public:
  /// There is a connection, and at most half of what may wait to be written does.
  virtual bool has_room() const = 0;
  /// OK, or why nothing can be sent.
  virtual absl::Status sink_status() const = 0;

 protected:
  ~Sink() = default;
};

/// Those who wait until there is room again for what they send. Messages go one after the other:
/// each is tried when the one before it was sent, or given up.
class Room {
 public:
  explicit Room(const Sink& sink) : sink_(sink) {}

  /// There is room again.
  void handle_writable() {
    lookers_.wake_all();
    wake_sender();
  }
  /// The connection is over.
  void handle_disconnected() {
    ++connection_;
    lookers_.wake_all();
    senders_.wake_all();
  }

 private:
  friend class Writable;
  template <typename Sender, typename Message>
  friend class Sent;

  void wake_sender() {
    if (!senders_.empty()) senders_.first()->wake();
  }

  // Why there is no room, for who began to wait in this connection.
  absl::Status why_none(std::uint64_t connection) const {
    if (connection != connection_) return absl::UnavailableError("the connection is over");
    return sink_.sink_status();
  }

  const Sink& sink_;
  std::uint64_t connection_ = 0;
  Waiters senders_;
  Waiters lookers_;  // destroyed, and told, first
};

/// `co_await` waits until there is room.
class [[nodiscard]] Writable final : public Waiter {
 public:
  Writable(Room& room, Duration timeout)
      : Waiter(room.lookers_, timeout), room_(room), connection_(room.connection_) {}

  bool await_ready() const { return room_.sink_.has_room(); }
  absl::Status await_resume() const {
    if (orphaned()) return absl::CancelledError("the client was destroyed");
    if (absl::Status status = room_.why_none(connection_); !status.ok()) return status;
    if (room_.sink_.has_room()) return absl::OkStatus();
    return absl::DeadlineExceededError("no room in time");
  }

 private:
  bool ready() override {
    return orphaned() || room_.sink_.has_room() || !room_.why_none(connection_).ok();
  }

  const Room& room_;
  const std::uint64_t connection_;
};

/// `co_await` sends a message, when there is room for it.
template <typename Sender, typename Message>
class [[nodiscard]] Sent final : public Waiter {
 public:
  /// `sender` is null if there is no connection any more.
  Sent(Room& room, Sender* sender, const Message& message, Duration timeout)
      : Waiter(room.senders_, timeout),
        room_(room),
        connection_(room.connection_),
        sender_(sender),
        message_(message) {}
  ~Sent() { leave_line(); }

  bool await_ready() {
    try_send();
    return result_ == SendResult::kOk;
  }
  absl::Status await_resume() {
    if (result_ == SendResult::kOk) return absl::OkStatus();
    if (orphaned()) return absl::CancelledError("the client was destroyed");
    if (absl::Status status = room_.why_none(connection_); !status.ok()) return status;
    if (result_ == SendResult::kFull) return absl::DeadlineExceededError("no room in time");
    return absl::InvalidArgumentError(std::string(to_string(result_)));
  }

 private:
  bool ready() override {
    if (orphaned() || !room_.why_none(connection_).ok()) return true;
    try_send();
    return result_ != SendResult::kFull;
  }
  // Once it was tried, the sender says when there is room for it.
  void try_send() {
    if (result_ != SendResult::kFull || !room_.sink_.has_room()) return;
    const Waiter* const first = room_.senders_.first();
    if (first != nullptr && first != this) return;
    result_ = sender_->try_send(message_);
    if (result_ != SendResult::kFull) leave_line();
  }
  void leave_line() {
    if (!listed() || orphaned()) return;
    leave();
    room_.wake_sender();
  }

  Room& room_;
  const std::uint64_t connection_;
  Sender* const sender_;
  const Message& message_;
  SendResult result_ = SendResult::kFull;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_ROOM_H_

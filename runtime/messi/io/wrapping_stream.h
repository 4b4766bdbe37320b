#ifndef MESSI_IO_WRAPPING_STREAM_H_
#define MESSI_IO_WRAPPING_STREAM_H_

#include <memory>
#include <optional>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/stream.h"

namespace messi {

/// Hears how a handshake ended: with an OK status the stream may be started. The stream may be
/// destroyed in the call.
class HandshakeHandler {
 public:
  virtual void handle_handshake(const Status& outcome) = 0;

 protected:
  ~HandshakeHandler() = default;
};

/// A stream that stands on another, and has to come to terms with its other end first: TLS on TCP,
/// WebSocket on TLS. A derived class says how to shake hands, to read and to write.
class WrappingStream : public Stream, protected StreamHandler {
 public:
  explicit WrappingStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}

  /// Begins, before `start`. The outcome may come in this call already.
  void shake_hands(HandshakeHandler& handler) {
    handshake_ = &handler;
    if (!inner_->start(*this)) {
      return handler.handle_handshake({StatusCode::kResourceExhausted, "cannot watch the socket"});
    }
    advance();
  }

  bool start(StreamHandler& handler) final {
    handler_ = &handler;
    if (std::exchange(holds_input_, false)) inner_->want_input(true);
    return true;
  }
  bool wait_for_room() override { return inner_->wait_for_room(); }
  void finish() override { inner_->finish(); }
  void want_input(bool wanted) override { inner_->want_input(wanted); }
  PeerInfo peer() const override { return inner_->peer(); }
  int native_handle() const override { return inner_->native_handle(); }

 protected:
  /// A step of the handshake, at first and whenever the inner stream can be read or written:
  /// nothing while it is under way, then how it ended. Never kInvalidArgument.
  virtual std::optional<Status> shake() = 0;

  Stream& inner() { return *inner_; }

  // A stream that holds bytes back writes them first when there is room, and says once more that it
  // can be read while it holds some for its reader.
  void handle_readable() override {
    if (handshake_ != nullptr) return advance();
    if (handler_ != nullptr) return handler_->handle_readable();
    // Not started yet.
    holds_input_ = true;
    inner_->want_input(false);
  }
  void handle_writable() override {
    if (handshake_ != nullptr) return advance();
    if (handler_ != nullptr) handler_->handle_writable();
  }

 private:
  void advance() {
    const std::optional<Status> outcome = shake();
    if (outcome) std::exchange(handshake_, nullptr)->handle_handshake(*outcome);
  }

  std::unique_ptr<Stream> inner_;
  HandshakeHandler* handshake_ = nullptr;  // while it is under way
  StreamHandler* handler_ = nullptr;
  bool holds_input_ = false;
};

}  // namespace messi

#endif  // MESSI_IO_WRAPPING_STREAM_H_

#ifndef MESSI_IO_WRAPPING_STREAM_H_
#define MESSI_IO_WRAPPING_STREAM_H_

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/stream.h"

namespace messi {

/// Gets the result of a handshake: with an OK status the stream may be started. It may destroy the
/// stream in the call.
class HandshakeHandler {
 public:
  virtual void handle_handshake(const Status& outcome) = 0;

 protected:
  ~HandshakeHandler() = default;
};

/// A wrapping stream between two loops. A derived class has what it was, but for the inner stream.
struct MovingWrapper : MovingStream {
  std::unique_ptr<MovingStream> inner;
};

/// A stream over another stream, with a handshake first: TLS over TCP, WebSocket over TLS. A
/// derived class implements the handshake, reading and writing.
class WrappingStream : public Stream, protected StreamHandler {
 public:
  explicit WrappingStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}

  /// Begins the handshake, before `start`. The result may come in this call.
  void shake_hands(HandshakeHandler& handler) {
    handshake_ = &handler;
    if (!inner_->start(*this)) {
      return handler.handle_handshake({StatusCode::kResourceExhausted, "cannot watch the socket"});
    }
    advance();
  }

  /// Goes on after a move, before `start`. False if the system refuses.
  bool go_on() { return inner_->start(*this); }

  bool start(StreamHandler& handler) final {
    handler_ = &handler;
    if (std::exchange(holds_input_, false)) want_input(true);
    return true;
  }
  bool wait_for_room() override { return inner_->wait_for_room(); }
  void finish() override { inner_->finish(); }
  bool holds_output() const override { return inner_->holds_output(); }
  void want_input(bool wanted) override { inner_->want_input(wanted); }
  PeerInfo peer() const override { return inner_->peer(); }
  std::string_view why_ended() const override { return inner_->why_ended(); }
  int native_handle() const override { return inner_->native_handle(); }

 protected:
  /// A step of the handshake, first and whenever the inner stream can be read or written. Returns
  /// nothing while it is under way, then its result. Never kInvalidArgument.
  virtual std::optional<Status> shake() = 0;

  Stream& inner() { return *inner_; }

  // A stream that holds bytes back writes them first when there is room. While it holds bytes for
  // its reader, it reports again that it can be read.
  void handle_readable() override {
    if (handshake_ != nullptr) return advance();
    if (handler_ != nullptr) return handler_->handle_readable();
    // Not started yet.
    holds_input_ = true;
    want_input(false);
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

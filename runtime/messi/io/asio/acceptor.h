#ifndef MESSI_IO_ASIO_ACCEPTOR_H_
#define MESSI_IO_ASIO_ACCEPTOR_H_

#include <cerrno>
#include <chrono>
#include <memory>
#include <utility>

#include "messi/base/finally.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/endpoint.h"
#include "messi/io/asio/operation.h"
#include "messi/io/asio/stream.h"
#include "messi/io/asio/usable.h"
#include "messi/io/network.h"
#include "messi/io/socket_options.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// A listening socket of any kind of stream.
using AsioListening = net::basic_socket_acceptor<net::generic::stream_protocol>;

/// Accepts streams from one listening socket.
class AsioAcceptor final : private OperationHandler {
 public:
  AsioAcceptor(OperationLoop& loop, AsioListening listening, const SocketOptions& options,
               ListenHandler& handler)
      : loop_(loop),
        options_(options),
        handler_(handler),
        listening_(std::move(listening)),
        accepted_(loop.executor()),
        spare_(loop.executor()),
        resume_(loop.loop(), [this] { begin(); }),
        accept_(loop, *this) {
    make_usable(listening_);
    open_spare();
    begin();
  }

 private:
  // The most that one turn accepts, so that many new clients do not starve the connected ones.
  static constexpr int kAcceptsPerTurn = 64;
  static constexpr auto kPauseWhenOutOfMemory = std::chrono::milliseconds(100);

  void begin() {
    listening_.async_accept(accept_.begin([this](const ErrorCode& error, AsioSocket accepted) {
      error_ = error;
      accepted_ = std::move(accepted);
    }));
  }
  // When descriptors have run out, beginning to accept would fail at once, also if nobody waits.
  void wait() {
    listening_.async_wait(AsioListening::wait_read,
                          accept_.begin([this](const ErrorCode& error) { error_ = error; }));
  }
  inline void handle_completed(Operation& operation) override;
  inline void turn_one_away();
  // The socket stays ready, so going on at once would be a busy loop.
  void pause() { resume_.set(loop_.loop().now() + kPauseWhenOutOfMemory); }
  void open_spare() {
    ErrorCode ignored;
    spare_.open(net::ip::tcp::v4(), ignored);
    if (spare_.is_open()) make_usable(spare_);
  }
  OperationLoop& loop_;
  const SocketOptions options_;
  ListenHandler& handler_;
  AsioListening listening_;
  ErrorCode error_;
  AsioSocket accepted_;  // unless there was an error
  AsioSocket spare_;     // closed for a moment when descriptors run out, so that a client can be
                         // accepted and turned away
  Timer resume_;
  Operation accept_;
};

// ---------------------------------------------------------------------------------------------

inline bool out_of_descriptors(const ErrorCode& error) {
  return error == net::error::no_descriptors || errno_of(error) == ENFILE;
}

// Asio accepts one, and the rest is accepted here. The handler may destroy this object.
inline void AsioAcceptor::handle_completed(Operation& operation) {
  const Operation::Life life = operation.life();
  bool few = false;
  const Finally again([&] {
    if (life.over() || resume_.pending()) return;
    few ? wait() : begin();
  });
  // There may be descriptors again since then; and if not, accepting says so.
  if (out_of_descriptors(error_)) error_ = ErrorCode();
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    if (!error_ && !accepted_.is_open()) listening_.accept(accepted_, error_);
    const ErrorCode error = std::exchange(error_, ErrorCode());
    if (!error) {
      AsioSocket accepted = std::move(accepted_);
      ErrorCode gone;
      const AsioEndpoint peer = accepted.remote_endpoint(gone);
      if (gone) continue;  // before it was accepted
      handler_.handle_accept(
          std::make_unique<AsioStream>(loop_, std::move(accepted), peer, options_));
    } else if (not_now(error)) {
      return;
    } else if (out_of_descriptors(error)) {
      // The system looks for a descriptor first, so this does not show that a client waits.
      few = true;
      turn_one_away();
    } else if (error == net::error::no_buffer_space || error == net::error::no_memory) {
      pause();
    }  // else a client was turned away
    if (life.over() || resume_.pending()) return;
  }
}

inline void AsioAcceptor::turn_one_away() {
  if (!spare_.is_open()) open_spare();
  if (!spare_.is_open()) return pause();
  ErrorCode ignored;
  spare_.close(ignored);
  {
    AsioSocket turned_away(loop_.executor());
    listening_.accept(turned_away, error_);
  }
  open_spare();
  if (out_of_descriptors(error_)) return pause();
  if (!error_) handler_.handle_out_of_descriptors();  // it may destroy this object
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_ACCEPTOR_H_

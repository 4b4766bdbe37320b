#ifndef MESSI_IO_NETWORK_H_
#define MESSI_IO_NETWORK_H_

// The source of streams. A network may use another one and wrap its streams.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "messi/base/status.h"
#include "messi/io/address_memory.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi {

class Distribution;

/// How to connect.
struct ConnectOptions {
  SocketOptions socket;
  /// Decides which address of a host to try first, and notes which failed; may be null.
  AddressMemory* memory = nullptr;
};

/// How to listen.
struct ListenOptions {
  SocketOptions socket;
  /// The permissions of a Unix socket's file, such as 0600. By default what the umask leaves.
  std::optional<unsigned> unix_mode;
  /// The listener is one of several that share sockets, each on its own loop; null: it is alone.
  std::shared_ptr<Distribution> distribution = nullptr;
  /// Which of them.
  std::size_t seat = 0;
};

/// Gets the outcome of an attempt to connect, and may destroy the `Connecting` in the call.
class ConnectHandler {
 public:
  virtual void handle_stream(std::unique_ptr<Stream> stream) = 0;
  /// kInvalidArgument: the URI can never work. Other errors may pass.
  virtual void handle_no_stream(const Status& why) = 0;

 protected:
  ~ConnectHandler() = default;
};

/// An attempt to connect. Destroying it ends the attempt; no callback comes afterwards.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

/// Gets the streams that arrive, and may destroy the `Listener` in the call.
class ListenHandler {
 public:
  virtual void handle_accept(std::unique_ptr<Stream> stream) = 0;
  /// A stream failed before it could be accepted: its handshake went wrong.
  virtual void handle_failed(const PeerInfo& /*peer*/, const Status& /*why*/) {}
  /// A stream was turned away because the process has no descriptor left for it.
  virtual void handle_out_of_descriptors() = 0;

 protected:
  ~ListenHandler() = default;
};

/// A place where streams arrive. Destroying it stops that.
class Listener {
 public:
  virtual ~Listener() = default;

  /// The URI to connect to, with the port that the system chose if the given URI has port 0.
  virtual std::string uri() const = 0;
  /// The port; 0 if the transport has none.
  virtual std::uint16_t port() const = 0;

  /// Takes a stream that was accepted by a listener for the same URI on another loop, of the same
  /// kind. Null if that cannot be done.
  virtual std::unique_ptr<Stream> move_in(std::unique_ptr<MovingStream> /*stream*/) {
    return nullptr;
  }
};

class Network {
 public:
  virtual ~Network() = default;

  /// Begins to connect to `uri`; never blocks. `handler` gets the outcome later, unless the
  /// returned object is destroyed before. It also gets errors of the URI.
  virtual std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                              ConnectHandler& handler) = 0;

  /// Accepts streams at `uri` until the returned object is destroyed. Fails if the URI is
  /// malformed, or the system refuses.
  virtual Result<std::unique_ptr<Listener>> listen(const std::string& uri,
                                                   const ListenOptions& options,
                                                   ListenHandler& handler) = 0;
};

}  // namespace messi

#endif  // MESSI_IO_NETWORK_H_

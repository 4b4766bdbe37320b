#ifndef MESSI_IO_NETWORK_H_
#define MESSI_IO_NETWORK_H_

// Where streams come from. A network may stand on another one, whose streams it wraps.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "messi/base/status.h"
#include "messi/io/address_memory.h"
#include "messi/io/socket_options.h"
#include "messi/io/stream.h"

namespace messi {

/// How to connect.
struct ConnectOptions {
  SocketOptions socket;
  /// Decides which address of a host is tried first, and is told which failed; may be null.
  AddressMemory* memory = nullptr;
};

/// How to listen.
struct ListenOptions {
  SocketOptions socket;
  /// The permissions of a Unix socket's file, 0600 for one. By default what the umask leaves.
  std::optional<unsigned> unix_mode;
};

/// Hears how an attempt to connect ended; destroying the `Connecting` in the call is fine.
class ConnectHandler {
 public:
  virtual void handle_stream(std::unique_ptr<Stream> stream) = 0;
  /// kInvalidArgument: the URI can never work. Else: it may work another time.
  virtual void handle_no_stream(const Status& why) = 0;

 protected:
  ~ConnectHandler() = default;
};

/// An attempt to connect. Destroying it gives the attempt up; no callback comes afterwards.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

/// Hears of streams that arrive; destroying the `Listener` in the call is fine.
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

  /// The URI to connect to, with the port that was chosen if port 0 was asked for.
  virtual std::string uri() const = 0;
  /// The port; 0 if the transport has none.
  virtual std::uint16_t port() const = 0;
};

class Network {
 public:
  virtual ~Network() = default;

  /// Begins to connect to `uri`; never blocks. The outcome comes to `handler`, later, unless the
  /// returned object is destroyed before. Errors of the URI come that way too.
  virtual std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                              ConnectHandler& handler) = 0;

  /// Accepts streams at `uri` until the returned object is destroyed. Fails if the URI has the
  /// wrong form, or the address cannot be listened at.
  virtual Result<std::unique_ptr<Listener>> listen(const std::string& uri,
                                                   const ListenOptions& options,
                                                   ListenHandler& handler) = 0;
};

}  // namespace messi

#endif  // MESSI_IO_NETWORK_H_

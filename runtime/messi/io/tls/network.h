#ifndef MESSI_IO_TLS_NETWORK_H_
#define MESSI_IO_TLS_NETWORK_H_

#include <memory>
#include <string>

#include "messi/base/status.h"
#include "messi/flavour.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/stream.h"
#include "messi/io/tls/config.h"
#include "messi/io/wrapping_network.h"
#include "messi/io/wrapping_stream.h"

namespace messi::tls {

class Context;
class Workshop;

/// TLS 1.2 and 1.3 for the clients and servers of a loop: "tls://<host>:<port>".
///
///     messi::EpollLoop loop;
///     messi::tls::Network tls(loop, config);  // must outlive what uses it
///     MyClient client(loop, "tls://example.com:5000");
///
/// A client checks that the server's certificate comes from an authority that it trusts, and is for
/// the host of the URI. It resumes its last session with a server.
class Network final : public WrappingNetwork {
 public:
  /// Reads the files. If something is wrong, `status` says what, and so does each use of a URI.
  /// URIs of `scheme` are connected as those of `inner`.
  MESSI_INLINE Network(EventLoop& loop, Config config, std::string scheme = "tls",
                       std::string inner = "tcp", HandshakeLimits limits = {});
  MESSI_INLINE ~Network() override;

  /// What is wrong with the configuration: which setting, what was given, and what is expected.
  const Status& status() const { return status_; }

  /// Reads the files again, or another configuration, for connections made from now on. Those that
  /// exist stay. If something is wrong, nothing changes. Reads files, so it may block for as long
  /// as that takes.
  MESSI_INLINE Status reload();
  MESSI_INLINE Status reload(Config config);

  MESSI_INLINE std::unique_ptr<Connecting> connect(const std::string& uri,
                                                   const ConnectOptions& options,
                                                   ConnectHandler& handler) override;
  MESSI_INLINE Result<std::unique_ptr<Listener>> listen(const std::string& uri,
                                                        const ListenOptions& options,
                                                        ListenHandler& handler) override;

 private:
  MESSI_INLINE std::unique_ptr<WrappingStream> wrap_connected(std::unique_ptr<Stream> inner,
                                                              const std::string& uri) override;
  MESSI_INLINE std::unique_ptr<WrappingStream> wrap_accepted(std::unique_ptr<Stream> inner,
                                                             const std::string& uri) override;
  MESSI_INLINE std::unique_ptr<WrappingStream> wrap_moved(std::unique_ptr<Stream> inner,
                                                          MovingWrapper& moving) override;

  EventLoop& loop_;
  Config config_;
  Status status_;
  std::unique_ptr<Workshop> workshop_;
  std::shared_ptr<Context> context_;  // null while the configuration is wrong
};

}  // namespace messi::tls

#ifndef MESSI_COMPILED
#include "messi/io/tls/impl/network.h"
#endif

#endif  // MESSI_IO_TLS_NETWORK_H_

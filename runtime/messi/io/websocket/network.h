#ifndef MESSI_IO_WEBSOCKET_NETWORK_H_
#define MESSI_IO_WEBSOCKET_NETWORK_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/failing_attempt.h"
#include "messi/io/network.h"
#include "messi/io/stream.h"
#include "messi/io/websocket/client_upgrade.h"
#include "messi/io/websocket/mask_keys.h"
#include "messi/io/websocket/options.h"
#include "messi/io/websocket/server_upgrade.h"
#include "messi/io/websocket/target.h"
#include "messi/io/websocket/websocket_stream.h"
#include "messi/io/wrapping_network.h"
#include "messi/io/wrapping_stream.h"

namespace messi::websocket {

/// WebSocket for the clients and servers of a loop: "ws://<host>:<port>/<path>".
///
///     messi::EpollLoop loop;
///     messi::websocket::Network ws(loop);  // must outlive what uses it
///     MyServer server(loop, "ws://localhost:5000/chat");
///
/// A server answers requests for the path of its URI, "/" if there is none.
class Network final : public WrappingNetwork {
 public:
  /// URIs of `scheme` are connected as those of `inner`: "wss" on "tls" is WebSocket over TLS.
  explicit Network(EventLoop& loop, Options options = {}, std::string scheme = "ws",
                   std::string inner = "tcp", HandshakeLimits limits = {})
      : WrappingNetwork(loop, std::move(scheme), std::move(inner), limits),
        loop_(loop),
        options_(std::move(options)),
        keys_(loop) {}

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override {
    const Result<Target> target = Target::parse(uri);
    if (target.ok()) return WrappingNetwork::connect(uri, options, handler);
    return std::make_unique<FailingAttempt>(loop_, target.status(), handler);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override {
    const Result<Target> target = Target::parse(uri);
    if (!target.ok()) return target.status();
    if (target->path.find('?') != std::string::npos) {
      return Status(StatusCode::kInvalidArgument,
                    "\"" + uri + "\": a server's path has no query, which clients may add");
    }
    return WrappingNetwork::listen(uri, options, handler);
  }

 private:
  std::string_view own_part(std::string_view uri) const override { return Target::path_in(uri); }

  std::unique_ptr<WrappingStream> wrap_connected(std::unique_ptr<Stream> inner,
                                                 const std::string& uri) override {
    char nonce[16];
    loop_.fill_secret({nonce, sizeof(nonce)});
    return std::make_unique<WebSocketStream>(
        std::move(inner), loop_,
        std::make_unique<ClientUpgrade>(*Target::parse(uri),
                                        std::string_view(nonce, sizeof(nonce))),
        &keys_);
  }
  std::unique_ptr<WrappingStream> wrap_accepted(std::unique_ptr<Stream> inner,
                                                const std::string& uri) override {
    return std::make_unique<WebSocketStream>(
        std::move(inner), loop_,
        std::make_unique<ServerUpgrade>(Target::parse(uri)->path, options_), nullptr);
  }
  std::unique_ptr<WrappingStream> wrap_moved(std::unique_ptr<Stream> inner,
                                             MovingWrapper& moving) override {
    return std::make_unique<WebSocketStream>(std::move(inner), loop_,
                                             static_cast<MovingWebSocket&>(moving));
  }

  EventLoop& loop_;
  const Options options_;
  MaskKeys keys_;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_NETWORK_H_

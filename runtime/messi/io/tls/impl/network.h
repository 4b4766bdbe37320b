#ifndef MESSI_IO_TLS_IMPL_NETWORK_H_
#define MESSI_IO_TLS_IMPL_NETWORK_H_

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/failing_attempt.h"
#include "messi/io/tls/context.h"
#include "messi/io/tls/network.h"
#include "messi/io/tls/tls_stream.h"
#include "messi/io/uri.h"

namespace messi::tls {

/// The host of "tls://<host>:<port>", an IPv6 address without brackets and zone.
inline std::string host_of(const std::string& uri) {
  std::string_view rest = split_uri(uri).rest;
  if (rest.substr(0, 2) == "//") rest.remove_prefix(2);
  if (rest.substr(0, 1) == "[") {
    rest.remove_prefix(1);
    return std::string(rest.substr(0, rest.find_first_of("]%")));
  }
  rest = rest.substr(0, rest.rfind(':'));
  if (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  return std::string(rest);
}

MESSI_INLINE Network::Network(EventLoop& loop, Config config, std::string scheme, std::string inner,
                              HandshakeLimits limits)
    : WrappingNetwork(loop, std::move(scheme), std::move(inner), limits),
      loop_(loop),
      config_(std::move(config)),
      workshop_(std::make_unique<Workshop>(loop)) {
  status_ = reload();
}

MESSI_INLINE Network::~Network() = default;

MESSI_INLINE Status Network::reload() { return reload(config_); }

MESSI_INLINE Status Network::reload(Config config) {
  Result<std::shared_ptr<Context>> context = Context::make(config);
  if (!context.ok()) return context.status();
  context_ = *std::move(context);
  config_ = std::move(config);
  status_ = Status();
  return status_;
}

MESSI_INLINE std::unique_ptr<Connecting> Network::connect(const std::string& uri,
                                                          const ConnectOptions& options,
                                                          ConnectHandler& handler) {
  if (context_ != nullptr) return WrappingNetwork::connect(uri, options, handler);
  return std::make_unique<FailingAttempt>(
      loop_, Status(status_.code(), uri + ": " + status_.message()), handler);
}

MESSI_INLINE Result<std::unique_ptr<Listener>> Network::listen(const std::string& uri,
                                                               const ListenOptions& options,
                                                               ListenHandler& handler) {
  if (context_ == nullptr) return Status(status_.code(), uri + ": " + status_.message());
  if (!context_->has_certificate()) {
    return Status(StatusCode::kInvalidArgument,
                  uri + ": a server needs a certificate, and the configuration has none");
  }
  return WrappingNetwork::listen(uri, options, handler);
}

MESSI_INLINE std::unique_ptr<WrappingStream> Network::wrap_connected(std::unique_ptr<Stream> inner,
                                                                     const std::string& uri) {
  std::string name = context_->server_name().empty() ? host_of(uri) : context_->server_name();
  if (name.empty()) name = "localhost";
  return std::make_unique<TlsStream>(std::move(inner), *workshop_, context_, std::move(name), uri);
}

MESSI_INLINE std::unique_ptr<WrappingStream> Network::wrap_accepted(std::unique_ptr<Stream> inner,
                                                                    const std::string& /*uri*/) {
  return std::make_unique<TlsStream>(std::move(inner), *workshop_, context_);
}

MESSI_INLINE std::unique_ptr<WrappingStream> Network::wrap_moved(std::unique_ptr<Stream> inner,
                                                                 MovingWrapper& moving) {
  auto& its = static_cast<MovingTls&>(moving);
  its.engine->move_to(context_);
  return std::make_unique<TlsStream>(std::move(inner), *workshop_, its);
}

}  // namespace messi::tls

#endif  // MESSI_IO_TLS_IMPL_NETWORK_H_

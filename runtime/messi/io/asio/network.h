#ifndef MESSI_IO_ASIO_NETWORK_H_
#define MESSI_IO_ASIO_NETWORK_H_

#include <memory>
#include <string>

#include "messi/base/status.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/connecting.h"
#include "messi/io/asio/listener.h"
#include "messi/io/asio/operation.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// TCP sockets of Asio; where it has them, Unix sockets; and on Linux those that systemd has
/// opened.
class AsioNetwork final : public Network {
 public:
  explicit AsioNetwork(OperationLoop& loop) : loop_(loop) {
    Networks& networks = loop.loop().networks();
    networks.add("tcp://<host>:<port>", *this);
#if defined(ASIO_HAS_LOCAL_SOCKETS) || defined(BOOST_ASIO_HAS_LOCAL_SOCKETS)
    networks.add("unix://<path>", *this);
#endif
#ifdef __linux__
    networks.add("unix-abstract:<name>", *this);
    networks.add("systemd:<name>", *this);
#endif
  }

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override {
    return std::make_unique<AsioConnecting>(loop_, uri, options, handler);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override {
    return AsioListener::open(loop_, uri, options, handler);
  }

 private:
  OperationLoop& loop_;
};

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_NETWORK_H_

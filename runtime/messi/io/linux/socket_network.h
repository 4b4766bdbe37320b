#ifndef MESSI_IO_LINUX_SOCKET_NETWORK_H_
#define MESSI_IO_LINUX_SOCKET_NETWORK_H_

#include <memory>
#include <string>

#include "messi/base/status.h"
#include "messi/io/linux/resolver.h"
#include "messi/io/linux/socket_connecting.h"
#include "messi/io/linux/socket_listener.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/poller.h"

namespace messi::io {

/// TCP and Unix sockets, and those that systemd has opened.
class SocketNetwork final : public Network {
 public:
  explicit SocketNetwork(Poller& poller) : poller_(poller), resolver_(poller) {
    for (const char* const form :
         {"tcp://<host>:<port>", "unix://<path>", "unix-abstract:<name>", "systemd:<name>"}) {
      poller.loop().networks().add(form, *this);
    }
  }

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override {
    return std::make_unique<SocketConnecting>(poller_, resolver_, uri, options, handler);
  }
  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override {
    return SocketListener::open(poller_, uri, options, handler);
  }

 private:
  Poller& poller_;
  Resolver resolver_;
};

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_NETWORK_H_

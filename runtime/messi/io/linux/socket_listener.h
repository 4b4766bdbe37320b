#ifndef MESSI_IO_LINUX_SOCKET_LISTENER_H_
#define MESSI_IO_LINUX_SOCKET_LISTENER_H_

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/distribution.h"
#include "messi/io/linux/fd.h"
#include "messi/io/linux/listening_sockets.h"
#include "messi/io/linux/socket_acceptor.h"
#include "messi/io/linux/socket_stream.h"
#include "messi/io/network.h"
#include "messi/io/poller.h"
#include "messi/io/stream.h"
#include "messi/io/system_error.h"

namespace messi::io {

/// Listens at all addresses of a URI, alone or with the listeners of other loops.
class SocketListener final : public Listener, private Distribution::Taker {
 public:
  static Result<std::unique_ptr<Listener>> open(Poller& poller, const std::string& uri,
                                                const ListenOptions& options,
                                                ListenHandler& handler);
  ~SocketListener() override {
    if (distribution_ == nullptr) return;
    distribution_->sit(seat_, nullptr);
    acceptors_.clear();
    distribution_->let_go(std::move(sockets_));
  }

  std::string uri() const override { return sockets_->uri(); }
  std::uint16_t port() const override { return sockets_->port(); }
  std::unique_ptr<Stream> move_in(std::unique_ptr<MovingStream> stream) override {
    return std::make_unique<SocketStream>(poller_, std::move(static_cast<MovingSocket&>(*stream)));
  }

 private:
  SocketListener(Poller& poller, std::shared_ptr<ListeningSockets> sockets,
                 const ListenOptions& options, ListenHandler& handler)
      : poller_(poller),
        handler_(handler),
        distribution_(options.distribution),
        seat_(options.seat),
        sockets_(std::move(sockets)) {
    if (distribution_ != nullptr) distribution_->sit(seat_, this);
  }

  // The handler may destroy this object.
  void take(std::unique_ptr<MovingStream> stream) override {
    handler_.handle_accept(move_in(std::move(stream)));
  }

  Poller& poller_;
  ListenHandler& handler_;
  const std::shared_ptr<Distribution> distribution_;  // null if it is alone
  const std::size_t seat_;
  std::shared_ptr<ListeningSockets> sockets_;
  std::vector<std::unique_ptr<SocketAcceptor>> acceptors_;  // go before the sockets
};

// ---------------------------------------------------------------------------------------------

inline Result<std::unique_ptr<Listener>> SocketListener::open(Poller& poller,
                                                              const std::string& uri,
                                                              const ListenOptions& options,
                                                              ListenHandler& handler) {
  const auto open_them = [&] { return ListeningSockets::open(uri, options); };
  Result<std::shared_ptr<ListeningSockets>> sockets =
      options.distribution != nullptr ? options.distribution->sockets<ListeningSockets>(open_them)
                                      : open_them();
  if (!sockets.ok()) return sockets.status();
  std::unique_ptr<SocketListener> listener(
      new SocketListener(poller, *std::move(sockets), options, handler));
  for (const Fd& socket : listener->sockets_->fds()) {
    listener->acceptors_.push_back(
        std::make_unique<SocketAcceptor>(poller, socket.get(), options, handler));
    if (!listener->acceptors_.back()->start()) {
      return status_of_errno(errno, uri + ": cannot watch the socket");
    }
  }
  return std::unique_ptr<Listener>(std::move(listener));
}

}  // namespace messi::io

#endif  // MESSI_IO_LINUX_SOCKET_LISTENER_H_

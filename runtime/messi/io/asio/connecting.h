#ifndef MESSI_IO_ASIO_CONNECTING_H_
#define MESSI_IO_ASIO_CONNECTING_H_

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/status.h"
#include "messi/io/address_race.h"
#include "messi/io/asio/asio.h"
#include "messi/io/asio/endpoint.h"
#include "messi/io/asio/operation.h"
#include "messi/io/asio/peer.h"
#include "messi/io/asio/stream.h"
#include "messi/io/network.h"
#include "messi/io/socket_uri.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Looks up a URI's host and connects to one of its addresses, which AddressRace chooses. Asio
/// looks up names on a thread of its own.
class AsioConnecting final : public Connecting, private OperationHandler {
 public:
  AsioConnecting(OperationLoop& loop, std::string uri, const ConnectOptions& options,
                 ConnectHandler& handler)
      : loop_(loop),
        options_(options),
        handler_(handler),
        uri_(std::move(uri)),
        begin_(loop.loop(), [this] { begin(); }),
        next_(loop.loop(), [this] { try_next(); }),
        resolver_(loop.executor()),
        race_(options.memory),
        lookup_(loop, *this) {
    // Not at once: there is no callback from within a call.
    begin_.schedule();
  }
  ~AsioConnecting() override { resolver_.cancel(); }

 private:
  // One address being tried.
  class Attempt final : private OperationHandler {
   public:
    Attempt(AsioConnecting& parent, AsioEndpoint endpoint)
        : parent_(parent),
          endpoint_(std::move(endpoint)),
          socket_(parent.loop_.executor()),
          connect_(parent.loop_, *this) {}

    const AsioEndpoint& endpoint() const { return endpoint_; }

    /// No error if the attempt is under way.
    ErrorCode begin() {
      ErrorCode error;
      socket_.open(endpoint_.protocol(), error);
      if (!error) {
        socket_.async_connect(endpoint_,
                              connect_.begin([this](const ErrorCode& result) { error_ = result; }));
      }
      return error;
    }

   private:
    void handle_completed(Operation& /*operation*/) override {
      if (!error_) check();
      if (error_) return parent_.attempt_failed(*this, error_);
      parent_.succeed(*this, std::make_unique<AsioStream>(parent_.loop_, std::move(socket_),
                                                          endpoint_, parent_.options_.socket));
    }

    void check() {
      // A Unix socket whose server is busy is not connected.
      const AsioEndpoint peer = socket_.remote_endpoint(error_);
      if (error_) return;
      // TCP connects a socket to itself if nobody listens at the port and the system chooses that
      // port for the client's own end.
      ErrorCode ignored;
      if (!AsioPeer(peer).is_tcp() || socket_.local_endpoint(ignored) != peer) return;
      // With a reset: otherwise the server could not use the port for a minute.
      socket_.set_option(net::socket_base::linger(true, 0), ignored);
      error_ = net::error::connection_refused;
    }

    AsioConnecting& parent_;
    const AsioEndpoint endpoint_;
    AsioSocket socket_;
    ErrorCode error_;
    Operation connect_;
  };

  inline void begin();
  inline void handle_completed(Operation& operation) override;
  inline void try_endpoints(const std::vector<AsioEndpoint>& endpoints);
  inline void try_next();
  inline void attempt_failed(const Attempt& attempt, const ErrorCode& error);
  // The handler may destroy this object, so these two calls come last.
  inline void succeed(const Attempt& winner, std::unique_ptr<Stream> stream);
  void fail(const Status& why) { handler_.handle_no_stream(why); }
  void refuse(const char* why) {
    fail(Status(StatusCode::kInvalidArgument, "\"" + uri_ + "\": " + why));
  }

  OperationLoop& loop_;
  const ConnectOptions options_;
  ConnectHandler& handler_;
  std::string uri_;
  Task begin_;
  Timer next_;
  net::ip::tcp::resolver resolver_;
  ErrorCode lookup_error_;
  std::vector<AsioEndpoint> looked_up_;
  AddressRace<AsioEndpoint> race_;
  std::vector<std::unique_ptr<Attempt>> attempts_;  // under way
  ErrorCode last_error_;
  Operation lookup_;
};

// ---------------------------------------------------------------------------------------------

inline void AsioConnecting::begin() {
  const Result<SocketUri> where = SocketUri::parse(uri_);
  if (!where.ok()) return fail(where.status());
  if (where->scheme == SocketUri::Scheme::kSystemd) return refuse("this is for servers only");
  if (where->scheme != SocketUri::Scheme::kTcp) {
    return try_endpoints({local_endpoint(*where)});
  }
  if (where->port == 0) {
    return refuse("port 0 cannot be connected to; expected the port that the server listens at");
  }
  if (where->host.empty()) {
    return try_endpoints({tcp_endpoint(net::ip::address_v6::loopback(), where->port),
                          tcp_endpoint(net::ip::address_v4::loopback(), where->port)});
  }
  ErrorCode not_an_address;
  const net::ip::address address = net::ip::make_address(where->host, not_an_address);
  if (!not_an_address) {
    return try_endpoints({tcp_endpoint(address, where->port)});
  }
  resolver_.async_resolve(where->host, std::to_string(where->port), net::ip::tcp::resolver::flags(),
                          lookup_.begin([this](const ErrorCode& error,
                                               const net::ip::tcp::resolver::results_type& all) {
                            lookup_error_ = error;
                            for (const auto& each : all) looked_up_.emplace_back(each.endpoint());
                          }));
}

inline void AsioConnecting::handle_completed(Operation& /*operation*/) {
  if (lookup_error_) return fail(status_of(lookup_error_, uri_ + ": cannot find the host"));
  try_endpoints(looked_up_);
}

inline void AsioConnecting::try_endpoints(const std::vector<AsioEndpoint>& endpoints) {
  for (const AsioEndpoint& each : endpoints) {
    race_.add(each, AsioPeer(each).to_string(), is_v4(each));
  }
  race_.arrange();
  try_next();
}

inline void AsioConnecting::try_next() {
  while (race_.has_next()) {
    auto attempt = std::make_unique<Attempt>(*this, race_.begin_next());
    last_error_ = attempt->begin();
    if (!last_error_) {
      attempts_.push_back(std::move(attempt));
      next_.set(loop_.loop().now() + race_.head_start());
      return;
    }
    race_.failed(attempt->endpoint());
  }
  if (attempts_.empty()) fail(status_of(last_error_, uri_ + ": cannot connect"));
}

inline void AsioConnecting::attempt_failed(const Attempt& attempt, const ErrorCode& error) {
  last_error_ = error;
  race_.failed(attempt.endpoint());
  attempts_.erase(std::find_if(attempts_.begin(), attempts_.end(),
                               [&](const auto& each) { return each.get() == &attempt; }));
  next_.cancel();
  try_next();
}

inline void AsioConnecting::succeed(const Attempt& winner, std::unique_ptr<Stream> stream) {
  race_.won(winner.endpoint());
  next_.cancel();
  attempts_.clear();
  handler_.handle_stream(std::move(stream));
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_CONNECTING_H_

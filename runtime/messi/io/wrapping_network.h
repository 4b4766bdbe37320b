#ifndef MESSI_IO_WRAPPING_NETWORK_H_
#define MESSI_IO_WRAPPING_NETWORK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/uri.h"
#include "messi/io/wrapping_stream.h"

namespace messi {

/// What a listener spends on peers that may never become clients.
struct HandshakeLimits {
  /// How many handshakes may be under way. At the limit the next one ends the oldest: a real client
  /// is soon done, so peers that only connect keep no client out.
  std::size_t most = 256;
  /// How long one may take. A client's handshake is part of its attempt to connect, and bounded by
  /// that.
  Duration patience = std::chrono::seconds(5);
};

/// A network that wraps the streams of another network. A derived class says how.
class WrappingNetwork : public Network {
 public:
  /// URIs of `scheme` belong to this network, which uses the same URI with the scheme `inner`. That
  /// one must exist already.
  WrappingNetwork(EventLoop& loop, std::string scheme, std::string inner,
                  HandshakeLimits limits = {})
      : loop_(loop), scheme_(std::move(scheme)), inner_(std::move(inner)), limits_(limits) {
    loop.networks().add(scheme_, *this);
  }
  WrappingNetwork(const WrappingNetwork&) = delete;
  WrappingNetwork& operator=(const WrappingNetwork&) = delete;

  std::unique_ptr<Connecting> connect(const std::string& uri, const ConnectOptions& options,
                                      ConnectHandler& handler) override;
  Result<std::unique_ptr<Listener>> listen(const std::string& uri, const ListenOptions& options,
                                           ListenHandler& handler) override;

 protected:
  virtual std::unique_ptr<WrappingStream> wrap_connected(std::unique_ptr<Stream> inner,
                                                         const std::string& uri) = 0;
  virtual std::unique_ptr<WrappingStream> wrap_accepted(std::unique_ptr<Stream> inner) = 0;

 private:
  class Attempt;
  class Place;

  static std::string with_scheme(const std::string& scheme, const std::string& uri) {
    return scheme + ":" + std::string(split_uri(uri).rest);
  }

  EventLoop& loop_;
  const std::string scheme_;
  const std::string inner_;
  const HandshakeLimits limits_;
};

class WrappingNetwork::Attempt final : public Connecting,
                                       private ConnectHandler,
                                       private HandshakeHandler {
 public:
  Attempt(WrappingNetwork& network, std::string uri, const ConnectOptions& options,
          ConnectHandler& handler)
      : network_(network),
        uri_(std::move(uri)),
        memory_(options.memory),
        handler_(handler),
        connecting_(
            network.loop_.networks().connect(with_scheme(network.inner_, uri_), options, *this)) {}
  Attempt(const Attempt&) = delete;
  Attempt& operator=(const Attempt&) = delete;
  ~Attempt() override { remember_failure(); }

 private:
  void handle_stream(std::unique_ptr<Stream> stream) override {
    connecting_.reset();
    stream_ = network_.wrap_connected(std::move(stream), uri_);
    stream_->shake_hands(*this);
  }
  void handle_no_stream(const Status& why) override { handler_.handle_no_stream(why); }
  void handle_handshake(const Status& outcome) override {
    if (outcome.ok()) return handler_.handle_stream(std::move(stream_));
    remember_failure();
    stream_.reset();
    handler_.handle_no_stream({outcome.code(), uri_ + ": " + outcome.message()});
  }
  // An address that fails the handshake is no better than one that does not answer.
  void remember_failure() {
    if (stream_ != nullptr && memory_ != nullptr) memory_->failed(stream_->peer().address);
  }

  WrappingNetwork& network_;
  const std::string uri_;
  AddressMemory* const memory_;
  ConnectHandler& handler_;
  std::unique_ptr<WrappingStream> stream_;  // during the handshake
  std::unique_ptr<Connecting> connecting_;  // until then
};

/// Holds the streams of a listener during their handshakes.
class WrappingNetwork::Place final : public Listener, private ListenHandler {
 public:
  Place(WrappingNetwork& network, ListenHandler& handler)
      : network_(network), handler_(handler), timer_(network.loop_, [this] { give_up_late(); }) {}

  Status listen(const std::string& uri, const ListenOptions& options) {
    auto listener = network_.loop_.networks().listen(uri, options, *this);
    if (listener.ok()) listener_ = *std::move(listener);
    return listener.status();
  }

  std::string uri() const override { return with_scheme(network_.scheme_, listener_->uri()); }
  std::uint16_t port() const override { return listener_->port(); }

 private:
  class Guest final : public HandshakeHandler {
   public:
    Guest(Place& place, std::unique_ptr<WrappingStream> stream, TimePoint deadline)
        : place_(place), stream_(std::move(stream)), deadline_(deadline) {}
    void begin() { stream_->shake_hands(*this); }
    TimePoint deadline() const { return deadline_; }
    std::unique_ptr<WrappingStream> take_stream() { return std::move(stream_); }

   private:
    void handle_handshake(const Status& outcome) override { place_.end(*this, outcome); }

    Place& place_;
    std::unique_ptr<WrappingStream> stream_;
    const TimePoint deadline_;
  };

  void handle_accept(std::unique_ptr<Stream> stream) override;
  void handle_failed(const PeerInfo& peer, const Status& why) override {
    handler_.handle_failed(peer, why);
  }
  void handle_out_of_descriptors() override { handler_.handle_out_of_descriptors(); }

  void give_up_late();
  // The handler may destroy this object, so its call comes last.
  void end(const Guest& guest, const Status& outcome);

  WrappingNetwork& network_;
  ListenHandler& handler_;
  Timer timer_;
  std::list<Guest> guests_;  // the oldest first
  std::unique_ptr<Listener> listener_;
  const std::shared_ptr<bool> life_ = std::make_shared<bool>();  // expires with this object
};

// ---------------------------------------------------------------------------------------------

inline std::unique_ptr<Connecting> WrappingNetwork::connect(const std::string& uri,
                                                            const ConnectOptions& options,
                                                            ConnectHandler& handler) {
  return std::make_unique<Attempt>(*this, uri, options, handler);
}

inline Result<std::unique_ptr<Listener>> WrappingNetwork::listen(const std::string& uri,
                                                                 const ListenOptions& options,
                                                                 ListenHandler& handler) {
  auto place = std::make_unique<Place>(*this, handler);
  Status status = place->listen(with_scheme(inner_, uri), options);
  if (!status.ok()) return status;
  return std::unique_ptr<Listener>(std::move(place));
}

inline void WrappingNetwork::Place::handle_accept(std::unique_ptr<Stream> stream) {
  const std::weak_ptr<bool> life = life_;
  if (guests_.size() >= network_.limits_.most) {
    end(guests_.front(), {StatusCode::kResourceExhausted, "too many handshakes are under way"});
    if (life.expired()) return;
  }
  guests_.emplace_back(*this, network_.wrap_accepted(std::move(stream)),
                       deadline_after(network_.loop_.now(), network_.limits_.patience));
  if (guests_.size() == 1) timer_.set(guests_.front().deadline());
  guests_.back().begin();
}

// Ends one handshake, since the handler may destroy this object; the timer fires again for the
// next. No handshake is given up before the input that had come by its deadline was read.
inline void WrappingNetwork::Place::give_up_late() {
  if (guests_.empty()) return;
  const Guest& oldest = guests_.front();
  timer_.set(oldest.deadline());
  if (oldest.deadline() > network_.loop_.input_until()) return;
  end(oldest, {StatusCode::kDeadlineExceeded, "the handshake took too long"});
}

inline void WrappingNetwork::Place::end(const Guest& guest, const Status& outcome) {
  const auto place = std::find_if(guests_.begin(), guests_.end(),
                                  [&](const Guest& each) { return &each == &guest; });
  std::unique_ptr<WrappingStream> stream = place->take_stream();
  guests_.erase(place);
  if (outcome.ok()) return handler_.handle_accept(std::move(stream));
  const PeerInfo peer = stream->peer();
  stream.reset();
  handler_.handle_failed(peer, outcome);
}

}  // namespace messi

#endif  // MESSI_IO_WRAPPING_NETWORK_H_

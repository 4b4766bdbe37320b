#ifndef MESSI_IO_WRAPPING_NETWORK_H_
#define MESSI_IO_WRAPPING_NETWORK_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
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
  /// How many handshakes may be under way. Sixteen times as many peers may wait for theirs, which
  /// costs a descriptor and a few hundred bytes each.
  std::size_t most = 256;
  /// How long a peer may take from its arrival to the end of its handshake. A client's handshake is
  /// part of its attempt to connect, and bounded by that.
  Duration patience = std::chrono::seconds(5);
};

/// A network that wraps the streams of another network. A derived class says how. In a handshake
/// the side that connects speaks first.
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
  /// `uri` is the one that was listened at.
  virtual std::unique_ptr<WrappingStream> wrap_accepted(std::unique_ptr<Stream> inner,
                                                        const std::string& uri) = 0;
  /// For streams that can move: the stream that `moving` was, on this loop.
  virtual std::unique_ptr<WrappingStream> wrap_moved(std::unique_ptr<Stream> /*inner*/,
                                                     MovingWrapper& /*moving*/) {
    return nullptr;
  }
  /// The end of `uri` that the inner network does not get, such as a path.
  virtual std::string_view own_part(std::string_view /*uri*/) const { return {}; }

 private:
  class Attempt;
  class Place;

  static std::string with_scheme(const std::string& scheme, const std::string& uri) {
    return scheme + ":" + std::string(split_uri(uri).rest);
  }
  std::string inner_uri(const std::string& uri) const {
    return with_scheme(inner_, uri.substr(0, uri.size() - own_part(uri).size()));
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
        connecting_(network.loop_.networks().connect(network.inner_uri(uri_), options, *this)) {}
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

/// Holds the peers of a listener until their handshakes are over. A handshake begins when the peer
/// has sent something, so who only connects costs little. If all handshakes are under way, peers
/// wait. The newest is next: who has waited long is more likely to have given up, and a crowd that
/// came earlier keeps nobody out. Nobody else gives way to it, except a handshake that is slow.
class WrappingNetwork::Place final : public Listener, private ListenHandler {
 public:
  Place(WrappingNetwork& network, std::string uri, ListenHandler& handler)
      : network_(network),
        uri_(std::move(uri)),
        handler_(handler),
        admit_(network.loop_, [this] { admit(); }),
        admit_later_(network.loop_, [this] { admit(); }) {}

  Status listen(const ListenOptions& options) {
    auto listener = network_.loop_.networks().listen(network_.inner_uri(uri_), options, *this);
    if (!listener.ok()) return listener.status();
    listener_ = *std::move(listener);
    return {};
  }

  std::string uri() const override {
    return with_scheme(network_.scheme_, listener_->uri()).append(network_.own_part(uri_));
  }
  std::uint16_t port() const override { return listener_->port(); }
  std::unique_ptr<Stream> move_in(std::unique_ptr<MovingStream> stream) override;

 private:
  class Guest;
  using Guests = std::list<Guest>;

  static constexpr std::size_t kWaitingForEach = 16;
  // So few that no turn has much to do, and that a slow handshake is one of a slow peer.
  static constexpr int kBegunInATurn = 8;
  // When a handshake is slow. The time is halved when one gives way, and doubled when one succeeds:
  // the more are slow, the less time each of them has.
  static constexpr Duration kSlowAtMost = std::chrono::seconds(2);
  static constexpr Duration kSlowAtLeast = std::chrono::milliseconds(10);
  // When descriptors have run out, so many silent peers give theirs to those who come next.
  static constexpr int kFreedAtOnce = 16;

  void handle_accept(std::unique_ptr<Stream> stream) override;
  void handle_failed(const PeerInfo& peer, const Status& why) override {
    handler_.handle_failed(peer, why);
  }
  void handle_out_of_descriptors() override;

  void handle_spoken(Guest& guest);
  void handle_late(Guest& guest);
  void admit();
  bool make_room();
  // The handler may destroy this object, so its call comes last.
  void end(Guest& guest, const Status& outcome);

  WrappingNetwork& network_;
  const std::string uri_;
  ListenHandler& handler_;
  Task admit_;
  Timer admit_later_;
  Guests silent_;   // have not sent anything; the oldest first
  Guests waiting_;  // have, and it has not been read; the newest last
  Guests shaking_;  // their handshakes are under way; the first to begin first
  Duration slow_ = kSlowAtMost;
  std::unique_ptr<Listener> listener_;
  const std::shared_ptr<bool> life_ = std::make_shared<bool>();  // expires with this object
};

class WrappingNetwork::Place::Guest final : private StreamHandler, private HandshakeHandler {
 public:
  Guest(Place& place, std::unique_ptr<Stream> stream)
      : place_(place),
        stream_(std::move(stream)),
        deadline_(deadline_after(now(), place.network_.limits_.patience)),
        timer_(place.network_.loop_, [this] { place_.handle_late(*this); }) {
    give_time();
  }

  /// False if the system refuses.
  bool wait_for_first_bytes() { return stream_->start(*this); }

  void wrap() {
    began_ = now();
    stream_->want_input(true);
    auto wrapped = place_.network_.wrap_accepted(std::move(stream_), place_.uri_);
    wrapped_ = wrapped.get();
    stream_ = std::move(wrapped);
  }
  void shake_hands() { wrapped_->shake_hands(*this); }

  void give_time() { timer_.set(deadline_); }
  TimePoint deadline() const { return deadline_; }
  TimePoint began() const { return began_; }
  std::unique_ptr<Stream> take_stream() { return std::move(stream_); }

  Guests* list = nullptr;  // where it is
  Guests::iterator position;

 private:
  TimePoint now() const { return place_.network_.loop_.now(); }
  void handle_readable() override {
    stream_->want_input(false);
    place_.handle_spoken(*this);
  }
  void handle_writable() override {}
  void handle_handshake(const Status& outcome) override { place_.end(*this, outcome); }

  Place& place_;
  std::unique_ptr<Stream> stream_;
  WrappingStream* wrapped_ = nullptr;  // the same, during the handshake
  const TimePoint deadline_;
  TimePoint began_;
  Timer timer_;
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
  auto place = std::make_unique<Place>(*this, uri, handler);
  Status status = place->listen(options);
  if (!status.ok()) return status;
  return std::unique_ptr<Listener>(std::move(place));
}

inline std::unique_ptr<Stream> WrappingNetwork::Place::move_in(
    std::unique_ptr<MovingStream> stream) {
  auto& moving = static_cast<MovingWrapper&>(*stream);
  std::unique_ptr<Stream> inner = listener_->move_in(std::move(moving.inner));
  if (inner == nullptr) return nullptr;
  std::unique_ptr<WrappingStream> wrapped = network_.wrap_moved(std::move(inner), moving);
  if (wrapped == nullptr || !wrapped->go_on()) return nullptr;
  return wrapped;
}

inline void WrappingNetwork::Place::handle_accept(std::unique_ptr<Stream> stream) {
  const std::weak_ptr<bool> life = life_;
  if (silent_.size() + waiting_.size() >= kWaitingForEach * network_.limits_.most) {
    const bool silent = !silent_.empty();
    end(silent ? silent_.front() : waiting_.front(),
        {StatusCode::kResourceExhausted, silent ? "too many wait, and this one has sent nothing"
                                                : "too many handshakes are under way"});
    if (life.expired()) return;
  }
  Guest& guest = silent_.emplace_back(*this, std::move(stream));
  guest.list = &silent_;
  guest.position = std::prev(silent_.end());
  if (!guest.wait_for_first_bytes()) {
    end(guest, {StatusCode::kResourceExhausted, "cannot watch the socket"});
  }
}

inline void WrappingNetwork::Place::handle_out_of_descriptors() {
  const std::weak_ptr<bool> life = life_;
  for (int i = 0; i < kFreedAtOnce && !silent_.empty(); ++i) {
    end(silent_.front(), {StatusCode::kResourceExhausted,
                          "descriptors have run out, and this one has sent nothing"});
    if (life.expired()) return;
  }
  handler_.handle_out_of_descriptors();
}

inline void WrappingNetwork::Place::handle_spoken(Guest& guest) {
  waiting_.splice(waiting_.end(), silent_, guest.position);
  guest.list = &waiting_;
  admit_.schedule();
}

// No handshake is given up before the input that had come by its deadline was read.
inline void WrappingNetwork::Place::handle_late(Guest& guest) {
  if (guest.deadline() > network_.loop_.input_until()) return guest.give_time();
  end(guest, {StatusCode::kDeadlineExceeded, "the handshake took too long"});
}

inline void WrappingNetwork::Place::admit() {
  const std::weak_ptr<bool> life = life_;
  for (int i = 0; i < kBegunInATurn && !waiting_.empty(); ++i) {
    if (!make_room() || life.expired()) return;
    // If it cannot be wrapped, it is gone.
    Guests next;
    next.splice(next.end(), waiting_, std::prev(waiting_.end()));
    Guest& guest = next.front();
    guest.wrap();
    shaking_.splice(shaking_.end(), next);
    guest.list = &shaking_;
    guest.shake_hands();
    if (life.expired()) return;
  }
  if (!waiting_.empty()) admit_.schedule();
}

// False if there is none yet. The handler may destroy this object.
inline bool WrappingNetwork::Place::make_room() {
  if (shaking_.size() < network_.limits_.most) return true;
  Guest& slowest = shaking_.front();
  if (slowest.began() + slow_ > network_.loop_.input_until()) {
    admit_later_.set(slowest.began() + slow_);
    return false;
  }
  slow_ = std::max(slow_ / 2, kSlowAtLeast);
  end(slowest,
      {StatusCode::kResourceExhausted, "too many wait, and this handshake is the slowest"});
  return true;
}

inline void WrappingNetwork::Place::end(Guest& guest, const Status& outcome) {
  std::unique_ptr<Stream> stream = guest.take_stream();
  guest.list->erase(guest.position);
  if (!waiting_.empty()) admit_.schedule();
  if (outcome.ok()) {
    slow_ = std::min(slow_ * 2, kSlowAtMost);
    return handler_.handle_accept(std::move(stream));
  }
  const PeerInfo peer = stream->peer();
  stream.reset();
  handler_.handle_failed(peer, outcome);
}

}  // namespace messi

#endif  // MESSI_IO_WRAPPING_NETWORK_H_

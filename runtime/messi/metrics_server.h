#ifndef MESSI_METRICS_SERVER_H_
#define MESSI_METRICS_SERVER_H_

#include <chrono>
#include <cstddef>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/base/time.h"
#include "messi/impl/metrics_request.h"
#include "messi/impl/to_user.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"
#include "messi/metrics.h"

namespace messi {

/// Answers `GET /metrics` by HTTP, on any loop; for Prometheus. Everybody who can connect may read
/// the metrics, so listen where only such can. What peers can cost is bounded: 16 connections, of
/// which the oldest has to go when another one comes, 5 s and 4 KiB of request for each.
///
/// Threads: the loop's thread only.
class MetricsServer final : private ListenHandler {
 public:
  /// `uri` is one for servers, such as "tcp://localhost:9464".
  MetricsServer(EventLoop& loop, std::string uri, Metrics metrics)
      : loop_(loop), uri_(std::move(uri)), metrics_(std::move(metrics)) {}
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  /// Listens. Fails as a server's `start` does. No-op if started.
  UserStatus start() {
    if (listener_ != nullptr) return UserStatus();
    Result<std::unique_ptr<Listener>> listener = loop_.networks().listen(uri_, {}, *this);
    if (!listener.ok()) return to_user(listener.status());
    listener_ = *std::move(listener);
    return UserStatus();
  }
  /// Ends at once, with all connections.
  void stop() {
    listener_.reset();
    guests_.clear();
    timer_.cancel();
  }

  /// The URI with the port that the system chose, while it listens.
  std::string uri() const { return listener_ ? listener_->uri() : uri_; }

 private:
  static constexpr std::size_t kMostGuests = 16;
  static constexpr Duration kPatience = std::chrono::seconds(5);

  /// A connection. It may be destroyed by `leave`.
  class Guest final : private StreamHandler {
   public:
    Guest(MetricsServer& server, std::unique_ptr<Stream> stream, TimePoint deadline)
        : server_(server), stream_(std::move(stream)), deadline_(deadline) {}

    bool start(std::list<Guest>::iterator position) {
      position_ = position;
      return stream_->start(*this);
    }
    TimePoint deadline() const { return deadline_; }

   private:
    void handle_readable() override;
    void handle_writable() override;
    void leave() { server_.guests_.erase(position_); }

    MetricsServer& server_;
    std::unique_ptr<Stream> stream_;
    const TimePoint deadline_;
    std::list<Guest>::iterator position_;
    std::string request_;
    std::string answer_;     // what is left of it
    bool answered_ = false;  // what comes now is read and dropped, or else a reset might follow
    bool ended_ = false;     // nothing comes any more
  };

  // ListenHandler
  void handle_accept(std::unique_ptr<Stream> stream) override {
    if (guests_.size() >= kMostGuests) guests_.pop_front();
    Guest& guest =
        guests_.emplace_back(*this, std::move(stream), deadline_after(loop_.now(), kPatience));
    if (!guest.start(std::prev(guests_.end()))) guests_.pop_back();
    set_timer();
  }
  void handle_out_of_descriptors() override {
    if (!guests_.empty()) guests_.pop_front();
  }

  void handle_timer() {
    while (!guests_.empty() && guests_.front().deadline() <= loop_.now()) guests_.pop_front();
    set_timer();
  }
  void set_timer() {
    if (!guests_.empty()) timer_.set(guests_.front().deadline());
  }

  EventLoop& loop_;
  const std::string uri_;
  const Metrics metrics_;
  std::unique_ptr<Listener> listener_;
  std::list<Guest> guests_;  // in the order of their arrival
  Timer timer_{loop_, [this] { handle_timer(); }};
};

// ---------------------------------------------------------------------------------------------

inline void MetricsServer::Guest::handle_readable() {
  char bytes[metrics::kMostRequest];
  const Space space{bytes, sizeof(bytes)};
  const IoResult result = stream_->read(&space, 1);
  if (result.kind == IoResult::Kind::kEnd) {
    ended_ = true;
    if (answer_.empty()) leave();
    return;
  }
  if (answered_) return;
  request_.append(bytes, result.size);
  const std::optional<metrics::Request> request = metrics::read_request(request_);
  if (!request) return;
  answered_ = true;
  answer_ = metrics::answer_to(*request, server_.metrics_);
  handle_writable();
}

inline void MetricsServer::Guest::handle_writable() {
  if (answer_.empty()) return;
  const Slice slice{answer_.data(), answer_.size()};
  const IoResult result = stream_->write(&slice, 1, /*more=*/false);
  if (result.kind == IoResult::Kind::kEnd) return leave();
  answer_.erase(0, result.size);
  if (!answer_.empty()) return;
  stream_->finish();
  if (ended_) leave();
}

}  // namespace messi

#endif  // MESSI_METRICS_SERVER_H_

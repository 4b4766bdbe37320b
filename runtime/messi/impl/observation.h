#ifndef MESSI_IMPL_OBSERVATION_H_
#define MESSI_IMPL_OBSERVATION_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/count.h"
#include "messi/base/finally.h"
#include "messi/base/harmless.h"
#include "messi/base/status.h"
#include "messi/calls/call_counts.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/frame_tap.h"
#include "messi/impl/observed_stream.h"
#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/log.h"
#include "messi/session/session_loss.h"
#include "messi/statistics.h"

namespace messi {

/// What a client or server tells its statistics, its log and its tap. There is none if nobody wants
/// to know, so everything that costs something is behind one pointer, at events of connections.
class Observation {
 public:
  /// Null if the options name nobody. They, `loop` and `settings` must outlive it.
  template <typename Options>
  static std::unique_ptr<Observation> wanted_by(const Options& options, EventLoop& loop,
                                                const connection::ConnectionSettings& settings) {
    const bool counts = options.statistics != nullptr;
    if (!counts && !options.log && !options.frame_tap) return nullptr;
    auto statistics = counts ? options.statistics : std::make_shared<Statistics>();
    return std::unique_ptr<Observation>(new Observation(std::move(statistics), options.log,
                                                        options.frame_tap, loop, settings,
                                                        counts || options.frame_tap));
  }
  Observation(const Observation&) = delete;
  Observation& operator=(const Observation&) = delete;
  ~Observation() {
    counts_.connections -= connections_;
    counts_.detached -= detached_;
    counts_.pending_bytes -= pending_bytes_;
    statistics_->detach(of_loop_);
  }

  /// The task that settles, at the end of a turn. With an observation it publishes what waits then.
  static std::function<void()> settling(Observation* observation, std::function<void()> settle) {
    if (observation == nullptr) return settle;
    return [observation, settle = std::move(settle)] {
      const Finally after([observation] { observation->publish_pending(); });
      settle();
    };
  }

  std::unique_ptr<Stream> observe(std::unique_ptr<Stream> stream, std::uint64_t connection) {
    if (!watches_streams_) return stream;
    return std::make_unique<ObservedStream>(std::move(stream), counts_, tap_, connection,
                                            loop_.buffers(), settings_.max_payload_size);
  }

  /// The same for a client, which has one connection after the other.
  std::unique_ptr<Stream> observe_next(std::unique_ptr<Stream> stream) {
    return observe(std::move(stream), ++last_);
  }
  /// The number of its last connection.
  std::uint64_t last() const { return last_; }
  bool was_connected() const { return was_connected_; }
  /// Whether a session waits for a connection.
  bool has_detached() const { return detached_ > 0; }

  void connected(std::uint64_t connection, std::string_view where, bool again) {
    was_connected_ = true;
    if (again) ++counts_.reconnects;
    ++counts_.connects;
    ++counts_.connections;
    ++connections_;
    log(LogLevel::kInfo, connection, {"connected: ", where});
  }
  void disconnected(std::uint64_t connection, DisconnectReason reason, std::string_view hint,
                    bool was_detached) {
    if (was_detached) attach();
    ++counts_.disconnects[reason];
    --counts_.connections;
    --connections_;
    log(level_of(reason), connection, {"disconnected: ", to_string(reason), space(hint), hint});
  }
  void detached(std::uint64_t connection, DisconnectReason reason) {
    ++counts_.detaches;
    ++counts_.detached;
    ++detached_;
    log(LogLevel::kInfo, connection, {"detached: ", to_string(reason)});
  }
  void resumed(std::uint64_t connection, std::uint64_t replayed) {
    attach();
    ++counts_.resumes;
    log(LogLevel::kInfo, connection, {"resumed; sent again: ", std::to_string(replayed)});
  }
  void session_lost(std::uint64_t connection, const SessionLoss& loss) {
    ++counts_.sessions_lost;
    log(LogLevel::kWarning, connection, {"session lost: ", to_string(loss.reason)});
  }
  void connect_failed(const Status& why) {
    ++counts_.connect_failures;
    const bool final = why.code() == StatusCode::kInvalidArgument;
    log(final ? LogLevel::kError : LogLevel::kWarning, 0, {"not connected: ", why.message()});
  }
  void refused(std::uint64_t connection, std::string_view address, DisconnectReason reason) {
    ++counts_.refusals[reason];
    log(LogLevel::kInfo, connection, {"refused: ", address, space(address), to_string(reason)});
  }
  void handshake_failed(std::string_view address, const Status& why) {
    ++counts_.handshake_failures;
    log(LogLevel::kInfo, 0, {"handshake failed: ", address, ": ", why.message()});
  }
  void behind(std::uint64_t connection) {
    ++counts_.slow_clients;
    log(LogLevel::kWarning, connection, {"behind: broadcasts are left out"});
  }
  /// A request, in its hook.
  void answered(CallEnd how = CallEnd::kAnswered) { ++counts_.served_calls[how]; }
  /// For calls; null without an observation.
  static BasicCallCounts<Count>* call_counts(Observation* observation) {
    return observation != nullptr ? &observation->counts_ : nullptr;
  }
  void dropped_broadcast() { ++counts_.dropped_broadcasts; }

 private:
  Observation(std::shared_ptr<Statistics> statistics, const LogHook& log, const FrameTap& tap,
              EventLoop& loop, const connection::ConnectionSettings& settings, bool watches_streams)
      : statistics_(std::move(statistics)),
        of_loop_(statistics_->attach(loop)),
        counts_(of_loop_.counts),
        log_(log),
        tap_(tap),
        loop_(loop),
        settings_(settings),
        watches_streams_(watches_streams) {}

  static std::string_view space(std::string_view before) { return before.empty() ? "" : " "; }

  static LogLevel level_of(DisconnectReason reason) {
    for (const DisconnectReason usual :
         {DisconnectReason::kConnectionClosed, DisconnectReason::kStopped,
          DisconnectReason::kDisconnected, DisconnectReason::kDraining,
          DisconnectReason::kReplaced}) {
      if (reason == usual) return LogLevel::kInfo;
    }
    return LogLevel::kWarning;
  }

  void attach() {
    --counts_.detached;
    --detached_;
  }

  void log(LogLevel level, std::uint64_t connection,
           std::initializer_list<std::string_view> parts) const {
    if (!log_) return;
    std::string text;
    for (const std::string_view part : parts) text += part;
    log_(level, connection, harmless(text));
  }

  void publish_pending() {
    counts_.pending_bytes += settings_.pending - pending_bytes_;
    pending_bytes_ = settings_.pending;
  }

  const std::shared_ptr<Statistics> statistics_;
  Statistics::OfLoop& of_loop_;
  BasicCounts<Count>& counts_;
  const LogHook& log_;
  const FrameTap& tap_;
  EventLoop& loop_;
  const connection::ConnectionSettings& settings_;
  const bool watches_streams_;  // nobody counts them for a log alone
  std::uint64_t last_ = 0;
  bool was_connected_ = false;
  // What this client or server has in the counts of what there is now.
  std::uint64_t connections_ = 0;
  std::uint64_t detached_ = 0;
  std::uint64_t pending_bytes_ = 0;
};

/// Tells the observation, if there is one, and then calls the hook, also if the user's log has
/// thrown. If the hook throws as well, the program ends.
template <typename Note, typename Hook>
void observed(Observation* observation, Note&& note, Hook&& hook) {
  bool noted = false;
  const Finally unless_noted([&] {
    if (!noted) hook();
  });
  if (observation != nullptr) note(*observation);
  noted = true;
  hook();
}

}  // namespace messi

#endif  // MESSI_IMPL_OBSERVATION_H_

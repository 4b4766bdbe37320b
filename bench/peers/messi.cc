// messi itself, used as the documentation says.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "bench/common/scenario.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"
#ifdef BENCH_VIEWS
#include "bench/peers/views_messages.h"
#else
#include "bench/peers/messages.h"
#endif
#ifdef BENCH_TLS
#include "messi/tls.h"
#endif
#ifdef BENCH_WS
#include "messi/websocket.h"
#endif

namespace bench {
namespace {

#ifdef BENCH_TLS
const char* const kScheme = "tls";
/// What brings URIs with that scheme.
class Scheme {
 public:
  Scheme(messi::EventLoop& loop, const Options& options) : network_(loop, config(options.tls)) {
    if (!network_.status().ok()) fail(network_.status().message());
  }

 private:
  static messi::tls::Config config(const std::string& folder) {
    messi::tls::Config config;
    config.ca_file = folder + "/ca.pem";
    config.certificate_file = folder + "/server.pem";
    config.key_file = folder + "/server_key.pem";
    config.server_name = "localhost";
    return config;
  }
  messi::tls::Network network_;
};
#elif defined(BENCH_WS)
const char* const kScheme = "ws";
class Scheme {
 public:
  Scheme(messi::EventLoop& loop, const Options& /*options*/) : network_(loop) {}

 private:
  messi::websocket::Network network_;
};
#else
const char* const kScheme = "tcp";
struct Scheme {
  Scheme(messi::EventLoop& /*loop*/, const Options& /*options*/) {}
};
#endif

std::string uri_of(int port, const std::string& host = "127.0.0.1") {
  return kScheme + ("://" + host + ":" + std::to_string(port));
}

// Half of this may wait before the server pauses until on_client_writable.
constexpr std::size_t kMaxPendingBytes = 1024 * 1024;

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, const Options& options)
      : ChatServer(loop, uri_of(options.port, options.any_address ? "0.0.0.0" : "127.0.0.1"),
                   server_options(options)),
        mode_(options.mode),
        groups_(options.groups),
        stream_message_(make_message(options)),
        stream_(loop, [this] { stream(); }) {}

  void on_client_connected(Client& client) override {
    if (groups_) all_.join(client);
  }

  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    reply(chat::ConnectRsp());
    if (mode_ != Mode::kStream) return;
    streamed_to_ = &client;
    stream_.schedule();
  }

  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    switch (mode_) {
      case Mode::kSink:
      case Mode::kStream:
        ++received_;
        break;
      case Mode::kEcho:
        client.send(message);
        break;
      case Mode::kBroadcast:
        if (groups_) {
          all_.send(message);
        } else {
          broadcast(message);
        }
        break;
    }
  }

  void on_client_writable(Client&) override { stream_.schedule(); }

  void on_client_disconnected(Client& client, messi::DisconnectReason) override {
    if (streamed_to_ == &client) streamed_to_ = nullptr;
  }

 private:
  static messi::ServerOptions server_options(const Options& options) {
    messi::ServerOptions result;
    result.max_clients = 20'000;
    result.max_pending_bytes = kMaxPendingBytes;
    if (options.sessions) result.session = messi::SessionMode::kRequired;
    result.handshake = options.calls == "named";
    return result;
  }

  void stream() {
    if (streamed_to_ == nullptr || streamed_to_->pending_bytes() > kMaxPendingBytes / 2) return;
    for (int i = 0; i < 100; ++i) streamed_to_->send(stream_message_);
    stream_.schedule();
  }

  Mode mode_;
  bool groups_;
  Group all_ = group("all");
  const chat::MessageInd stream_message_;
  messi::Task stream_;
  Client* streamed_to_ = nullptr;
  std::uint64_t received_ = 0;
};

std::size_t connected_count = 0;
std::function<void()> start_more;

template <class Scenario>
class Connection final : public chat::ChatClient {
 public:
  Connection(messi::EpollLoop& loop, const Options& options, Scenario& scenario,
             const chat::MessageInd& message)
      : ChatClient(loop, uri_of(options.port), client_options(options)),
        loop_(loop),
        scenario_(scenario),
        message_(message),
        most_pending_(options.max_pending_bytes / 2),
        stream_(loop, [this] { stream(); }) {}

  // For the scenario.
  void send() { send_message_ind(message_); }
  void request() { send_connect_req(request_); }
  bool writable() const { return pending_bytes() <= most_pending_; }

 private:
  void on_connected() override {
    ++connected_count;
    start_more();
    scenario_.on_ready(*this);
    proceed();
  }
  void on_message_ind(const chat::MessageInd& message) override {
    scenario_.on_message(*this, text_size(message));
    proceed();
  }
  void on_connect_rsp(const chat::ConnectRsp&) override {
    scenario_.on_response(*this);
    proceed();
  }
  void on_writable() override { stream_.schedule(); }
  void on_disconnected(messi::DisconnectReason reason) override {
    fail("disconnected: " + std::string(to_string(reason)) + " " + std::string(disconnect_hint()));
  }

  static messi::ClientOptions client_options(const Options& options) {
    messi::ClientOptions result;
    result.max_pending_bytes = options.max_pending_bytes;
    if (options.sessions) result.session = messi::SessionMode::kRequired;
    return result;
  }

  void proceed() {
    if (scenario_.streams()) stream_.schedule();
    if (scenario_.done()) loop_.stop();
  }

  void stream() {
    scenario_.on_writable(*this);
    if (scenario_.streams() && writable()) stream_.schedule();
  }

  messi::EpollLoop& loop_;
  Scenario& scenario_;
  const chat::MessageInd& message_;
  const chat::ConnectReq request_ = make_request();
  const std::size_t most_pending_;
  messi::Task stream_;
};

messi::EpollLoopOptions loop_options(const Options& options) {
  messi::EpollLoopOptions result;
  result.busy_poll = std::chrono::microseconds(options.busy_poll_us);
  return result;
}

void serve(const Options& options) {
  messi::EpollLoop loop(loop_options(options));
  const Scheme scheme(loop, options);
  Server server(loop, options);
  if (const absl::Status status = server.start(); !status.ok()) fail(std::string(status.message()));
  announce_port(server.port());
  loop.run();
}

template <class Scenario>
void run_clients(const Options& options, Scenario& scenario) {
  messi::EpollLoop loop(loop_options(options));
  const Scheme scheme(loop, options);
  const chat::MessageInd message = make_message(options);
  std::deque<Connection<Scenario>> connections;
  for (int i = 0; i < scenario.connections(); ++i)
    connections.emplace_back(loop, options, scenario, message);
  // With TLS a few at a time, as gRPC's clients of this benchmark connect one at a time: memory
  // that all handshakes take at once would count as that of the connections.
  std::size_t started = 0;
  const std::size_t at_once = options.tls.empty() ? connections.size() : 8;
  messi::Task start(loop, [&] {
    const std::size_t most = std::min(connections.size(), connected_count + at_once);
    while (started < most) connections[started++].start();
  });
  start_more = [&] { start.schedule(); };
  start_more();
  loop.run();
  std::_Exit(0);
}

/// Connects, asks, hears the answer, and does it all again, with a few connections at a time. Each
/// has an address of its own, or all have the same: then sessions are resumed.
class Visits {
 public:
  explicit Visits(const Options& options)
      : options_(options), scheme_(loop_, options), stopwatch_(options.server_pid) {}

  void run() {
    for (int i = 0; i < options_.window; ++i) begin_visit();
    loop_.run();
    stopwatch_.report(static_cast<double>(visits_));
  }

 private:
  class Visitor final : public chat::ChatClient {
   public:
    Visitor(Visits& visits, std::string uri)
        : ChatClient(visits.loop_, std::move(uri)), visits_(visits) {}

   private:
    void on_connected() override { send(chat::ConnectReq()); }
    void on_connect_rsp(const chat::ConnectRsp&) override { stop(); }
    void on_disconnected(messi::DisconnectReason reason) override {
      if (reason != messi::DisconnectReason::kStopped) fail("a visit was cut off");
      visits_.end_visit();
      loop().post([this] { visits_.forget(this); });
    }
    std::optional<messi::Duration> on_connect_failure(const absl::Status& why) override {
      fail(std::string(why.message()));
    }
    Visits& visits_;
  };

  void begin_visit() {
    ++begun_;
    std::string host = "127.0.0.1";
    if (options_.fresh_sessions) {
      host = "127." + std::to_string(1 + begun_ / 62'500) + "." +
             std::to_string(begun_ / 250 % 250) + "." + std::to_string(1 + begun_ % 250);
    }
    visitors_.push_back(std::make_unique<Visitor>(*this, uri_of(options_.port, host)));
    visitors_.back()->start();
  }
  void end_visit() {
    ++visits_;
    if (!measuring_ && visits_ >= 50) {
      measuring_ = true;
      visits_ = 0;
      stopwatch_.start();
    } else if (measuring_ && stopwatch_.elapsed() > options_.seconds) {
      return loop_.stop();
    }
    begin_visit();
  }
  void forget(const Visitor* visitor) {
    visitors_.remove_if([&](const auto& each) { return each.get() == visitor; });
  }

  const Options& options_;
  messi::EpollLoop loop_;
  const Scheme scheme_;
  Stopwatch stopwatch_;
  std::list<std::unique_ptr<Visitor>> visitors_;
  int begun_ = 0;
  std::uint64_t visits_ = 0;
  bool measuring_ = false;
};

/// Keeps `window` requests on their way: as calls, or paired by hand as programs did before there
/// were calls, with a callback and a time-out for each.
class Requests final : public chat::ChatClient {
 public:
  Requests(messi::EpollLoop& loop, const Options& options)
      : ChatClient(loop, uri_of(options.port), client_options(options)),
        options_(options),
        loop_(loop),
        stopwatch_(options.server_pid),
        timer_(loop, [] { fail("no answer in time"); }) {}

 private:
  static constexpr std::chrono::seconds kTimeout{5};

  static messi::ClientOptions client_options(const Options& options) {
    messi::ClientOptions result;
    result.handshake = options.calls == "named";
    if (options.sessions) result.session = messi::SessionMode::kRequired;
    return result;
  }

  void on_connected() override {
    for (int i = 0; i < options_.window; ++i) ask();
  }

  void ask() {
    if (options_.calls != "by_hand") {
      call(request_, kTimeout, [this](const messi::CallResult<chat::ConnectRsp>& result) {
        if (!result.ok()) fail("a call has failed");
        handle_answer();
      });
      return;
    }
    send(request_);
    waiting_.push_back({loop_.now() + kTimeout, [this] { handle_answer(); }});
    if (waiting_.size() == 1) timer_.set(waiting_.front().deadline);
  }

  void on_connect_rsp(const chat::ConnectRsp& /*answer*/) override {
    const std::function<void()> handler = std::move(waiting_.front().handler);
    waiting_.pop_front();
    if (!waiting_.empty() && ++since_timer_ == 1000) {
      since_timer_ = 0;
      timer_.set(waiting_.front().deadline);
    }
    handler();
  }

  void handle_answer() {
    ++answers_;
    if (!measuring_ && answers_ >= 10'000) {
      measuring_ = true;
      answers_ = 0;
      stopwatch_.start();
    } else if (measuring_ && answers_ % 1000 == 0 && stopwatch_.elapsed() > options_.seconds) {
      stopwatch_.report(static_cast<double>(answers_));
      return loop_.stop();
    }
    ask();
  }

  struct Waiting {
    messi::TimePoint deadline;
    std::function<void()> handler;
  };

  const Options& options_;
  messi::EpollLoop& loop_;
  Stopwatch stopwatch_;
  messi::Timer timer_;
  const chat::ConnectReq request_ = make_request();
  std::deque<Waiting> waiting_;
  int since_timer_ = 0;
  std::uint64_t answers_ = 0;
  bool measuring_ = false;
};

void run_requests(const Options& options) {
  messi::EpollLoop loop(loop_options(options));
  const Scheme scheme(loop, options);
  Requests requests(loop, options);
  requests.start();
  loop.run();
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) {
    bench::serve(options);
  } else if (options.scenario == "calls") {
    bench::run_requests(options);
    std::_Exit(0);
  } else if (options.scenario == "visits") {
    bench::Visits(options).run();
    std::_Exit(0);
  } else {
    bench::with_scenario(options, [&](auto& scenario) { bench::run_clients(options, scenario); });
  }
}

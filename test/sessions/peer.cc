// usage: messi_sessions_peer client|server URI PARCELS HISTORY [--ca FILE] [--cert FILE] [--key
// FILE]
//
// One end of kill_run, with either kind of messages; peer.py is the same in Python. It sends so
// many parcels, and expects as many; and one call for every ten. A client stops when all have
// arrived and are answered, a server at SIGTERM. Then it says what came.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "examples/command_line.h"
#include "examples/signals.h"
#include "kill_run.messi.h"
#include "messi/io/epoll_loop.h"
#include "messi/testing/history.h"
#include "messi/tls.h"
#include "messi/websocket.h"
#include "parcels.h"
#include "test/support/either_kind.h"

namespace {

using messi::test::content_of;
using messi::test::name_of;
using messi::test::text_of;
using messi::test::with_content;
using messi::test::with_name;
using messi::test::with_text;
using messi::testing::History;
using namespace std::chrono_literals;

constexpr std::size_t kMaxPendingBytes = std::size_t{256} * 1024;  // so that senders have to wait
constexpr std::size_t kForAnswers = std::size_t{8} * 1024;         // which must not be too much
constexpr std::uint64_t kMostOpen = 64;

std::string answer_to(const std::string& call) { return "answer to " + call; }

/// What this end sends and receives, over all sessions, and what it is told of them.
class Traffic {
 public:
  Traffic(messi::EventLoop& loop, const CommandLine& given, History::Side side)
      : parcels_to_send_(std::stoull(given.argument(2, ""))),
        calls_to_make_(parcels_to_send_ / 10),
        history_(given.argument(3, ""), side, 1000),
        progress_(loop, [this, &loop] {
          std::cout << "at " << sent_ + arrivals_.last() + answers_ << std::endl;
          progress_.set(loop.now() + 200ms);
        }) {
    progress_.set(loop.now());
  }

  History& history() { return history_; }
  bool complete() const {
    return sent_ == parcels_to_send_ && arrivals_.last() == parcels_to_send_ &&
           arrivals_.lost() == 0 && answers_ == calls_to_make_;
  }
  /// Whether all requests of the other side are answered.
  bool all_answered() const { return answered_ == calls_to_make_; }

  /// Sends as much as is accepted, but not too much in a turn. Then it returns true.
  template <typename To>
  bool send_some(std::uint64_t key, To& to) {
    for (int i = 0; i < 200; ++i) {
      if (sent_ == parcels_to_send_) return false;
      const std::string content = parcels_.make(sent_ + 1);
      const std::size_t pending = to.pending_bytes();
      const bool full = pending + content.size() > kMaxPendingBytes - kForAnswers;
      if (full && pending > kMaxPendingBytes / 2) return false;  // `on_writable` comes
      history_.sending(key, content);
      if (to.try_send_parcel_ind(with_content<kill_run::ParcelInd>(content)) !=
          messi::SendResult::kOk) {
        history_.not_sent(key);
        return false;
      }
      ++sent_;
      handle_sent();
    }
    return true;
  }
  /// A message is sent that is no answer.
  void handle_sent() { are_messages_.push_back(true); }
  void handle_answered() {
    are_messages_.push_back(false);
    ++answered_;
  }
  /// Makes some of the calls: `make_call(call)`. The histories have them as messages, but not the
  /// answers, which need not come in order among those.
  template <typename MakeCall>
  void call_some(std::uint64_t key, MakeCall&& make_call) {
    while (calls_ < calls_to_make_ && calls_ < answers_ + kMostOpen) {
      const std::string call = "call " + std::to_string(++calls_);
      history_.sending(key, call);
      make_call(call);
      handle_sent();
    }
  }
  template <typename Reply>
  void handle_result(const std::string& call, const messi::CallResult<Reply>& result) {
    if (!result.ok() || text_of(*result) != answer_to(call)) ++wrong_;
    ++answers_;
  }
  void handle_request(std::uint64_t key, const std::string& call) {
    history_.dispatched(key, call);
  }
  void handle_parcel(std::uint64_t key, const kill_run::ParcelInd& parcel) {
    const std::string content = content_of(parcel);
    history_.dispatched(key, content);
    arrivals_.note(parcels_.number(content));
  }

  void handle_detached(std::uint64_t key, messi::DisconnectReason reason) {
    history_.detached(key, to_string(reason));
    ++detached_;
  }
  void handle_resumed(std::uint64_t key, std::uint64_t replayed, std::uint64_t unacknowledged) {
    forget_acknowledged(unacknowledged);
    history_.resumed(key, std::min(replayed, open_messages()));
    history_.unacknowledged(key, open_messages());
    replayed_ += replayed;
  }
  void handle_lost(std::uint64_t key, const messi::SessionLoss& loss) {
    history_.lost(key, loss.first_unacked, loss.last_accepted, loss.peer_handled,
                  to_string(loss.reason));
  }
  static void say_lost(const messi::SessionLoss& loss) {
    std::cout << "lost: " << loss.reason << std::endl;
  }
  void handle_end(std::uint64_t key, std::uint64_t unacknowledged, messi::DisconnectReason reason) {
    forget_acknowledged(unacknowledged);
    history_.unacknowledged(key, open_messages());
    history_.disconnected(key, to_string(reason));
  }

  void report() const {
    std::cout << "result sent " << sent_ << " received " << arrivals_.last() << " lost "
              << arrivals_.lost() << " duplicated " << arrivals_.duplicated() << " reordered "
              << arrivals_.reordered() << " changed " << arrivals_.changed() << " detached "
              << detached_ << " replayed " << replayed_ << " answers " << answers_ << " wrong "
              << wrong_ << std::endl;
  }

 private:
  void forget_acknowledged(std::uint64_t unacknowledged) {
    while (are_messages_.size() > unacknowledged) are_messages_.pop_front();
  }
  std::uint64_t open_messages() const {
    return static_cast<std::uint64_t>(std::count(are_messages_.begin(), are_messages_.end(), true));
  }

  const Parcels parcels_;
  const std::uint64_t parcels_to_send_;
  const std::uint64_t calls_to_make_;
  History history_;
  messi::Timer progress_;
  std::uint64_t sent_ = 0;
  Arrivals arrivals_;
  std::uint64_t detached_ = 0;
  std::uint64_t replayed_ = 0;
  /// What was sent last, with all that is not acknowledged: the histories know no answers.
  std::deque<bool> are_messages_;
  std::uint64_t calls_ = 0;
  std::uint64_t answers_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t wrong_ = 0;
};

/// The requests of the other side. Each second one is answered later, and the last one first.
template <typename Reply>
class Asked {
 public:
  /// `on_answered()` is called when some were answered later.
  Asked(messi::EventLoop& loop, Traffic& traffic, std::function<void()> on_answered)
      : loop_(loop), traffic_(traffic), timer_(loop, [this, on_answered = std::move(on_answered)] {
          answer_kept();
          on_answered();
        }) {}

  /// `reply(answer)` answers at once, and `later()` makes a Responder.
  template <typename ReplyNow, typename Later>
  void handle(const std::string& call, ReplyNow&& reply_now, Later&& later) {
    const std::string answer = answer_to(call);
    if (++count_ % 2 == 0) {
      reply_now(with_text<Reply>(answer));
      traffic_.handle_answered();
      return;
    }
    kept_.emplace_back(later(), answer);
    if (!timer_.pending()) timer_.set(loop_.now() + 5ms);
  }

 private:
  void answer_kept() {
    for (; !kept_.empty(); kept_.pop_back()) {
      kept_.back().first.reply(with_text<Reply>(kept_.back().second));
      traffic_.handle_answered();
    }
  }

  messi::EventLoop& loop_;
  Traffic& traffic_;
  messi::Timer timer_;
  std::uint64_t count_ = 0;
  std::vector<std::pair<messi::Responder<Reply>, std::string>> kept_;
};

class Client final : public kill_run::KillRunClient {
 public:
  Client(messi::EventLoop& loop, const CommandLine& given)
      : KillRunClient(loop, given.argument(1, ""), client_options()),
        traffic_(loop, given, History::Side::kClient),
        asked_(loop, traffic_, [this] { send_.schedule(); }),
        send_(loop, [this] { send_some(); }) {}

  void report() const { traffic_.report(); }

  void on_connected() override {
    const std::string name = "session-" + std::to_string(++sessions_);
    traffic_.history().connected(kKey);
    traffic_.history().named(kKey, name);
    traffic_.history().sending(kKey, name);
    send(with_name<kill_run::SessionInd>(name));
    traffic_.handle_sent();
    send_some();
  }
  void on_parcel_ind(const kill_run::ParcelInd& parcel) override {
    traffic_.handle_parcel(kKey, parcel);
    stop_if_complete();
  }
  void on_tell_req(const kill_run::TellReq& request) override {
    traffic_.handle_request(kKey, text_of(request));
    asked_.handle(
        text_of(request), [this](const kill_run::TellRsp& answer) { reply(answer); },
        [&] { return answer_later(request); });
    send_.schedule();
  }
  void on_writable() override { send_.schedule(); }
  void on_detached(messi::DisconnectReason reason) override {
    traffic_.handle_detached(kKey, reason);
  }
  void on_resumed(std::uint64_t replayed) override {
    traffic_.handle_resumed(kKey, replayed, unacknowledged());
  }
  void on_session_lost(const messi::SessionLoss& loss) override {
    traffic_.handle_lost(kKey, loss);
    Traffic::say_lost(loss);
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    traffic_.handle_end(kKey, unacknowledged(), reason);
  }

 private:
  static constexpr std::uint64_t kKey = 0;

  static messi::ClientOptions client_options() {
    messi::ClientOptions options;
    options.session = messi::SessionMode::kRequired;
    options.ping_interval = 150ms;
    options.pong_timeout = 500ms;
    options.connect_timeout = 1s;
    options.backoff.initial = options.backoff.quick = 2ms;
    options.backoff.max = 50ms;
    options.max_pending_bytes = kMaxPendingBytes;
    options.linger = 60s;
    return options;
  }

  void send_some() {
    traffic_.call_some(kKey, [this](const std::string& text) { ask(text); });
    if (traffic_.send_some(kKey, *this)) send_.schedule();
    stop_if_complete();
  }
  void ask(const std::string& text) {
    call(with_text<kill_run::AskReq>(text), messi::Duration::max(),
         [this, text](messi::CallResult<kill_run::AskRsp> result) {
           traffic_.handle_result(text, result);
           send_.schedule();
         });
  }
  /// What it has answered is handled before it has stopped.
  void stop_if_complete() {
    if (traffic_.complete() && traffic_.all_answered()) stop();
  }

  Traffic traffic_;
  Asked<kill_run::TellRsp> asked_;
  messi::Task send_;
  std::uint64_t sessions_ = 0;
};

class Server final : public kill_run::KillRunServer {
 public:
  Server(messi::EventLoop& loop, const CommandLine& given)
      : KillRunServer(loop, given.argument(1, ""), server_options()),
        traffic_(loop, given, History::Side::kServer),
        asked_(loop, traffic_, [this] { send_.schedule(); }),
        send_(loop, [this] { send_some(); }) {}

  void report() const { traffic_.report(); }

  void on_client_connected(Client& client) override { traffic_.history().connected(client.id()); }
  void on_session_ind(Client& client, const kill_run::SessionInd& session) override {
    traffic_.history().dispatched(client.id(), name_of(session));
    traffic_.history().named(client.id(), name_of(session));
    client_ = client.id();
    send_some();
  }
  void on_parcel_ind(Client& client, const kill_run::ParcelInd& parcel) override {
    traffic_.handle_parcel(client.id(), parcel);
  }
  void on_ask_req(Client& client, const kill_run::AskReq& request) override {
    traffic_.handle_request(client.id(), text_of(request));
    asked_.handle(
        text_of(request), [this](const kill_run::AskRsp& answer) { reply(answer); },
        [&] { return answer_later(request); });
  }
  void on_client_writable(Client&) override { send_.schedule(); }
  void on_client_detached(Client& client, messi::DisconnectReason reason) override {
    traffic_.handle_detached(client.id(), reason);
  }
  void on_client_resumed(Client& client, std::uint64_t replayed) override {
    traffic_.handle_resumed(client.id(), replayed, client.unacknowledged());
  }
  void on_client_session_lost(Client& client, const messi::SessionLoss& loss) override {
    traffic_.handle_lost(client.id(), loss);
    // Else its WELCOME was cut off: the client has never heard of it, and has begun another one.
    const bool has_begun = client.id() == client_ || loss.first_unacked <= loss.last_accepted;
    if (has_begun) Traffic::say_lost(loss);
  }
  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    traffic_.handle_end(client.id(), client.unacknowledged(), reason);
  }

 private:
  static messi::ServerOptions server_options() {
    messi::ServerOptions options;
    options.session = messi::SessionMode::kRequired;
    options.client_timeout = 1s;
    options.max_pings_per_second = SIZE_MAX;
    options.max_pending_bytes = kMaxPendingBytes;
    return options;
  }

  void send_some() {
    Client* const client = find_client(client_);
    if (client == nullptr) return;
    traffic_.call_some(client_, [&](const std::string& text) { tell(*client, text); });
    if (traffic_.send_some(client_, *client)) send_.schedule();
  }
  void tell(Client& client, const std::string& text) {
    client.call(with_text<kill_run::TellReq>(text), messi::Duration::max(),
                [this, text](messi::CallResult<kill_run::TellRsp> result) {
                  traffic_.handle_result(text, result);
                  send_.schedule();
                });
  }

  Traffic traffic_;
  Asked<kill_run::AskRsp> asked_;
  messi::Task send_;
  std::uint64_t client_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const CommandLine given(argc, argv);
  if (given.size() != 4) return 2;
  messi::EpollLoop loop;
  const messi::websocket::Network ws(loop);
  if (given.argument(0, "") == "client") {
    const messi::tls::Network tls(loop, given.for_client());
    Client client(loop, given);
    client.start();
    loop.run_until([&] { return client.stopped(); });
    client.report();
    return 0;
  }
  const messi::tls::Network tls(loop, given.for_server());
  Server server(loop, given);
  const Signals signals(loop, [&] { server.stop(); });
  if (const absl::Status status = server.start(); !status.ok()) {
    std::cout << status.message() << std::endl;
    return 1;
  }
  std::cout << "listening " << server.uri() << std::endl;
  loop.run_until([&] { return server.stopped(); });
  server.report();
}

#ifndef MESSI_TEST_SIMULATION_ACTORS_H_
#define MESSI_TEST_SIMULATION_ACTORS_H_

// A client and a server that report all that happens to them.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/client.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/io/event_loop.h"
#include "messi/server.h"
#include "messi/session/session_loss.h"
#include "simulation.messi.h"
#include "test/simulation/call_log.h"
#include "test/simulation/callee.h"
#include "test/simulation/journal.h"
#include "test/simulation/messages.h"
#include "test/simulation/watch.h"

namespace messi::simulation {

using ::simulation::SimulationClient;
using ::simulation::SimulationServer;

/// How both sides behave.
struct Manners {
  std::size_t nervous =
      0;               ///< At each such message a side pauses until the end of the turn; 0: never.
  bool tries = false;  ///< It sends with `try_send`.
};

/// The calls that were made last, to cancel them.
class LastCalls {
 public:
  void add(CallRecord& record, Call call) {
    if (calls_.size() == 50) calls_.pop_front();
    calls_.emplace_back(&record, std::move(call));
  }
  void cancel(std::size_t count) {
    for (; count > 0 && !calls_.empty(); --count) {
      auto [record, call] = std::move(calls_.back());
      calls_.pop_back();
      if (!record->over()) record->cancelled = true;
      call.cancel();
    }
  }

 private:
  std::deque<std::pair<CallRecord*, Call>> calls_;
};

class Client final : public SimulationClient {
 public:
  Client(EventLoop& loop, Watch& watch, unsigned index, std::string uri, ClientOptions options,
         Manners manners);

  void say(Recipe recipe);
  void say_bad();
  /// Calls the server.
  void ask(std::size_t size, Duration timeout);
  void cancel(std::size_t count) { last_calls_.cancel(count); }
  void settle_calls() { callee_.settle(); }
  void check_cancelled() { callee_.check_cancelled(); }
  void end(Duration linger);
  void end_now();
  /// It is about to be destroyed.
  void vanish();
  bool up() const { return side_.up; }
  /// Whether nothing waits for a connection.
  bool idle() const { return waiting_.empty(); }
  void check_acknowledged();

 private:
  void on_connected() override;
  void on_disconnected(DisconnectReason reason) override;
  void on_detached(DisconnectReason reason) override;
  void on_resumed(std::uint64_t replayed) override;
  void on_session_lost(const SessionLoss& loss) override;
  std::optional<Duration> on_connect_failure(const absl::Status& error) override;
  void on_writable() override;
  void on_first(const First& message) override;
  void on_empty(const Empty& m) override { received(Form::kEmpty, hash_of(m)); }
  void on_flat(const Flat& m) override { received(Form::kFlat, hash_of(m)); }
  void on_text(const Text& m) override { received(Form::kText, hash_of(m)); }
  void on_nested(const Nested& m) override { received(Form::kNested, hash_of(m)); }
  void on_ask_rsp(const AskRsp&) override;
  void on_tell_req(const TellReq& request) override;
  void handle_end(CallRecord& call, const CallResult<AskRsp>& result);
  void received(Form form, std::uint64_t hash);
  void hear(Form form, std::uint64_t hash);
  bool wants_session() const { return options().session != SessionMode::kOff; }
  Journal* out();
  template <typename Message>
  bool pass(const Message& message, Journal& journal, bool tries);
  void ask_for_end();

  Watch& watch_;
  const unsigned index_;
  const Manners manners_;
  std::size_t received_ = 0;
  Duration linger_ = Duration::zero();  // of the last orderly end
  Task calm_down_;
  Side side_;
  std::deque<Journal*> waiting_;  // what is sent without a session waits for the next one
  LastCalls last_calls_;
  Callee<TellRsp> callee_;
};

/// How a server answers `on_authenticate`.
struct Doorman {
  Duration delay = Duration::zero();
  std::size_t refuses = 0;  ///< Each client with such a number; 0: none.
};

class Server final : public SimulationServer {
 public:
  Server(EventLoop& loop, Watch& watch, unsigned index, std::string uri, ServerOptions options,
         Manners manners, Doorman doorman);

  /// The one with that number in the order of connecting, or null.
  Client* client(unsigned number);
  void say(Client& client, Recipe recipe);
  void shout(Recipe recipe, const Client* except);
  /// Calls the client.
  void ask(Client& client, std::size_t size, Duration timeout);
  void cancel(std::size_t count) { last_calls_.cancel(count); }
  void settle_calls() { callee_.settle(); }
  void check_cancelled() { callee_.check_cancelled(); }
  void end();
  void end_now();
  void let_go(Duration deadline);
  void refuse_none() { doorman_.refuses = 0; }
  void end(Client& client);
  void end_now(Client& client);
  /// It is about to be destroyed.
  void vanish();
  std::size_t up() const { return up_.size(); }
  /// Those whose session is not waiting for them.
  std::size_t attached();
  /// Whether it is that of a client whose session waits for it.
  bool is_away(const Journal& journal);
  void check_acknowledged();
  bool all_delivered();

 private:
  bool on_client_arriving(const std::string& peer_address) override;
  void on_authenticate(Client& client) override;
  void on_client_connected(Client& client) override;
  void on_client_disconnected(Client& client, DisconnectReason reason) override;
  void on_client_detached(Client& client, DisconnectReason reason) override;
  void on_client_resumed(Client& client, std::uint64_t replayed) override;
  void on_client_session_lost(Client& client, const SessionLoss& loss) override;
  void on_client_writable(Client& client) override;
  void on_client_behind(Client& client) override;
  void on_first(Client& client, const First& message) override;
  void on_empty(Client& c, const Empty& m) override { received(c, Form::kEmpty, hash_of(m)); }
  void on_flat(Client& c, const Flat& m) override { received(c, Form::kFlat, hash_of(m)); }
  void on_text(Client& c, const Text& m) override { received(c, Form::kText, hash_of(m)); }
  void on_nested(Client& c, const Nested& m) override { received(c, Form::kNested, hash_of(m)); }
  void on_ask_req(Client& client, const AskReq& request) override;
  void on_tell_rsp(Client& client, const TellRsp&) override;
  void handle_end(std::uint64_t id, CallRecord& call, const CallResult<TellRsp>& result);
  void hear(Client& client, Form form, std::uint64_t hash);
  void received(Client& client, Form form, std::uint64_t hash);
  template <typename Message>
  bool pass(const Message& message, Client& client, bool tries);
  void answer(Client& client);
  void answer_late();
  void check_pending();
  static Side& side(Client& client) { return client.state<Side>(); }

  Watch& watch_;
  const unsigned index_;
  const Manners manners_;
  std::size_t received_ = 0;
  Doorman doorman_;
  std::deque<std::pair<TimePoint, std::uint64_t>> unanswered_;  // when, and whom
  Timer late_;
  TimePoint drain_end_ = TimePoint::max();
  std::vector<std::uint64_t> nervous_clients_;
  Task calm_down_;
  std::vector<Side*> up_;  // of the clients that have not been told to be gone
  LastCalls last_calls_;
  Callee<AskRsp> callee_;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_ACTORS_H_

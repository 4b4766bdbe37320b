#include "test/threads/round.h"

#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "messi/metrics.h"
#include "messi/statistics.h"
#include "test/simulation/random.h"
#include "test/threads/actors.h"
#include "test/threads/host.h"
#include "test/threads/ledger.h"
#include "test/threads/runner.h"

namespace messi::random_use {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// What the seed has chosen.
struct Plan {
  explicit Plan(Random& random)
      : rough(random.chance(40)),
        session(random.chance(50)),
        cuts((rough || session) && random.chance(60)),
        handshake(random.chance(50)),
        tcp(random.chance(50)),
        server_loops(random.chance(40) ? 2 + random.below(2) : 1),
        clients(1 + random.below(4)),
        client_loops(1 + random.below(2)),
        senders(random.below(3)),
        actors(1 + random.below(2)) {}

  bool rough;      ///< Clients and the server go when they like: messages may be lost.
  bool session;    ///< Else connections that break lose messages.
  bool cuts;       ///< Connections break.
  bool handshake;  ///< Answers name their requests, also without a session.
  bool tcp;
  bool names() const { return session || handshake; }
  std::size_t server_loops;
  std::size_t clients;
  std::size_t client_loops;
  std::size_t senders;  ///< Threads that send, each way.
  std::size_t actors;   ///< Threads that have the loops do something.
};

std::unique_ptr<Runner> make_runner([[maybe_unused]] Random& random) {
#ifdef MESSI_RANDOM_USE_ASIO
  if (random.chance(40)) return std::make_unique<OnStrand>();
#endif
  return std::make_unique<OwnThread>();
}

class Round {
 public:
  Round(std::uint64_t seed, const std::string& folder)
      : random_(seed), plan_(random_), ledger_(!plan_.rough) {
    uri_ = plan_.tcp ? "tcp://127.0.0.1:0" : "unix://" + folder + "/" + std::to_string(seed);
  }

  Outcome play() {
    begin();
    std::vector<std::thread> senders = begin_senders();
    std::vector<std::thread> actors;
    for (std::size_t i = 0; i < plan_.actors; ++i) {
      actors.emplace_back([this, own = Random(random_.next())]() mutable { act(own); });
    }
    std::thread reader([this] { read_statistics(); });
    const auto join = [](std::vector<std::thread>& threads) {
      for (std::thread& each : threads) each.join();
    };
    join(actors);
    resume_all();
    if (!plan_.rough) join(senders);
    worker_.join();
    reader.join();
    if (plan_.rough) {
      to_server_.close();
      to_clients_.close();
      random_.chance(50) ? vanish() : end();
      join(senders);
    } else {
      arrive();
      end();
    }
    vanish();
    return {ledger_.arrived(), ledger_.calls_ended(), ledger_.wrong() + lost_};
  }

 private:
  /// A loop with its clients. They belong to it.
  struct Home {
    std::unique_ptr<Runner> runner;
    std::vector<std::unique_ptr<Client>> clients;
  };

  // A busy machine may take its time.
  template <typename Options>
  Options patient(Options options) {
    options.session = plan_.session ? SessionMode::kPrefer : SessionMode::kOff;
    options.handshake = plan_.handshake;
    options.linger = seconds(60);
    options.frame_timeout = Duration::max();
    options.statistics = statistics_;
    return options;
  }
  ServerOptions server_options() {
    ServerOptions options = patient(ServerOptions());
    options.client_timeout = seconds(60);
    options.session_timeout = seconds(120);
    options.offer_wait = seconds(60);
    return options;
  }
  ClientOptions client_options() {
    ClientOptions options = patient(ClientOptions());
    // A client of messi introduces itself, so that none has to wait for `offer_wait`.
    options.handshake = true;
    options.pong_timeout = seconds(60);
    options.connect_timeout = seconds(60);
    options.backoff.initial = milliseconds(2);
    options.backoff.max = milliseconds(20);
    return options;
  }

  void make_client(Home& home, std::size_t which, std::uint64_t seed) {
    home.clients[which].reset();
    home.clients[which] =
        std::make_unique<Client>(home.runner->loop(), uri_, client_options(), ledger_, worker_,
                                 to_server_, plan_.names(), seed);
    home.clients[which]->start();
  }

  std::unique_ptr<Host> make_host() {
    const std::uint64_t seed = random_.next();
    if (plan_.server_loops > 1) {
      return std::make_unique<OnAllLoops>(uri_, server_options(), plan_.server_loops, ledger_,
                                          worker_, to_clients_, plan_.names(), seed);
    }
    return std::make_unique<OnOneLoop>(make_runner(random_), [this, seed](EventLoop& loop) {
      return std::make_unique<Server>(loop, uri_, server_options(), ledger_, worker_, to_clients_,
                                      plan_.names(), seed);
    });
  }

  void begin() {
    host_ = make_host();
    if (!host_->start().ok()) ledger_.fail();
    uri_ = host_->uri();
    homes_.resize(plan_.client_loops);
    for (Home& home : homes_) home.runner = make_runner(random_);
    for (std::size_t i = 0; i < plan_.clients; ++i) {
      homes_[random_.below(homes_.size())].clients.emplace_back();
    }
    for (Home& home : homes_) {
      home.runner->call([&] {
        for (std::size_t i = 0; i < home.clients.size(); ++i) {
          make_client(home, i, random_.next());
        }
      });
    }
    if (plan_.rough) return;
    wait_for_clients([](const Client& client) { return client.connected(); });
  }

  template <typename Is>
  void wait_for_clients(Is&& is) {
    for (Home& home : homes_) {
      const bool came = home.runner->wait_until([&] {
        return std::all_of(home.clients.begin(), home.clients.end(),
                           [&](const std::unique_ptr<Client>& client) { return is(*client); });
      });
      if (!came) ledger_.fail();
    }
  }
  template <typename Is>
  void wait_for_server(Is&& is) {
    if (!host_->wait_until(is)) ledger_.fail();
  }
  template <typename Do>
  void for_each_client(Do&& its) {
    for (Home& home : homes_) {
      home.runner->call([&] {
        for (const std::unique_ptr<Client>& client : home.clients) its(*client);
      });
    }
  }

  std::vector<std::thread> begin_senders() {
    std::vector<std::thread> senders;
    for (std::size_t i = 0; i < plan_.senders; ++i) {
      senders.emplace_back([this, own = Random(random_.next())]() mutable {
        send_some(to_server_, /*to_server=*/true, own);
      });
      senders.emplace_back([this, own = Random(random_.next())]() mutable {
        send_some(to_clients_, /*to_server=*/false, own);
      });
    }
    return senders;
  }

  template <typename Board>
  void send_some(Board& board, bool to_server, Random& random) {
    for (std::uint64_t bursts = 1 + random.below(20); bursts > 0; --bursts) {
      const auto sender = board.copy_any(random);
      const int lane = sender != nullptr ? ledger_.open_lane(to_server) : -1;
      if (lane < 0) {
        if (!plan_.rough) ledger_.fail();
        return;
      }
      send_burst(*sender, lane, random);
    }
  }

  template <typename Sender>
  void send_burst(const Sender& sender, int lane, Random& random) {
    const std::uint64_t count = random.below(random.chance(20) ? 2'000 : 100);
    for (std::uint64_t number = 0; number < count;) {
      const std::size_t rest = random.below(random.chance(3) ? 30'000 : 100);
      const SendResult result =
          sender.send(make_note(static_cast<std::uint32_t>(lane), number, rest));
      if (result == SendResult::kOk) {
        ledger_.accept(lane);
        ++number;
      } else if (result != SendResult::kFull || !sender.wait_for_room(seconds(60))) {
        if (!plan_.rough) ledger_.fail();
        return;
      }
    }
  }

  /// Does things on the loops, from another thread.
  void act(Random& random) {
    for (std::uint64_t count = random.below(400); count > 0; --count) {
      const bool waits = random.chance(20);
      const std::uint64_t dice = random.below(100);
      const std::uint64_t seed = random.next();
      if (random.chance(50)) {
        if (plan_.rough && !plan_.tcp && dice >= 98) {
          if (!host_->restart(seed)) ledger_.fail();
          continue;
        }
        host_->on_any(seed, waits, [this, dice](Server& server) { act_on_server(server, dice); });
      } else {
        Home& home = homes_[random.below(homes_.size())];
        if (home.clients.empty()) continue;
        const auto what = [this, &home, which = random.below(home.clients.size()), dice, seed] {
          act_on_client(home, which, dice, seed);
        };
        waits ? home.runner->call(what) : home.runner->loop().post(what);
      }
    }
  }

  void act_on_server(Server& server, std::uint64_t dice) const {
    if (dice < 50) return server.tell();
    if (dice < 80) return server.shout();
    if (dice < 90) return server.regroup();
    Server::Client* const client = server.any_client();
    if (client == nullptr) return;
    if (dice < 93) return cut(client->native_handle());
    if (dice < 95) return client->pause();
    if (plan_.rough && dice < 97) return client->disconnect();
    for (Server::Client& each : server.clients()) each.resume();
  }

  void act_on_client(Home& home, std::size_t which, std::uint64_t dice, std::uint64_t seed) {
    Client& client = *home.clients[which];
    if (dice < 85) return client.ask();
    if (dice < 88) return cut(client.native_handle());
    if (dice < 91) return client.pause();
    if (dice < 95 || !plan_.rough) return client.resume();
    if (seed % 2 == 0) return make_client(home, which, seed);
    client.stop_now();
    client.start();
  }

  // Both sides see an end, as if the other had made it.
  void cut(int socket) const {
    if (plan_.cuts && socket >= 0) shutdown(socket, SHUT_RDWR);
  }

  void read_statistics() {
    Metrics metrics;
    metrics.add("round", statistics_);
    Counts before;
    for (int i = 0; i < 20; ++i) {
      const Counts now = statistics_->read();
      if (now.connects < before.connects || now.received_bytes < before.received_bytes) {
        ledger_.fail();
      }
      before = now;
      if (metrics.text().empty()) ledger_.fail();
      std::this_thread::yield();
    }
  }

  void resume_all() {
    for_each_client([](Client& client) { client.resume(); });
    host_->on_each([](Server& server) {
      for (Server::Client& client : server.clients()) client.resume();
    });
  }

  /// All that was accepted arrives, some of it only because one side stops in order.
  void arrive() {
    const std::uint64_t dice = random_.below(3);
    if (dice == 0) {
      for_each_client([](Client& client) { client.stop(); });
      wait_for_clients([](const Client& client) { return client.stopped(); });
      wait_for_server([](Server& server) { return server.client_count() == 0; });
      lost_ += ledger_.missing(/*to_server=*/true);
      return;
    }
    if (dice == 1 && !plan_.cuts) {
      host_->on_each([](Server& server) { server.stop(); });
      wait_for_server([](Server& server) { return server.stopped(); });
      wait_for_clients([](const Client& client) { return !client.connected(); });
      lost_ += ledger_.missing(/*to_server=*/false);
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    const auto missing = [this] { return ledger_.missing(true) + ledger_.missing(false); };
    while (missing() > 0 && std::chrono::steady_clock::now() < deadline) {
      host_->on_each([](Server& /*server*/) {});
      for_each_client([](Client&) {});
    }
    lost_ += missing();
  }

  /// All stop, and say so.
  void end() {
    for_each_client([](Client& client) { client.stop_now(); });
    host_->on_each([](Server& server) { server.stop_now(); });
    wait_for_clients([](const Client& client) { return client.stopped(); });
    wait_for_server([](Server& server) { return server.stopped(); });
    if (statistics_->read().connections != 0) ledger_.fail();
  }

  /// Clients, the server and the loops are destroyed, whatever they are doing.
  void vanish() {
    std::vector<std::function<void()>> ends;
    for (Home& home : homes_) {
      ends.emplace_back([this, &home] {
        if (home.runner == nullptr) return;
        if (random_.chance(30)) home.runner->stop();
        home.runner->call([&] { home.clients.clear(); });
        home.runner.reset();
      });
    }
    ends.emplace_back([this] {
      if (host_ == nullptr) return;
      if (random_.chance(30)) host_->stop_loops();
      host_.reset();
    });
    std::rotate(ends.begin(),
                ends.begin() + static_cast<std::ptrdiff_t>(random_.below(ends.size())), ends.end());
    for (const std::function<void()>& each : ends) each();
  }

  Random random_;
  const Plan plan_;
  Ledger ledger_;
  std::string uri_;
  const std::shared_ptr<Statistics> statistics_ = std::make_shared<Statistics>();
  Client::Senders to_server_;
  Server::Senders to_clients_;
  Worker worker_;
  std::unique_ptr<Host> host_;
  std::vector<Home> homes_;
  std::uint64_t lost_ = 0;
};

}  // namespace

Outcome play_round(std::uint64_t seed, const std::string& folder) {
  return Round(seed, folder).play();
}

}  // namespace messi::random_use

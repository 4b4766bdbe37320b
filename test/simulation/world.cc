#include "test/simulation/world.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/statistics.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/simulation/actors.h"
#include "test/simulation/messages.h"
#include "test/simulation/random.h"
#include "test/simulation/tls_network.h"
#include "test/simulation/watch.h"

namespace messi::simulation {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kUris[] = {"tcp://first:1", "tcp://second:2"};
constexpr const char* kTlsUris[] = {"tls://first:1", "tls://second:2"};

constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();

constexpr std::size_t kDefaultCapacity = testing::Faults().capacity;

struct Thrown {};

class World final : public Watch {
 public:
  World(const Scenario& scenario, bool verbose)
      : Watch(scenario.seed, verbose), scenario_(scenario), verbose_(verbose) {}

  Outcome run();

 private:
  TimePoint now() override { return loop_.now(); }
  bool in_hook(Hook hook, unsigned of) override;
  SessionMode session_mode(const std::string& uri) const override {
    return session_mode(server_sessions_[uri == this->uri(1) ? 1 : 0]);
  }
  static SessionMode session_mode(Sessions says) {
    if (says == Sessions::kRequired) return SessionMode::kRequired;
    return says == Sessions::kPrefer ? SessionMode::kPrefer : SessionMode::kOff;
  }

  void set_up();
  bool understand_each_other() const;
  void do_item(const Item& item);
  void do_for_client(const Item& item);
  void do_for_server(const Item& item);
  void do_for_peer(const Item& item, Server& server);
  void do_for_network(const Item& item);
  void make_client(unsigned index);
  void make_server(unsigned index);
  std::string uri(unsigned server) const {
    return tls_ != nullptr ? kTlsUris[server] : kUris[server];
  }
  void advance(Duration duration);
  void check_acknowledged();
  void check_calls();
  void set_up_calls();
  template <typename Do>
  void for_all(Do&& its);
  void make_calls(Duration timeout);
  void settle_calls();
  void finish();
  void heal();
  void come_together();
  bool together();
  void prove();
  void stay_quiet();
  void end();
  void talk();
  void check_stopped();
  std::size_t most_memory() const;

  const Scenario& scenario_;
  const bool verbose_;
  ClientOptions client_options_;
  ServerOptions server_options_;
  unsigned server_count_ = 1;
  Sessions client_sessions_[8] = {};
  Sessions server_sessions_[2] = {};
  bool sessions_ = false;
  bool calls_are_made_ = false;
  Manners manners_;
  Duration longest_close_ = Duration::zero();
  Doorman doorman_;
  std::vector<const Item*> armed_;  // they wait for a hook
  bool half_open_ = false;
  bool unanswered_ = false;  // an attempt to connect may be under way for ever
  bool stopped_ = false;     // a connection may be ending
  bool calm_ = false;        // at the end all are connected
  testing::ManualLoop loop_{scenario_.seed};
  std::unique_ptr<Network> tls_;
  std::vector<std::unique_ptr<testing::RawClient>> strangers_;
  std::size_t strangers_made_ = 0;
  std::size_t remade_ = 0;
  std::unique_ptr<Server> servers_[2];
  std::vector<std::unique_ptr<Client>> clients_;
};

bool World::in_hook(Hook hook, unsigned of) {
  bool yes = true;
  std::vector<const Item*> due;
  for (const Item*& item : armed_) {
    if (item->hook == hook && item->hook_of == of) due.push_back(std::exchange(item, nullptr));
  }
  if (due.empty()) return yes;
  armed_.erase(std::remove(armed_.begin(), armed_.end(), nullptr), armed_.end());
  bool throws = false;
  for (const Item* const item : due) {
    if (item->act == Act::kThrow) {
      throws = true;
    } else if (item->act == Act::kGiveUp) {
      yes = false;
    } else if (item->act == Act::kRemake || item->act == Act::kServerRemake) {
      loop_.post([this, item] { do_item(*item); });
    } else {
      do_item(*item);
    }
  }
  if (throws) {
    causes().disturbed = true;
    throw Thrown();
  }
  return yes;
}

void World::make_client(unsigned index) {
  if (clients_.size() <= index) clients_.resize(index + 1);
  const unsigned home = index % server_count_;
  ClientOptions options = client_options_;
  if (server_count_ == 2) options.more_uris = {uri(1 - home)};
  options.session = session_mode(client_sessions_[index]);
  options.handshake = client_sessions_[index] == Sessions::kHandshake;
  if (clients_[index] != nullptr) {
    clients_[index]->vanish();
    ++remade_;
  }
  clients_[index].reset();
  clients_[index] = std::make_unique<Client>(loop_, *this, index, uri(home), options, manners_);
  clients_[index]->start();
}

void World::make_server(unsigned index) {
  ServerOptions options = server_options_;
  options.session = session_mode(server_sessions_[index]);
  options.handshake = server_sessions_[index] == Sessions::kHandshake;
  if (servers_[index] != nullptr) servers_[index]->vanish();
  servers_[index].reset();
  servers_[index] =
      std::make_unique<Server>(loop_, *this, index, uri(index), options, manners_, doorman_);
  require(servers_[index]->start().ok(), "a server does not start");
}

void World::set_up() {
  for (const Item& item : scenario_.items) {
    switch (item.act) {
      case Act::kTls:
        tls_ = make_tls_network(loop_, scenario_.seed);
        expect_handshakes();
        break;
      case Act::kSecondServer:
        server_count_ = 2;
        break;
      case Act::kNervous:
        manners_.nervous = item.amount;
        break;
      case Act::kShuffle:
        client_options_.shuffle_uris = true;
        break;
      case Act::kClientPayload:
        client_options_.max_payload_size = item.amount;
        break;
      case Act::kClientPending:
        client_options_.max_pending_bytes = item.amount;
        break;
      case Act::kClientLinger:
        client_options_.linger = item.span;
        break;
      case Act::kClientSilence:
        client_options_.pong_timeout = item.span;
        break;
      case Act::kBackoff:
        client_options_.backoff.max = item.span;
        client_options_.backoff.initial = std::min<Duration>(item.span / 4, seconds(1));
        break;
      case Act::kServerPayload:
        server_options_.max_payload_size = item.amount;
        break;
      case Act::kServerPending:
        server_options_.max_pending_bytes = item.amount;
        break;
      case Act::kServerLinger:
        server_options_.linger = item.span;
        break;
      case Act::kServerSilence:
        server_options_.client_timeout = item.span;
        break;
      case Act::kLateAnswers:
        doorman_.delay = item.span;
        break;
      case Act::kRefusals:
        doorman_.refuses = item.amount;
        break;
      case Act::kServerTotal:
        server_options_.max_total_pending_bytes = item.amount;
        expect_full_servers();
        break;
      case Act::kFrameTimeout:
        client_options_.frame_timeout = server_options_.frame_timeout = item.span;
        causes().disturbed = true;
        break;
      case Act::kDropNewest:
        server_options_.slow_reader = SlowReader::kDropNewest;
        break;
      case Act::kKeepLatest:
        server_options_.slow_reader = SlowReader::kKeepLatest;
        break;
      case Act::kServerFull:
        server_options_.max_clients = item.amount;
        causes().few_places = true;
        break;
      case Act::kClientSession:
        client_sessions_[item.who] = static_cast<Sessions>(item.amount);
        break;
      case Act::kServerSession:
        server_sessions_[item.who] = static_cast<Sessions>(item.amount);
        if (item.amount > 0) expect_introductions();
        break;
      case Act::kSessionTimeout:
        server_options_.session_timeout = item.span;
        break;
      case Act::kOfferWait:
        server_options_.offer_wait = item.span;
        break;
      case Act::kTries:
        manners_.tries = true;
        break;
      case Act::kMostCalls:
        client_options_.max_open_calls = server_options_.max_open_calls = item.amount;
        break;
      case Act::kCall:
      case Act::kPeerCall:
        calls_are_made_ = true;
        break;
      default:
        break;
    }
  }
  set_smallest_limit(std::min(client_options_.max_payload_size, server_options_.max_payload_size));
  const SessionMode modes[] = {session_mode(server_sessions_[0]),
                               session_mode(server_sessions_[1])};
  sessions_ = modes[0] != SessionMode::kOff || modes[1] != SessionMode::kOff;
  causes().two_servers = server_count_ == 2;
  causes().downgrade = (modes[0] == SessionMode::kOff) != (modes[1] == SessionMode::kOff);
  causes().session_timeout = server_options_.session_timeout;
  if (calls_are_made_) set_up_calls();
  for (unsigned i = 0; i < server_count_; ++i) make_server(i);
}

void World::set_up_calls() {
  client_options_.statistics = server_options_.statistics = std::make_shared<Statistics>();
  calls().set_most(client_options_.max_open_calls);
  // Some may answer in order only: those that do not introduce themselves, or not in time.
  bool named = true;
  for (const Item& item : scenario_.items) {
    named &= item.act != Act::kOfferWait;
    named &= item.act != Act::kClient || client_sessions_[item.who] != Sessions::kOff;
  }
  for (unsigned i = 0; i < server_count_; ++i) named &= server_sessions_[i] != Sessions::kOff;
  calls().set_named(named);
}

/// Whether each client may connect to each server.
bool World::understand_each_other() const {
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    if (clients_[i] == nullptr) continue;
    for (unsigned server = 0; server < server_count_; ++server) {
      const SessionMode ours = session_mode(client_sessions_[i]);
      const SessionMode theirs = session_mode(server_sessions_[server]);
      if (ours == SessionMode::kRequired && theirs == SessionMode::kOff) return false;
      if (ours == SessionMode::kOff && theirs == SessionMode::kRequired) return false;
    }
  }
  return true;
}

void World::do_item(const Item& item) {
  const Harm harmed = harm_of(item);
  if (harmed == Harm::kOne) harm(item.peer);
  if (harmed >= Harm::kAll) harm_all();
  if (harmed == Harm::kAllToCome) harm_more();
  if (item.act == Act::kCapacity || item.act == Act::kSmallWay) be_narrow();
  unanswered_ |= item.act == Act::kIgnore || item.act == Act::kStall || tls_ != nullptr;
  stopped_ |= item.act == Act::kStop || item.act == Act::kClose || item.act == Act::kServerStop ||
              item.act == Act::kPeerDisconnect;
  if (item.act == Act::kClose) longest_close_ = std::max(longest_close_, item.span);
  if (item.act < Act::kClient) return;
  if (item.act == Act::kClient) return make_client(item.who);
  if (item.act <= Act::kRemake) return do_for_client(item);
  if (item.act <= Act::kPeerResume) return do_for_server(item);
  do_for_network(item);
}

void World::do_for_client(const Item& item) {
  if (item.who >= clients_.size() || clients_[item.who] == nullptr) return;
  Client& client = *clients_[item.who];
  switch (item.act) {
    case Act::kStart:
      return client.start();
    case Act::kStop:
      return client.end(client.options().linger);
    case Act::kClose:
      return client.end(item.span);
    case Act::kStopNow:
      return client.end_now();
    case Act::kPause:
      return client.pause();
    case Act::kResume:
      return client.resume();
    case Act::kSend:
      for (std::size_t i = 0; i < item.amount; ++i) client.say(item.recipe);
      return;
    case Act::kSendBad:
      return client.say_bad();
    case Act::kCall:
      for (std::size_t i = 0; i < item.amount; ++i) client.ask(item.recipe.size, item.span);
      return;
    case Act::kCancel:
      return client.cancel(item.amount);
    case Act::kRemake:
      return make_client(item.who);
    default:
      return;
  }
}

void World::do_for_server(const Item& item) {
  if (item.who >= server_count_) return;
  Server& server = *servers_[item.who];
  switch (item.act) {
    case Act::kServerStart:
      return require(server.start().ok(), "a server does not start");
    case Act::kServerStop:
      return server.end();
    case Act::kServerStopNow:
      return server.end_now();
    case Act::kServerDrain:
      return server.let_go(item.span);
    case Act::kServerRemake:
      return make_server(item.who);
    default:
      return do_for_peer(item, server);
  }
}

void World::do_for_peer(const Item& item, Server& server) {
  if (item.act == Act::kPeerCancel) return server.cancel(item.amount);
  Server::Client* const peer = server.client(item.peer);
  if (item.act == Act::kBroadcast) {
    for (std::size_t i = 0; i < item.amount; ++i) server.shout(item.recipe, peer);
    return;
  }
  if (peer == nullptr) return;
  switch (item.act) {
    case Act::kPeerSend:
      for (std::size_t i = 0; i < item.amount; ++i) server.say(*peer, item.recipe);
      return;
    case Act::kPeerCall:
      for (std::size_t i = 0; i < item.amount; ++i) server.ask(*peer, item.recipe.size, item.span);
      return;
    case Act::kPeerDisconnect:
      return server.end(*peer);
    case Act::kPeerDisconnectNow:
      return server.end_now(*peer);
    case Act::kPeerPause:
      return peer->pause();
    case Act::kPeerResume:
      return peer->resume();
    default:
      return;
  }
}

void World::do_for_network(const Item& item) {
  testing::MemoryNetwork& network = loop_.network();
  testing::LinkFaults* const link = network.link(item.peer);
  const auto way = [&](testing::LinkFaults& faults) -> testing::WayFaults& {
    return item.who == 0 ? faults.to_server : faults.to_client;
  };
  switch (item.act) {
    case Act::kMostPerRead:
      network.faults.most_per_read = item.amount;
      return;
    case Act::kCapacity:
      network.faults.capacity = item.amount;
      return;
    case Act::kConnectLatency:
      network.faults.connect_latency = item.span;
      return;
    case Act::kNewLatency:
      way(network.new_links).latency = item.span;
      return;
    case Act::kRefuse:
      network.faults.refuse_connects = true;
      return;
    case Act::kIgnore:
      network.faults.ignore_connects = true;
      return;
    case Act::kStall:
      network.faults.stalled = true;
      return;
    case Act::kHeal:
      return heal();
    case Act::kNewCut:
      way(network.new_links).cut_after = item.amount;
      return;
    case Act::kCut:
      return network.cut(item.peer);
    case Act::kCutAll:
      return network.cut_all();
    case Act::kHoldUp:
      stand_still();
      calls().be_late(item.span);
      return loop_.hold_up(item.span);
    case Act::kStranger: {
      strangers_.push_back(
          std::make_unique<testing::RawClient>(loop_, kUris[item.who % server_count_]));
      ++strangers_made_;
      advance(Duration::zero());
      if (strangers_.back()->peer() == nullptr) return;
      std::string bytes;
      for (std::size_t i = 0; i < item.amount; ++i) {
        bytes.push_back(static_cast<char>(mix(scenario_.seed + i)));
      }
      return (*strangers_.back())->send(bytes);
    }
    default:
      break;
  }
  if (link == nullptr) return;
  switch (item.act) {
    case Act::kLatency:
      way(*link).latency = item.span;
      return;
    case Act::kCutAfter:
      way(*link).cut_after = item.amount;
      return;
    case Act::kStallWay:
      way(*link).stalled = half_open_ = true;
      return;
    case Act::kHalfOpen:
      link->to_server.stalled = link->to_client.stalled = half_open_ = true;
      return;
    case Act::kSmallWay:
      way(*link).capacity = way(*link).most_per_read = item.amount;
      return;
    default:
      return;
  }
}

void World::heal() {
  calm();
  testing::MemoryNetwork& network = loop_.network();
  network.faults.stalled = false;
  network.faults.refuse_connects = false;
  network.faults.ignore_connects = false;
  for (testing::WayFaults* way : {&network.new_links.to_server, &network.new_links.to_client}) {
    way->cut_after = kNever;
  }
}

void World::advance(Duration duration) {
  const TimePoint until = loop_.now() + duration;
  for (bool done = false; !done;) {
    try {
      loop_.advance(std::max(until - loop_.now(), Duration::zero()));
      done = true;
    } catch (const Thrown&) {
      happens("the loop ended", 0, 0);
    }
  }
}

void World::check_acknowledged() {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client != nullptr) client->check_acknowledged();
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server != nullptr) server->check_acknowledged();
  }
}

void World::check_calls() {
  calls().check(loop_.now());
  take_violation_of_calls();
}

Outcome World::run() {
  set_up();
  const TimePoint begin = loop_.now();
  for (const Item& item : scenario_.items) {
    if (!ok()) break;
    const TimePoint when = begin + item.at;
    if (when > loop_.now()) advance(when - loop_.now());
    if (verbose_) std::printf("-- %s\n", describe(item).c_str());
    if (item.hook != Hook::kNone) {
      armed_.push_back(&item);
    } else {
      do_item(item);
    }
    check_acknowledged();
    check_calls();
  }
  if (ok()) finish();
  return {violation(), trace(), loop_.turns(), messages(), most_memory()};
}

void World::finish() {
  advance(Duration::zero());
  armed_.clear();
  strangers_.clear();
  heal();
  loop_.network().faults = {};
  loop_.network().new_links = {};
  for (std::size_t i = 1; i <= loop_.network().connections_made(); ++i) {
    testing::LinkFaults* const link = loop_.network().link(i);
    if (link == nullptr) continue;
    for (testing::WayFaults* const way : {&link->to_server, &link->to_client}) {
      way->cut_after = way->capacity = way->most_per_read = kNever;
    }
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server == nullptr) continue;
    server->refuse_none();
    require(server->start().ok(), "a server does not start");
  }
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client == nullptr) continue;
    client->start();
    client->resume();
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server == nullptr) continue;
    for (Server::Client& peer : server->clients()) peer.resume();
  }
  const bool room = server_options_.max_clients >= clients_.size() && understand_each_other();
  calm_ = room;
  if (ok() && room) come_together();
  if (ok() && room) prove();
  if (ok() && room) stay_quiet();
  if (ok()) end();
}

/// Every client is connected again, within the time that its options promise.
void World::come_together() {
  advance(seconds(1));  // what is under way may still end a connection
  if (half_open_) advance(std::max(client_options_.pong_timeout, server_options_.client_timeout));
  // A half-open connection gives no answer to an introduction.
  if (unanswered_ || (half_open_ && sessions_)) advance(client_options_.connect_timeout);
  if (stopped_) {
    advance(std::max({client_options_.linger, server_options_.linger, longest_close_}));
  }
  // So may an answer that comes late, and for which there is no room.
  if (calls_are_made_) advance(doorman_.delay + kLatestAnswer);
  const TimePoint latest = loop_.now() + client_options_.backoff.max + doorman_.delay + seconds(1);
  while (!together() && loop_.now() < latest) advance(milliseconds(100));
  require(together(), "a client does not connect again");
}

bool World::together() {
  std::size_t up = 0;
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server != nullptr) up += server->attached();
  }
  std::size_t count = 0;
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client == nullptr) continue;
    if (!client->connected() || client->detached()) return false;
    ++count;
  }
  return up == count;
}

template <typename Do>
void World::for_all(Do&& its) {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client != nullptr) its(*client);
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server != nullptr) its(*server);
  }
}

void World::make_calls(Duration timeout) {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client != nullptr) client->ask(5, timeout);
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server == nullptr) continue;
    for (Server::Client& peer : server->clients()) server->ask(peer, 5, timeout);
  }
}

/// All calls end: what was kept is answered, and what was given up was told.
void World::settle_calls() {
  make_calls(seconds(60));
  advance(milliseconds(1'500));
  // Else there may have been no room to tell it.
  const bool roomy = client_options_.max_pending_bytes == ClientOptions().max_pending_bytes &&
                     server_options_.max_pending_bytes == ServerOptions().max_pending_bytes;
  if (calls().named() && roomy && !total_is_bounded())
    for_all([](auto& its) { its.check_cancelled(); });
  for_all([](auto& its) { its.settle_calls(); });
  advance(milliseconds(1'500));
  check_calls();
  // A client may have gone for ever, before its first session was told to it.
  calls().check_over([this](const Journal& journal) {
    return std::any_of(std::begin(servers_), std::end(servers_), [&](const auto& server) {
      return server != nullptr && server->is_away(journal);
    });
  });
  take_violation_of_calls();
}

/// Messages get through both ways.
void World::prove() {
  if (calls_are_made_) settle_calls();
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client != nullptr) client->say({Form::kEmpty, 0});
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server != nullptr) server->shout({Form::kEmpty, 0}, nullptr);
  }
  advance(milliseconds(1'500));  // with the time to acknowledge
  for (const std::unique_ptr<Client>& client : clients_) {
    // It may have begun another session, if there is no room for all at once.
    if (client == nullptr || total_is_bounded()) continue;
    require(client->unacknowledged() == 0,
            "a message is not acknowledged, though all are connected");
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server != nullptr) {
      require(server->all_delivered(), "a message does not arrive, though all are connected");
    }
  }
}

/// Nothing happens but pings and pongs.
void World::stay_quiet() {
  static constexpr auto kWhile = seconds(4);
  static constexpr std::uint64_t kTurnsForAPing = 40;
  const std::size_t connections = loop_.network().connections_made();
  const std::uint64_t before = loop_.turns();
  advance(kWhile);
  require(loop_.network().connections_made() == connections && together(),
          "a connection is lost for no reason");
  require(loop_.turns() - before < kTurnsForAPing * (2 + clients_.size()) * 3,
          "the loop takes turns though nothing happens");
}

void World::talk() {
  Random random(scenario_.seed);
  const auto recipe = [&] {
    return Recipe{static_cast<Form>(random.below(4)),
                  static_cast<std::uint32_t>(random.below(random.chance(10) ? 5'000 : 50))};
  };
  for (std::uint64_t count = random.below(10); count > 0; --count) {
    for (const std::unique_ptr<Client>& client : clients_) {
      if (client != nullptr) client->say(recipe());
    }
    for (const std::unique_ptr<Server>& server : servers_) {
      if (server != nullptr) server->shout(recipe(), nullptr);
    }
  }
}

void World::end() {
  static constexpr auto kSlack = seconds(2);
  if (calls_are_made_) make_calls(seconds(1));
  if (scenario_.ending == Ending::kDestroy) return;
  talk();
  const auto clients = [&](auto&& how) {
    for (const std::unique_ptr<Client>& client : clients_) {
      if (client != nullptr) how(*client);
    }
    advance(client_options_.linger + kSlack);
  };
  const auto servers = [&](auto&& how) {
    for (const std::unique_ptr<Server>& server : servers_) {
      if (server != nullptr) how(*server);
    }
    advance(server_options_.linger + kSlack);
  };
  switch (scenario_.ending) {
    case Ending::kClientsStop:
      clients([](Client& client) { client.end(client.options().linger); });
      servers([](Server& server) { server.end(); });
      break;
    case Ending::kServersStop:
      servers([](Server& server) { server.end(); });
      clients([](Client& client) { client.end(client.options().linger); });
      break;
    case Ending::kServersDrain:
      causes().calm_drain = calm_;
      servers([](Server& server) { server.let_go(seconds(3)); });
      advance(seconds(3));
      causes().calm_drain = false;
      clients([](Client& client) { client.end(client.options().linger); });
      break;
    case Ending::kStopNow:
      servers([](Server& server) { server.end_now(); });
      clients([](Client& client) { client.end_now(); });
      break;
    case Ending::kDestroy:
      break;
  }
  check_stopped();
}

void World::check_stopped() {
  for (const std::unique_ptr<Client>& client : clients_) {
    if (client == nullptr) continue;
    require(client->stopped(), "a client does not stop");
    require(!client->up(), "on_disconnected did not come");
    require(client->idle(), "what was sent without a session is lost without a word");
  }
  for (const std::unique_ptr<Server>& server : servers_) {
    if (server == nullptr) continue;
    require(server->stopped(), "a server does not stop");
    require(server->up() == 0, "on_client_disconnected did not come");
  }
  check_ended_in_order();
  check_calls();
  calls().check_over([](const Journal&) { return false; });
  take_violation_of_calls();
}

/// What all of it may take. The two sides of a connection, and what is on its way between them, are
/// bounded; the loop keeps some buffers, and everybody keeps the last message of each form.
std::size_t World::most_memory() const {
  static constexpr std::size_t kMiB = 1024 * 1024;
  const auto side = [](const auto& options) {
    return 2 * options.max_pending_bytes + 230 * 1024 + 2 * options.max_payload_size;
  };
  const std::size_t one = side(client_options_) + side(server_options_) + 4 * kDefaultCapacity;
  // A client may connect again while its last connections end.
  return 4 * kMiB + 4 * (clients_.size() + strangers_made_ + remade_) * one;
}

}  // namespace

Outcome run(const Scenario& scenario, bool verbose) { return World(scenario, verbose).run(); }

}  // namespace messi::simulation

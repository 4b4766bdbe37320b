#include "test/simulation/scenario.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "test/simulation/random.h"

namespace messi::simulation {

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Makes the items of a scenario. Not everything occurs in each: a scenario without cuts says more
/// about stops, and one without stops more about cuts.
class Author {
 public:
  Author(std::uint64_t seed, bool sessions, bool calls)
      : random_(seed), choice_(~seed), call_choice_(mix(seed)), sessions_(sessions), calls_(calls) {
    scenario_.seed = seed;
  }

  Scenario write() {
    decide();
    set_up();
    for (std::uint64_t count = 3 + random_.below(random_.chance(20) ? 40 : 15); count > 0;
         --count) {
      add_event();
    }
    if (sessions_ && faults_) add_more_faults();
    if (calls_) add_calls();
    std::stable_sort(scenario_.items.begin(), scenario_.items.end(),
                     [](const Item& a, const Item& b) { return a.at < b.at; });
    const Ending endings[] = {Ending::kClientsStop, Ending::kClientsStop, Ending::kServersStop,
                              Ending::kServersStop, Ending::kStopNow,     Ending::kDestroy};
    scenario_.ending = random_.pick(endings);
    if (sessions_ && choice_.chance(20)) scenario_.ending = Ending::kServersDrain;
    return std::move(scenario_);
  }

 private:
  void decide() {
    static constexpr unsigned kClients[] = {1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6, 8};
    clients_ = random_.pick(kClients);
    static constexpr int kLengths[] = {20, 300, 2'000, 8'000, 15'000};
    length_ = milliseconds(random_.pick(kLengths));
    tiny_ = random_.chance(15);
    large_ = !tiny_ && random_.chance(20);
    faults_ = random_.chance(55);
    stops_ = random_.chance(55);
    pauses_ = random_.chance(40);
    hooks_ = random_.chance(60);
    throws_ = random_.chance(20);
    slow_ = random_.chance(35);
    two_ = random_.chance(25);
    tls_ = random_.chance(8);
    if (sessions_) {
      faults_ |= choice_.chance(50);
      if (choice_.chance(50)) length_ = std::max<Duration>(length_, seconds(3));
    }
  }

  void set_up() {
    if (tls_) add(Act::kTls);
    if (two_) add(Act::kSecondServer);
    if (two_ && random_.chance(30)) add(Act::kShuffle);
    if (pauses_ && random_.chance(40)) add(Act::kNervous).amount = 1 + random_.below(4);
    if (random_.chance(20)) add(Act::kClientPayload).amount = limit();
    if (random_.chance(20)) add(Act::kServerPayload).amount = limit();
    if (random_.chance(35)) add(Act::kClientPending).amount = limit();
    if (random_.chance(35)) add(Act::kServerPending).amount = limit();
    if (random_.chance(8)) add(Act::kServerTotal).amount = limit();
    if (random_.chance(8)) add(Act::kDropNewest);
    if (random_.chance(8)) add(Act::kKeepLatest);
    if (random_.chance(5)) add(Act::kFrameTimeout).span = milliseconds(1 + random_.below(1'000));
    if (random_.chance(15)) add(Act::kLateAnswers).span = milliseconds(random_.below(2'000));
    if (stops_ && random_.chance(10)) add(Act::kRefusals).amount = 2 + random_.below(3);
    if (random_.chance(20)) add(Act::kClientLinger).span = milliseconds(random_.below(3'000));
    if (random_.chance(20)) add(Act::kServerLinger).span = milliseconds(random_.below(3'000));
    if (random_.chance(30))
      add(Act::kClientSilence).span = milliseconds(3'000 + random_.below(4'000));
    if (random_.chance(30))
      add(Act::kServerSilence).span = milliseconds(3'000 + random_.below(4'000));
    if (random_.chance(60)) add(Act::kBackoff).span = milliseconds(100 + random_.below(6'000));
    if (random_.chance(5)) add(Act::kServerFull).amount = 1 + random_.below(clients_);
    if (sessions_) set_up_sessions();
    if (tiny_) {
      if (random_.chance(60)) add(Act::kMostPerRead).amount = few();
      if (random_.chance(60)) add(Act::kCapacity).amount = few();
    } else if (random_.chance(tls_ ? 60 : 30)) {
      add(Act::kCapacity).amount = 100 + random_.below(tls_ ? 20'000 : 200'000);
    }
    if (slow_ && random_.chance(50)) add_latency(Act::kNewLatency);
    for (unsigned i = 0; i < clients_; ++i) {
      Item& client = add(Act::kClient);
      client.who = i;
      if (random_.chance(30)) client.at = moment();
    }
  }

  // Most understand each other.
  void set_up_sessions() {
    static constexpr Sessions kEither[] = {Sessions::kPrefer, Sessions::kPrefer,
                                           Sessions::kRequired};
    static constexpr Sessions kAny[] = {Sessions::kOff, Sessions::kHandshake, Sessions::kPrefer,
                                        Sessions::kPrefer, Sessions::kRequired};
    const bool mixed = choice_.chance(30);
    const auto choose = [&] { return mixed ? choice_.pick(kAny) : choice_.pick(kEither); };
    bool required = false;
    for (unsigned i = 0; i < (two_ ? 2u : 1u); ++i) {
      const Sessions what = choose();
      required |= what == Sessions::kRequired;
      add(Act::kServerSession, i, what);
    }
    for (unsigned i = 0; i < clients_; ++i) add(Act::kClientSession, i, choose());
    if (choice_.chance(50)) {
      add(Act::kSessionTimeout).span =
          milliseconds(1 + choice_.below(choice_.chance(30) ? 300 : 8'000));
    }
    if (!required && choice_.chance(40)) {
      add(Act::kOfferWait).span = milliseconds(choice_.chance(50) ? 0 : choice_.below(500));
    }
    if (choice_.chance(70)) add(Act::kTries);
    if (choice_.chance(60)) add(Act::kBackoff).span = milliseconds(20 + choice_.below(400));
  }

  // Connections break again and again, often while they begin.
  void add_more_faults() {
    static constexpr Act kFaults[] = {Act::kCutAll, Act::kCutAll,   Act::kCutAll,   Act::kNewCut,
                                      Act::kNewCut, Act::kCutAfter, Act::kCutAfter, Act::kHalfOpen};
    for (std::uint64_t count = choice_.below(20); count > 0; --count) {
      Item item;
      item.at = moment();
      item.act = choice_.pick(kFaults);
      item.peer = static_cast<unsigned>(1 + choice_.below(4 * clients_));
      item.who = static_cast<unsigned>(choice_.below(2));
      item.amount = choice_.below(choice_.chance(70) ? 400 : 4'000);
      item.span = milliseconds(choice_.below(choice_.chance(50) ? 100 : 2'000));
      scenario_.items.push_back(item);
      if (item.act == Act::kNewCut) add_end_of_fault(item);
    }
  }

  void add_calls() {
    if (call_choice_.chance(40)) {
      add(Act::kMostCalls).amount = 1 + call_choice_.below(call_choice_.chance(50) ? 3 : 30);
    }
    for (std::uint64_t count = 2 + call_choice_.below(20); count > 0; --count) {
      static constexpr Act kActs[] = {Act::kCall,     Act::kCall,      Act::kCall,
                                      Act::kPeerCall, Act::kPeerCall,  Act::kPeerCall,
                                      Act::kCancel,   Act::kPeerCancel};
      Item item;
      item.act = call_choice_.pick(kActs);
      const bool of_client = item.act == Act::kCall || item.act == Act::kCancel;
      item.who = choose_who(of_client);
      item.peer = choose_who(/*of_client=*/true);
      item.at =
          microseconds(call_choice_.below(static_cast<std::uint64_t>(length_ / microseconds(1))));
      item.amount = 1 + call_choice_.below(call_choice_.chance(20) ? 30 : 3);
      item.recipe.size =
          static_cast<std::uint32_t>(call_choice_.below(call_choice_.chance(10) ? 3'000 : 20));
      static constexpr int kTimeouts[] = {1, 20, 500, 5'000};
      item.span = call_choice_.chance(20)
                      ? Duration::max()
                      : Duration(microseconds(call_choice_.below(
                            1'000 * static_cast<std::uint64_t>(call_choice_.pick(kTimeouts)))));
      if (hooks_ && call_choice_.chance(40)) choose_hook_for_call(item);
      scenario_.items.push_back(item);
    }
    if (hooks_ && stops_) add_stops_in_callbacks();
  }

  void choose_hook_for_call(Item& item) {
    static constexpr Hook kHooks[] = {
        Hook::kConnected,      Hook::kDisconnected,    Hook::kMessage,
        Hook::kDetached,       Hook::kResumed,         Hook::kCallOver,
        Hook::kCallOver,       Hook::kClientConnected, Hook::kClientDisconnected,
        Hook::kServerMessage,  Hook::kClientDetached,  Hook::kClientResumed,
        Hook::kClientCallOver, Hook::kClientCallOver};
    item.hook = call_choice_.pick(kHooks);
    item.hook_of = choose_who(item.hook < Hook::kClientConnected);
  }

  void add_stops_in_callbacks() {
    for (std::uint64_t count = call_choice_.below(3); count > 0; --count) {
      static constexpr Act kStops[] = {
          Act::kStop,         Act::kStopNow,        Act::kRemake,
          Act::kPause,        Act::kServerStop,     Act::kServerStopNow,
          Act::kServerRemake, Act::kPeerDisconnect, Act::kPeerDisconnectNow};
      Item item;
      item.act = throws_ && call_choice_.chance(30) ? Act::kThrow : call_choice_.pick(kStops);
      item.at =
          microseconds(call_choice_.below(static_cast<std::uint64_t>(length_ / microseconds(1))));
      item.hook = call_choice_.chance(50) ? Hook::kCallOver : Hook::kClientCallOver;
      item.hook_of = choose_who(item.hook == Hook::kCallOver);
      item.who = choose_who(item.act <= Act::kRemake);
      item.peer = choose_who(/*of_client=*/true);
      scenario_.items.push_back(item);
    }
  }

  unsigned choose_who(bool of_client) {
    return static_cast<unsigned>(call_choice_.below(of_client ? clients_ : two_ ? 2 : 1));
  }

  void add_end_of_fault(const Item& item) {
    Item heal;
    heal.at = item.at + item.span;
    scenario_.items.push_back(heal);
  }

  void add_event() {
    Item item;
    item.at = moment();
    choose(item);
    if (item.act >= Act::kClient && item.act <= Act::kRemake) item.who = client();
    if (item.act >= Act::kServerStart && item.act <= Act::kPeerResume) item.who = server();
    if (item.act == Act::kStranger) item.who = server();
    if (hooks_ && may_be_in_hook(item.act) && random_.chance(50)) choose_hook(item);
    scenario_.items.push_back(item);
  }

  void choose(Item& item) {
    item.peer = static_cast<unsigned>(random_.below(clients_));
    const std::uint64_t dice = random_.below(100);
    if (faults_ && dice < 20) return choose_fault(item);
    if (stops_ && dice < 35) return choose_stop(item);
    if (pauses_ && dice < 50) return choose_pause(item);
    if (slow_ && dice < 55) return choose_slow(item);
    if (random_.chance(2)) {
      item.act = Act::kStranger;
      item.amount = random_.below(40);
      return;
    }
    choose_messages(item);
    if (random_.chance(1)) item.act = Act::kSendBad;
  }

  void choose_messages(Item& item) {
    static constexpr Act kSends[] = {Act::kSend, Act::kPeerSend, Act::kBroadcast};
    item.act = random_.pick(kSends);
    item.recipe = recipe();
    const std::size_t volume = tiny_ ? 3'000 : large_ ? 200'000 : 20'000;
    const std::size_t most = std::max<std::size_t>(1, volume / (item.recipe.size + 50));
    item.amount = 1 + random_.below(std::min<std::size_t>(most, 50));
  }

  void choose_fault(Item& item) {
    static constexpr Act kFaults[] = {Act::kCut,    Act::kCut,      Act::kCutAfter, Act::kCutAfter,
                                      Act::kNewCut, Act::kCutAll,   Act::kRefuse,   Act::kIgnore,
                                      Act::kStall,  Act::kStallWay, Act::kHalfOpen, Act::kHoldUp};
    item.act = random_.pick(kFaults);
    item.peer = static_cast<unsigned>(1 + random_.below(2 * clients_ + 2));
    item.who = static_cast<unsigned>(random_.below(2));
    item.amount = random_.below(random_.chance(50) ? 40 : 3'000);
    item.span = milliseconds(random_.below(random_.chance(50) ? 300 : 8'000));
    const bool lasts = item.act == Act::kNewCut || item.act == Act::kRefuse ||
                       item.act == Act::kIgnore || item.act == Act::kStall;
    if (lasts) add_end_of_fault(item);
  }

  // Often with something to write.
  void choose_stop(Item& item) {
    if (random_.chance(40)) {
      Item before = item;
      choose_messages(before);
      before.who = before.act == Act::kSend ? client() : server();
      scenario_.items.push_back(before);
    }
    static constexpr Act kStops[] = {
        Act::kStart,        Act::kStop,           Act::kStart,          Act::kStop,
        Act::kStopNow,      Act::kRemake,         Act::kServerStart,    Act::kServerStart,
        Act::kServerStop,   Act::kServerStopNow,  Act::kServerDrain,    Act::kServerDrain,
        Act::kServerRemake, Act::kPeerDisconnect, Act::kPeerDisconnect, Act::kPeerDisconnectNow};
    item.act = random_.pick(kStops);
    if (item.act == Act::kServerDrain) item.span = milliseconds(random_.below(6'000));
    if (sessions_ && item.act == Act::kStop && choice_.chance(30)) {
      item.act = Act::kClose;
      item.span = milliseconds(choice_.below(3'000));
    }
  }

  void choose_pause(Item& item) {
    static constexpr Act kPauses[] = {Act::kPause, Act::kResume, Act::kPeerPause, Act::kPeerResume};
    item.act = random_.pick(kPauses);
  }

  void choose_slow(Item& item) {
    static constexpr Act kSlow[] = {Act::kLatency, Act::kNewLatency, Act::kConnectLatency,
                                    Act::kSmallWay};
    item.act = random_.pick(kSlow);
    item.who = static_cast<unsigned>(random_.below(2));
    item.peer = static_cast<unsigned>(1 + random_.below(2 * clients_ + 2));
    item.amount = 1 + random_.below(1'000);
    item.span = latency();
  }

  // An act of the network happens outside of hooks. So does the end of an object in its own hook.
  static bool may_be_in_hook(Act act) { return act >= Act::kStart && act <= Act::kPeerResume; }

  void choose_hook(Item& item) {
    static constexpr Hook kHooks[] = {
        Hook::kConnected,          Hook::kConnected,       Hook::kDisconnected,
        Hook::kConnectFailure,     Hook::kMessage,         Hook::kMessage,
        Hook::kWritable,           Hook::kClientConnected, Hook::kClientConnected,
        Hook::kClientDisconnected, Hook::kServerMessage,   Hook::kServerMessage,
        Hook::kClientWritable,     Hook::kArriving};
    item.hook = random_.pick(kHooks);
    static constexpr Hook kSessionHooks[] = {
        Hook::kDetached,      Hook::kDetached,         Hook::kResumed,        Hook::kResumed,
        Hook::kSessionLost,   Hook::kClientDetached,   Hook::kClientDetached, Hook::kClientResumed,
        Hook::kClientResumed, Hook::kClientSessionLost};
    if (sessions_ && choice_.chance(30)) item.hook = choice_.pick(kSessionHooks);
    item.hook_of = item.hook >= Hook::kClientConnected ? server() : client();
    const bool answers = item.hook == Hook::kConnectFailure || item.hook == Hook::kArriving;
    if (answers && random_.chance(30)) item.act = Act::kGiveUp;
    if (throws_ && random_.chance(20)) item.act = Act::kThrow;
  }

  void add_latency(Act act) {
    for (const unsigned way : {0u, 1u}) {
      Item& item = add(act);
      item.who = way;
      item.span = latency();
    }
  }

  Recipe recipe() {
    static constexpr Form kForms[] = {Form::kEmpty, Form::kFlat, Form::kFlat,
                                      Form::kText,  Form::kText, Form::kNested};
    Recipe result;
    result.form = random_.pick(kForms);
    if (result.form != Form::kEmpty) result.size = static_cast<std::uint32_t>(size());
    return result;
  }

  std::size_t size() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 40) return random_.below(20);
    if (dice < 75 || tiny_) return random_.below(500);
    if (dice < 85) return random_.below(5'000);
    if (dice < 95 && limit_ > 0) return limit_ - std::min<std::size_t>(random_.below(24), limit_);
    if (!large_) return random_.below(9'000);
    // Where something changes in the runtime, and beyond.
    static constexpr std::size_t kEdges[] = {2'048, 4'096, 16'384, 32'768, 65'536, 65'792};
    if (random_.chance(60)) return random_.pick(kEdges) - 20 + random_.below(40);
    return random_.below(random_.chance(20) ? 400'000 : 70'000);
  }

  std::size_t limit() {
    static constexpr std::size_t kLimits[] = {40, 300, 1'000, 5'000, 20'000, 70'000};
    return limit_ = random_.pick(kLimits) + random_.below(30);
  }

  unsigned client() { return static_cast<unsigned>(random_.below(clients_)); }
  unsigned server() { return static_cast<unsigned>(random_.below(two_ ? 2 : 1)); }
  std::size_t few() { return 1 + random_.below(random_.chance(50) ? 9 : 200); }
  Duration latency() { return microseconds(random_.below(random_.chance(70) ? 20'000 : 400'000)); }
  Duration moment() {
    // Often at the same moment as something else.
    if (random_.chance(20) && !scenario_.items.empty()) {
      return scenario_.items[random_.below(scenario_.items.size())].at;
    }
    return microseconds(random_.below(static_cast<std::uint64_t>(length_ / microseconds(1))));
  }

  void add(Act act, unsigned who, Sessions what) {
    Item& item = add(act);
    item.who = who;
    item.amount = static_cast<std::size_t>(what);
  }

  Item& add(Act act) {
    Item item;
    item.act = act;
    scenario_.items.push_back(item);
    return scenario_.items.back();
  }

  Random random_;
  Random choice_;       // for sessions, so that seeds without them do not change with them
  Random call_choice_;  // and for calls
  const bool sessions_;
  const bool calls_;
  Scenario scenario_;
  unsigned clients_ = 1;
  Duration length_ = Duration::zero();
  std::size_t limit_ = 0;  // the last one that was chosen
  bool tiny_ = false;
  bool large_ = false;
  bool faults_ = false;
  bool stops_ = false;
  bool pauses_ = false;
  bool hooks_ = false;
  bool throws_ = false;
  bool slow_ = false;
  bool two_ = false;
  bool tls_ = false;
};

// What an item says: {who} and {peer} are numbers, {way} is a direction.
struct Sentence {
  Act act;
  const char* text;
};

constexpr Sentence kSentences[] = {
    {Act::kTls, "TLS"},
    {Act::kSecondServer, "there is a second server"},
    {Act::kNervous, "receivers pause at each message number {amount}"},
    {Act::kShuffle, "clients shuffle their URIs"},
    {Act::kClientPayload, "clients: max_payload_size {amount}"},
    {Act::kClientPending, "clients: max_pending_bytes {amount}"},
    {Act::kClientLinger, "clients: linger {span}"},
    {Act::kClientSilence, "clients: pong_timeout {span}"},
    {Act::kBackoff, "clients: backoff.max {span}"},
    {Act::kServerPayload, "servers: max_payload_size {amount}"},
    {Act::kServerPending, "servers: max_pending_bytes {amount}"},
    {Act::kServerLinger, "servers: linger {span}"},
    {Act::kServerSilence, "servers: client_timeout {span}"},
    {Act::kServerTotal, "servers: max_total_pending_bytes {amount}"},
    {Act::kFrameTimeout, "frame_timeout {span}"},
    {Act::kDropNewest, "servers: slow_reader kDropNewest"},
    {Act::kKeepLatest, "servers: slow_reader kKeepLatest"},
    {Act::kLateAnswers, "servers: the answer to on_authenticate comes after {span}"},
    {Act::kRefusals, "servers: on_authenticate refuses each client number {amount}"},
    {Act::kServerFull, "servers: max_clients {amount}"},
    {Act::kClientSession, "client {who}: {sessions}"},
    {Act::kServerSession, "server {who}: {sessions}"},
    {Act::kSessionTimeout, "servers: session_timeout {span}"},
    {Act::kOfferWait, "servers: offer_wait {span}"},
    {Act::kTries, "messages are sent with try_send"},
    {Act::kMostCalls, "max_open_calls {amount}"},
    {Act::kClient, "client {who} is made, and started"},
    {Act::kStart, "client {who}: start"},
    {Act::kStop, "client {who}: stop"},
    {Act::kStopNow, "client {who}: stop_now"},
    {Act::kPause, "client {who}: pause"},
    {Act::kResume, "client {who}: resume"},
    {Act::kSend, "client {who}: send {messages}"},
    {Act::kSendBad, "client {who}: send what is not UTF-8"},
    {Act::kCall, "client {who}: {calls}"},
    {Act::kCancel, "client {who}: cancel its last {amount} calls"},
    {Act::kClose, "client {who}: close with a linger of {span}"},
    {Act::kRemake, "client {who} is destroyed, made again and started"},
    {Act::kServerStart, "server {who}: start"},
    {Act::kServerStop, "server {who}: stop"},
    {Act::kServerStopNow, "server {who}: stop_now"},
    {Act::kServerDrain, "server {who}: drain within {span}"},
    {Act::kServerRemake, "server {who} is destroyed, made again and started"},
    {Act::kBroadcast, "server {who}: broadcast {messages} to all but its client {peer}"},
    {Act::kPeerSend, "server {who}, its client {peer}: send {messages}"},
    {Act::kPeerCall, "server {who}, its client {peer}: {calls}"},
    {Act::kPeerCancel, "server {who}: cancel its last {amount} calls"},
    {Act::kPeerDisconnect, "server {who}, its client {peer}: disconnect"},
    {Act::kPeerDisconnectNow, "server {who}, its client {peer}: disconnect_now"},
    {Act::kPeerPause, "server {who}, its client {peer}: pause"},
    {Act::kPeerResume, "server {who}, its client {peer}: resume"},
    {Act::kThrow, "throw"},
    {Act::kGiveUp, "say no"},
    {Act::kMostPerRead, "network: reads of at most {amount} bytes"},
    {Act::kCapacity, "network: a capacity of {amount} bytes"},
    {Act::kConnectLatency, "network: to connect takes {span}"},
    {Act::kNewLatency, "new connections: latency {span} {way}"},
    {Act::kLatency, "connection {peer}: latency {span} {way}"},
    {Act::kRefuse, "network: refuses connections"},
    {Act::kIgnore, "network: ignores attempts to connect"},
    {Act::kStall, "network: stalls"},
    {Act::kHeal, "network: is well again"},
    {Act::kNewCut, "new connections break after {amount} bytes {way}"},
    {Act::kCut, "connection {peer} breaks"},
    {Act::kCutAfter, "connection {peer} breaks after {amount} more bytes {way}"},
    {Act::kCutAll, "network: all connections break"},
    {Act::kStallWay, "connection {peer} stalls {way}"},
    {Act::kHalfOpen, "connection {peer} is half-open"},
    {Act::kSmallWay, "connection {peer}: capacity and reads of {amount} bytes {way}"},
    {Act::kHoldUp, "the process is held up for {span}"},
    {Act::kStranger, "a stranger sends {amount} bytes to server {who}"},
};

constexpr const char* kHookSentences[] = {
    "",
    "on_connected of client",
    "on_disconnected of client",
    "on_connect_failure of client",
    "message hook of client",
    "on_writable of client",
    "on_detached of client",
    "on_resumed of client",
    "on_session_lost of client",
    "callback of client",
    "on_client_connected of server",
    "on_client_disconnected of server",
    "message hook of server",
    "on_client_writable of server",
    "on_client_arriving of server",
    "on_client_detached of server",
    "on_client_resumed of server",
    "on_client_session_lost of server",
    "callback of server",
};

std::string in_seconds(Duration duration) {
  char line[40];
  std::snprintf(line, sizeof(line), "%.6f s", std::chrono::duration<double>(duration).count());
  return line;
}

std::string messages(const Item& item) {
  static constexpr const char* kForms[] = {"empty", "flat", "text", "nested"};
  return std::to_string(item.amount) + " " + kForms[static_cast<std::size_t>(item.recipe.form)] +
         " of " + std::to_string(item.recipe.size) + " bytes";
}

std::string calls(const Item& item) {
  const std::string timeout =
      item.span == Duration::max() ? "no end" : "a time-out of " + in_seconds(item.span);
  return std::to_string(item.amount) + " calls of " + std::to_string(item.recipe.size) +
         " bytes with " + timeout;
}

std::string sessions(const Item& item) {
  static constexpr const char* kModes[] = {"no sessions", "only introductions",
                                           "sessions preferred", "sessions required"};
  const bool known = item.act == Act::kClientSession || item.act == Act::kServerSession;
  return known ? kModes[item.amount] : "";
}

std::string filled(std::string text, const Item& item) {
  const std::pair<const char*, std::string> blanks[] = {
      {"{who}", std::to_string(item.who)},
      {"{peer}", std::to_string(item.peer)},
      {"{amount}", std::to_string(item.amount)},
      {"{span}", in_seconds(item.span)},
      {"{way}", item.who == 0 ? "to the server" : "to the client"},
      {"{messages}", messages(item)},
      {"{calls}", calls(item)},
      {"{sessions}", sessions(item)},
  };
  for (const auto& [blank, content] : blanks) {
    const std::size_t at = text.find(blank);
    if (at != std::string::npos) text.replace(at, std::string(blank).size(), content);
  }
  return text;
}

}  // namespace

Scenario generate(std::uint64_t seed, bool sessions, bool calls) {
  return Author(seed, sessions, calls).write();
}

Harm harm_of(const Item& item) {
  switch (item.act) {
    case Act::kCut:
    case Act::kCutAfter:
    case Act::kStallWay:
    case Act::kHalfOpen:
      return Harm::kOne;
    case Act::kCutAll:
      return Harm::kAll;
    case Act::kStall:
    case Act::kNewCut:
      return Harm::kAllToCome;
    default:
      return Harm::kNone;
  }
}

std::string describe(const Item& item) {
  const auto* const sentence =
      std::find_if(std::begin(kSentences), std::end(kSentences),
                   [&](const Sentence& each) { return each.act == item.act; });
  const std::string what = filled(sentence->text, item);
  if (item.act < Act::kClient) return what;
  std::string when = "at " + in_seconds(item.at) + ", ";
  if (item.hook != Hook::kNone) {
    when += std::string("in the next ") + kHookSentences[static_cast<std::size_t>(item.hook)] +
            " " + std::to_string(item.hook_of) + ": ";
  }
  return when + what;
}

const char* describe(Ending ending) {
  switch (ending) {
    case Ending::kClientsStop:
      return "at the end the clients stop, then the servers";
    case Ending::kServersStop:
      return "at the end the servers stop, then the clients";
    case Ending::kServersDrain:
      return "at the end the servers drain, then the clients stop";
    case Ending::kStopNow:
      return "at the end all stop at once";
    case Ending::kDestroy:
      return "at the end all are destroyed";
  }
  return "";
}

}  // namespace messi::simulation

// A server, with clients that send it anything. What the input says is called at any time, also in
// hooks; the network has faults; time passes. Hooks come in pairs and in order, messages arrive in
// order on both sides, what waits is within its bounds, and in the end `stop` stops it.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "chat.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/quiet.h"
#include "test/support/bytes.h"

namespace {

using messi::DisconnectReason;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

struct HookThrew {};

constexpr std::size_t kMaxPayload = 20'000;
constexpr char kBroadcast = 'b';  // what the texts of broadcasts begin with

chat::MessageInd message(std::string text) {
  chat::MessageInd message;
  message.set_text(std::move(text));
  return message;
}

/// What a target's hooks tell it.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual bool accepts() = 0;
  virtual void authenticate(chat::ChatServerClient& client) = 0;
  virtual void handle_message(const std::string& text) = 0;
  /// At the end of each hook, with the client that it was called for, if there is one.
  virtual void act_in_hook(chat::ChatServerClient* client) = 0;
};

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, const messi::ServerOptions& options, Watcher& watcher)
      : ChatServer(loop, "tcp://:6000", options), watcher_(watcher) {}

  struct Sent {
    std::string text;
    bool broadcast;
  };
  /// What was sent to each client, by its id. The first text is the id.
  std::map<std::uint64_t, std::vector<Sent>> sent;

  void send_to(Client& client, const std::string& text) {
    if (client.connected()) sent[client.id()].push_back({text, false});
    client.send(message(text));
  }
  void send_to_all(const std::string& text, const Client* except) {
    for (const Client& client : clients()) {
      if (&client != except) sent[client.id()].push_back({text, true});
    }
    require(except != nullptr ? broadcast(message(text), *except) : broadcast(message(text)),
            "a broadcast that is not too big is sent");
  }

  void accept(Client& client) {
    const bool first = find_arriving(client.id()) != nullptr;
    client.accept();
    if (first) send_to(client, std::to_string(client.id()));
  }

  std::size_t up_count() const { return up_count_; }

 private:
  bool on_client_arriving(const std::string& peer_address) override {
    require(!peer_address.empty(), "a client comes from somewhere");
    const bool accepts = watcher_.accepts();
    watcher_.act_in_hook(nullptr);
    return accepts;
  }
  void on_client_refused(const std::string& /*peer_address*/,
                         DisconnectReason /*reason*/) override {
    watcher_.act_in_hook(nullptr);
  }
  void on_authenticate(Client& client) override {
    require(!client.connected() && client.id() > last_id_, "who is asked for is new");
    require(find_client(client.id()) == nullptr, "who is asked for is no client yet");
    last_id_ = client.id();
    watcher_.authenticate(client);
    watcher_.act_in_hook(nullptr);
  }
  void on_client_connected(Client& client) override {
    require(!client.state<bool>(), "a client is connected once");
    client.state<bool>() = true;
    ++up_count_;
    watcher_.act_in_hook(&client);
  }
  void on_client_disconnected(Client& client, DisconnectReason /*reason*/) override {
    require(client.state<bool>() && !client.connected(), "a client is disconnected once");
    require(find_client(client.id()) == nullptr, "a client that is gone is not found");
    client.state<bool>() = false;
    --up_count_;
    watcher_.act_in_hook(&client);
  }
  void on_client_behind(Client& client) override {
    require(options().slow_reader != messi::SlowReader::kDisconnect && client.connected(),
            "a client is behind only if it may be");
    watcher_.act_in_hook(&client);
  }
  void on_client_writable(Client& client) override {
    require(client.state<bool>() && client.connected(),
            "a client is writable only while connected");
    watcher_.act_in_hook(&client);
  }
  void on_unknown_message(Client& client, std::uint32_t field_number) override {
    require(field_number != 0, "an unknown message has a number");
    received(client);
  }
  void on_connect_req(Client& client, const chat::ConnectReq& /*message*/) override {
    received(client);
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    require(current_client() == &client, "the client of a message is the current one");
    watcher_.handle_message(message.text());
    received(client);
  }
  void received(Client& client) {
    require(client.state<bool>() && !client.paused(), "messages come only while connected");
    require(!client.connected() || find_client(client.id()) == &client,
            "a client is found by its id");
    watcher_.act_in_hook(&client);
  }

  Watcher& watcher_;
  std::size_t up_count_ = 0;
  std::uint64_t last_id_ = 0;
};

class Target final : private Watcher {
 public:
  explicit Target(FuzzedInput& input)
      : input_(input), loop_(input.byte()), server_(loop_, options(input), *this) {}

  void run() {
    start();
    while (!input_.empty()) {
      step();
      check();
    }
    finish();
  }

 private:
  struct Peer {
    explicit Peer(std::unique_ptr<RawClient> its_raw) : raw(std::move(its_raw)) {}
    std::unique_ptr<RawClient> raw;
    bool closed = false;
    bool noise = false;    // it has sent anything
    std::size_t sent = 0;  // messages
    std::string received;
    std::uint64_t id = 0;          // as the server knows it
    std::size_t seen[2] = {0, 0};  // of what was sent, and of its broadcasts if some may be missing
    bool usable() const { return raw->peer() != nullptr && !closed; }
  };

  static constexpr std::size_t kMostPeers = 12;

  static messi::ServerOptions options(FuzzedInput& input) {
    messi::ServerOptions options;
    options.max_payload_size = kMaxPayload;
    options.max_pending_bytes = 1 + input.below(100'000);
    options.max_clients = 1 + input.below(8);
    options.linger = 100ms * input.below(80);
    options.slow_reader = static_cast<messi::SlowReader>(input.below(3));
    if (input.byte() % 2 == 0) return options;
    options.max_total_pending_bytes = 1 + input.below(400'000);
    options.max_pings_per_second = 1 + input.below(20);
    options.max_accepts_per_second = 1 + input.below(20);
    options.frame_timeout = 100ms * (1 + input.below(100));
    return options;
  }

  // Watcher
  bool accepts() override { return input_.byte() < 240; }
  void authenticate(chat::ChatServerClient& client) override {
    const std::uint8_t what = input_.byte();
    if (what >= 128) return;  // later
    answer(client, what);
  }
  void handle_message(const std::string& text) override {
    const std::size_t dash = text.find('-');
    if (dash == std::string::npos) return;
    const std::size_t which = static_cast<std::size_t>(std::atoi(text.c_str()));
    if (which >= peers_.size() || peers_[which].noise) return;
    require(text.substr(dash + 1) == std::to_string(++heard_[which]),
            "a client's messages come in order, and none is missing");
  }
  void act_in_hook(chat::ChatServerClient* client) override {
    if (input_.empty()) return;
    const std::uint8_t what = input_.byte();
    if (what >= 250) throw HookThrew();
    if (what % 4 == 2) call();
    if (what % 4 == 3 && client != nullptr) call_client(*client);
  }

  void start() { require(server_.start().ok(), "a server can start"); }

  void step() {
    try {
      switch (input_.below(4)) {
        case 0:
          return loop_.run_until_idle();
        case 1:
          return loop_.advance(std::chrono::milliseconds(10 * input_.below(600)));
        default:
          return call();
      }
    } catch (const HookThrew&) {
    }
  }

  /// Does something that is legal at any time.
  void call() {
    switch (input_.below(22)) {
      case 0:
        return start();
      case 1:
        return input_.one_in(3) ? server_.stop() : void();
      case 2:
        return input_.one_in(6) ? server_.stop_now() : void();
      case 3:
        return server_.send_to_all(kBroadcast + text(), nullptr);
      case 4:
        return server_.send_to_all(kBroadcast + text(),
                                   server_.find_client(1 + input_.byte() % 16));
      case 5:
        return break_network();
      case 6:
        return break_link();
      case 7:
        return arrive();
      case 8:
      case 9:
      case 10: {
        chat::ChatServerClient* const client = server_.find_client(1 + input_.byte() % 16);
        return client != nullptr ? call_client(*client) : void();
      }
      case 11:
        for (chat::ChatServerClient& client : server_.clients()) {
          call_client(client);
          if (input_.byte() % 4 == 3) return;
        }
        return;
      case 12:
        return input_.one_in(4) ? server_.drain(100ms * input_.below(100)) : void();
      case 13:
      case 14: {
        chat::ChatServerClient* const client = server_.find_arriving(1 + input_.byte() % 16);
        return client != nullptr ? answer(*client, input_.byte()) : void();
      }
      default:
        return with_peer();
    }
  }

  void answer(chat::ChatServerClient& client, std::uint8_t what) {
    if (what % 8 == 7) return client.refuse(input_.bytes(120));
    server_.accept(client);
  }

  void call_client(chat::ChatServerClient& client) {
    switch (input_.below(8)) {
      case 0:
        return client.disconnect();
      case 1:
        return client.disconnect_now();
      case 2:
        return client.pause();
      case 3:
        return client.resume();
      case 4:
        return server_.current_client() == nullptr ? void() : reply();
      default:
        return server_.send_to(client, text());
    }
  }
  void reply() {
    server_.send_to(static_cast<chat::ChatServerClient&>(*server_.current_client()), text());
  }

  std::string text() {
    const std::size_t size = input_.one_in(8) ? input_.below(kMaxPayload - 100) : 3;
    return std::to_string(++texts_) + "-" + std::string(size, '.');
  }

  std::string any_frame() {
    const std::uint8_t type = input_.byte();
    return messi::test::frame(type, input_.bytes(100));
  }

  void break_network() {
    messi::testing::Faults& faults = loop_.network().faults;
    faults = {};
    switch (input_.below(8)) {
      case 0:
        faults.most_per_read = 1 + input_.below(40);
        return;
      case 1:
        faults.capacity = 1 + input_.below(5'000);
        return;
      case 2:
        faults.stalled = true;
        return;
      case 3:
        return loop_.network().cut_all();
      default:
        return;
    }
  }

  void break_link() {
    messi::testing::LinkFaults faults;
    messi::testing::WayFaults& way = input_.byte() % 2 == 0 ? faults.to_client : faults.to_server;
    switch (input_.below(4)) {
      case 0:
        way.stalled = true;
        break;
      case 1:
        way.latency = 1ms * input_.below(5'000);
        break;
      case 2:
        way.cut_after = input_.below(2'000);
        break;
      default:
        break;
    }
    const std::size_t which = input_.below(16);
    if (which == 0) {
      loop_.network().new_links = faults;
    } else if (auto* const link = loop_.network().link(which)) {
      *link = faults;
    }
  }

  void arrive() {
    if (peers_.size() == kMostPeers) return;
    peers_.emplace_back(std::make_unique<RawClient>(loop_, "tcp://localhost:6000"));
  }

  void with_peer() {
    if (peers_.empty()) return arrive();
    const std::size_t which = input_.byte() % peers_.size();
    Peer& peer = peers_[which];
    if (!peer.usable()) return;
    RawClient& raw = *peer.raw;
    switch (input_.below(12)) {
      case 0:
        peer.noise = true;
        return raw->send(input_.bytes(100));
      case 1:
        peer.noise = true;
        return raw->send(any_frame());
      case 2:
        peer.noise = true;
        return raw->send(messi::test::frame(1, input_.bytes(100)));
      case 3:
        return raw->send(messi::test::kPing);
      case 4:
        return raw->finish();
      case 5:
        return raw->want_input(input_.byte() % 2 == 0);
      case 6:
        return raw->stay_open();
      case 7:
        peer.closed = true;
        return raw->close();
      default: {
        chat::ClientToServer wrapper;
        wrapper.mutable_message_ind()->set_text(std::to_string(which) + "-" +
                                                std::to_string(++peer.sent));
        return raw->send(messi::test::frame(1, wrapper.SerializeAsString()));
      }
    }
  }

  void check() {
    std::size_t connected = 0;
    std::size_t total = 0;
    for (const chat::ChatServerClient& client : server_.clients()) {
      ++connected;
      require(client.connected(), "clients() has those that are connected");
      const std::size_t pending = client.pending_bytes();
      require(pending <= 2 * server_.options().max_pending_bytes + 2 * kMaxPayload,
              "no more is waiting than allowed");
      total += pending;
    }
    require(total <= server_.options().max_total_pending_bytes + 2 * kMaxPayload,
            "no more is waiting for all together than allowed");
    require(connected <= server_.client_count(), "clients() has no more than there are");
    require(server_.up_count() <= server_.options().max_clients, "there are not too many clients");
    for (Peer& peer : peers_) check_received(peer);
  }

  void check_received(Peer& peer) {
    if (peer.raw->peer() == nullptr || peer.raw->peer()->received().empty()) return;
    peer.received += peer.raw->peer()->take_received();
    std::vector<messi::test::RawFrame> frames = messi::test::frames_of(peer.received);
    peer.received.clear();
    if (!frames.empty() && frames.back().type == -1) {
      peer.received = frames.back().payload;
      frames.pop_back();
    }
    for (const messi::test::RawFrame& frame : frames) {
      require(frame.type == 2 || frame.type == 4 || frame.type == 9,
              "a server sends messages, pongs and farewells");
      if (frame.type != 2) continue;
      chat::ServerToClient wrapper;
      require(wrapper.ParseFromString(frame.payload) && wrapper.has_message_ind(),
              "a server sends what it was told to send");
      const std::string& text = wrapper.message_ind().text();
      if (peer.id == 0) peer.id = static_cast<std::uint64_t>(std::atoll(text.c_str()));
      handle_text(peer, text);
    }
  }

  /// A slow reader may miss broadcasts, and may get the latest ones later.
  void handle_text(Peer& peer, const std::string& text) {
    const std::vector<Server::Sent>& sent = server_.sent[peer.id];
    if (server_.options().slow_reader == messi::SlowReader::kDisconnect) {
      require(peer.seen[0] < sent.size() && sent[peer.seen[0]].text == text,
              "a server's messages come in order, and none is missing");
      ++peer.seen[0];
      return;
    }
    const bool broadcast = text.front() == kBroadcast;
    std::size_t& seen = peer.seen[broadcast ? 1 : 0];
    while (seen < sent.size() && sent[seen].text != text) {
      require(broadcast || sent[seen].broadcast, "only broadcasts are missing");
      ++seen;
    }
    require(seen < sent.size(), "what comes was sent, in this order");
    ++seen;
  }

  void finish() {
    loop_.network().faults = {};
    loop_.network().new_links = {};
    loop_.network().cut_all();
    server_.stop();
    loop_.advance(server_.options().linger + 5s);
    require(server_.stopped() && server_.up_count() == 0, "a server that is to stop stops");
    check();
    start();
    const RawClient last(loop_, "tcp://localhost:6000");
    loop_.run_until_idle();
    require(server_.up_count() == 1, "a server can start again");
  }

  FuzzedInput& input_;
  ManualLoop loop_;
  std::vector<Peer> peers_;
  std::map<std::size_t, std::size_t> heard_;
  std::size_t texts_ = 0;
  Server server_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  FuzzedInput input(data, size);
  Target(input).run();
  return 0;
}

// A client, with two servers that send it anything. What the input says is called at any time, also
// in hooks; the network has faults; time passes. Hooks come in pairs and in order, messages arrive
// in order on both sides, what waits is within its bounds, and in the end `stop` stops it.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/quiet.h"
#include "test/support/bytes.h"

namespace {

using messi::DisconnectReason;
using messi::Duration;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::testing::ManualLoop;
using messi::testing::RawPeer;
using messi::testing::RawServer;
using namespace std::chrono_literals;

struct HookThrew {};

/// What a target's hooks tell it.
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void handle_connected() = 0;
  virtual void handle_message(const std::string& text) = 0;
  /// At the end of each hook.
  virtual void act_in_hook() = 0;
  virtual std::optional<Duration> retry_after(std::optional<Duration> usual) = 0;
};

class Client final : public chat::ChatClient {
 public:
  Client(messi::EventLoop& loop, messi::ClientOptions options, Watcher& watcher)
      : ChatClient(loop, "tcp://localhost:6000", std::move(options)), watcher_(watcher) {}

  bool up() const { return up_; }

 private:
  void on_connected() override {
    require(!up_ && connected(), "a client is connected once");
    up_ = true;
    watcher_.handle_connected();
    watcher_.act_in_hook();
  }
  void on_disconnected(DisconnectReason /*reason*/) override {
    require(up_ && !connected(), "a client is disconnected once for each time it was connected");
    require(pending_bytes() == 0, "nothing is pending without a connection");
    const std::string_view hint = disconnect_hint();
    require(std::none_of(hint.begin(), hint.end(), [](unsigned char byte) { return byte < 0x20; }),
            "a hint can be printed");
    up_ = false;
    watcher_.act_in_hook();
  }
  std::optional<Duration> on_connect_failure(const absl::Status& error) override {
    require(!up_ && !error.ok(), "an attempt fails for a reason");
    const std::optional<Duration> delay =
        watcher_.retry_after(ChatClient::on_connect_failure(error));
    watcher_.act_in_hook();
    return delay;
  }
  void on_writable() override {
    require(up_ && connected(), "a client is writable only while connected");
    watcher_.act_in_hook();
  }
  void on_unknown_message(std::uint32_t field_number) override {
    require(field_number != 0, "an unknown message has a number");
    received();
  }
  void on_connect_rsp(const chat::ConnectRsp& /*message*/) override { received(); }
  void on_message_ind(const chat::MessageInd& message) override {
    watcher_.handle_message(message.text());
    received();
  }
  void received() {
    require(up_ && !paused(), "messages come only while connected");
    watcher_.act_in_hook();
  }

  Watcher& watcher_;
  bool up_ = false;
};

class Target final : private Watcher {
 public:
  explicit Target(FuzzedInput& input)
      : input_(input),
        loop_(input.byte()),
        servers_{{loop_, "tcp://:6000"}, {loop_, "tcp://:6001"}},
        client_(loop_, options(input), *this) {}

  void run() {
    client_.start();
    while (!input_.empty()) {
      step();
      check();
    }
    finish();
  }

 private:
  /// The server's side of a connection.
  struct Peer {
    explicit Peer(RawPeer* its_raw) : raw(its_raw) {}
    RawPeer* raw;
    bool closed = false;
    std::size_t sent = 0;
    std::string received;
    std::size_t seen = 0;  // messages
  };
  struct Place {
    Place(ManualLoop& loop, const std::string& uri) : server(loop, uri) {}
    RawServer server;
    std::vector<Peer> peers;
  };

  static constexpr std::size_t kMaxPayload = 20'000;

  static messi::ClientOptions options(FuzzedInput& input) {
    messi::ClientOptions options;
    options.max_payload_size = kMaxPayload;
    options.max_pending_bytes = 1 + input.below(100'000);
    options.linger = 100ms * input.below(80);
    options.backoff.max = 2s;
    if (input.byte() % 2 == 1) options.more_uris = {"tcp://localhost:6001"};
    if (input.one_in(32)) options.ping_interval = 0s, options.pong_timeout = Duration::max();
    return options;
  }

  // Watcher
  void handle_connected() override { sent_ = 0; }
  void handle_message(const std::string& text) override {
    if (noise_) return;
    const std::size_t dash = text.find('-');
    require(std::to_string(++heard_[text.substr(0, dash)]) == text.substr(dash + 1),
            "the server's messages come in order, and none is missing");
  }
  void act_in_hook() override {
    if (input_.empty()) return;
    const std::uint8_t what = input_.byte();
    if (what >= 250) throw HookThrew();
    if (what % 3 == 2) call();
  }
  std::optional<Duration> retry_after(std::optional<Duration> usual) override {
    const std::uint8_t what = input_.byte();
    if (what == 255) return std::nullopt;
    return what >= 200 ? 10ms * (what - 199) : usual;
  }

  void step() {
    try {
      switch (input_.below(4)) {
        case 0:
          return loop_.run_until_idle();
        case 1:
          return loop_.advance(std::chrono::milliseconds(10 * input_.below(1000)));
        default:
          return call();
      }
    } catch (const HookThrew&) {
    }
  }

  /// Does something that is legal at any time.
  void call() {
    switch (input_.below(16)) {
      case 0:
        return client_.start();
      case 1:
        return client_.stop();
      case 2:
        if (input_.one_in(3)) client_.stop_now();
        return;
      case 3:
        return client_.pause();
      case 4:
        return client_.resume();
      case 5:
      case 6:
        return send();
      case 7:
        return break_network();
      case 8:
        return break_link();
      default:
        return with_peer();
    }
  }

  void send() {
    chat::MessageInd message;
    const std::string number = std::to_string(sent_ + 1);
    message.set_text(number + "-" + std::string(input_.one_in(8) ? input_.below(25'000) : 3, '.'));
    if (client_.connected()) ++sent_;
    client_.send(message);
  }

  std::string any_frame() {
    const std::uint8_t type = input_.byte();
    return messi::test::frame(type, input_.bytes(100));
  }

  /// A word of the server about why it closes the connection.
  std::string any_close() {
    static constexpr char kCodes[] = {7, 9, 10, 11, 12, 14, 14, 15};
    std::string payload(24, '\0');
    payload[0] = kCodes[input_.below(sizeof(kCodes))];
    payload[6] = static_cast<char>(input_.byte());  // retry after, in 256 ms
    return messi::test::frame(9, payload + input_.bytes(100));
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
        faults.refuse_connects = true;
        return;
      case 4:
        faults.ignore_connects = true;
        return;
      case 5:
        return loop_.network().cut_all();
      default:
        return;
    }
  }

  messi::testing::LinkFaults any_link_faults() {
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
    return faults;
  }
  void break_link() {
    const messi::testing::LinkFaults faults = any_link_faults();
    if (input_.byte() % 2 == 0) {
      loop_.network().new_links = faults;
    } else if (auto* const link = loop_.network().link(loop_.network().connections_made())) {
      *link = faults;
    }
  }

  void with_peer() {
    find_peers();
    const std::size_t which = input_.byte() % 2;
    std::vector<Peer>& peers = servers_[which].peers;
    if (peers.empty() || peers.back().closed) return;
    Peer& peer = peers.back();
    switch (input_.below(12)) {
      case 0:
      case 1:
        noise_ = true;
        return peer.raw->send(input_.bytes(100));
      case 2:
        noise_ = true;
        return peer.raw->send(any_frame());
      case 3:
        noise_ = true;
        return peer.raw->send(messi::test::frame(2, input_.bytes(100)));
      case 4:
        return peer.raw->send(messi::test::kPong);
      case 5:
        return peer.raw->finish();
      case 6:
        return peer.raw->want_input(input_.byte() % 2 == 0);
      case 7:
        return peer.raw->stay_open();
      case 8:
        peer.closed = true;
        return peer.raw->close();
      case 9:
        return peer.raw->send(any_close());
      default: {
        chat::ServerToClient wrapper;
        const std::string name = std::to_string(which) + "." + std::to_string(peers.size());
        wrapper.mutable_message_ind()->set_text(name + "-" + std::to_string(++peer.sent));
        return peer.raw->send(messi::test::frame(2, wrapper.SerializeAsString()));
      }
    }
  }

  void find_peers() {
    for (Place& place : servers_) {
      while (place.peers.size() < place.server.peers().size()) {
        place.peers.emplace_back(place.server.peers()[place.peers.size()].get());
      }
    }
  }

  void check() {
    require(client_.up() || !client_.connected(), "on_connected comes with the connection");
    const std::size_t largest = 2 * wire_size(kMaxPayload);
    require(client_.pending_bytes() <= client_.options().max_pending_bytes + largest,
            "no more is waiting than allowed");
    find_peers();
    for (Place& place : servers_) {
      for (Peer& peer : place.peers) check_received(peer);
    }
  }
  static std::size_t wire_size(std::size_t payload) { return 4 + payload; }

  static void check_received(Peer& peer) {
    if (peer.raw->received().empty()) return;
    peer.received += peer.raw->take_received();
    std::vector<messi::test::RawFrame> frames = messi::test::frames_of(peer.received);
    peer.received.clear();
    if (!frames.empty() && frames.back().type == -1) {
      peer.received = frames.back().payload;
      frames.pop_back();
    }
    for (const messi::test::RawFrame& frame : frames) {
      require(frame.type == 1 || frame.type == 3, "a client sends messages and pings");
      if (frame.type == 3) continue;
      chat::ClientToServer wrapper;
      require(wrapper.ParseFromString(frame.payload) && wrapper.has_message_ind(),
              "a client sends what it was told to send");
      const std::string& text = wrapper.message_ind().text();
      require(text.substr(0, text.find('-')) == std::to_string(++peer.seen),
              "a client's messages come in order, and none is missing");
    }
  }

  void finish() {
    loop_.network().faults = {};
    loop_.network().new_links = {};
    loop_.network().cut_all();
    client_.stop();
    loop_.advance(client_.options().linger + 1s);
    require(client_.stopped() && !client_.up(), "a client that is to stop stops");
    check();
    if (sent_ % 2 == 0) return;
    client_.start();
    loop_.run_until_idle();
    require(client_.connected(), "a client can start again");
  }

  FuzzedInput& input_;
  ManualLoop loop_;
  Place servers_[2];
  bool noise_ = false;    // a server has sent anything
  std::size_t sent_ = 0;  // on this connection
  std::map<std::string, std::size_t> heard_;
  Client client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  FuzzedInput input(data, size);
  Target(input).run();
  return 0;
}

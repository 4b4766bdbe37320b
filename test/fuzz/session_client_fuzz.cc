// A client with sessions, and a server that is written out here: it keeps the rules of sessions,
// cuts connections wherever it likes, forgets sessions and ends them, and at some point may send
// anything. As long as it keeps the rules, each message arrives once and in order, in both
// directions, or is handed back; and hooks come in their order.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/session/session_loss.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/quiet.h"
#include "test/support/bytes.h"
#include "test/support/session_bytes.h"

namespace {

using messi::DisconnectReason;
using messi::Duration;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::test::big_endian;
using messi::test::number_at;
using messi::test::RawFrame;
using messi::testing::ManualLoop;
using messi::testing::RawPeer;
using messi::testing::RawServer;
using namespace std::chrono_literals;

struct HookThrew {};

std::string text_of(const std::string& payload) {
  chat::ClientToServer wrapper;
  require(wrapper.ParseFromString(payload) && wrapper.has_message_ind(),
          "a client sends what it was told to send");
  return wrapper.message_ind().text();
}

/// The number at the beginning of a text.
std::size_t number_of(const std::string& text) {
  return static_cast<std::size_t>(std::stoul(text));
}

/// A session, as the server knows it.
struct Session {
  std::string id;
  std::string secret;
  std::uint64_t attempt = 0;
  std::uint64_t rx = 0;
  std::size_t last = 0;  // the number in the text of the last message
  std::vector<std::string> sent;
  std::uint64_t acked = 0;
  std::uint64_t written = 0;  // the highest number
  bool over = false;
};

class Client final : public chat::ChatClient {
 public:
  Client(messi::EventLoop& loop, messi::ClientOptions options)
      : ChatClient(loop, "tcp://localhost:6000", std::move(options)) {}

  /// What the input does at the end of each hook, and how long to wait for another attempt.
  std::function<void()> act = [] {};
  std::function<std::optional<Duration>(std::optional<Duration>)> retry_after;

  bool up() const { return up_; }
  bool noise = false;
  std::set<std::size_t> handed_back;         // numbers of messages
  std::map<std::string, std::size_t> heard;  // of each session

 private:
  void on_connected() override {
    require(!up_, "a client is connected once");
    up_ = true;
    away_ = false;
    act();
  }
  void on_disconnected(DisconnectReason /*reason*/) override {
    require(up_ && !connected() && !detached(), "on_disconnected follows on_connected");
    up_ = lost_ = false;
    act();
  }
  void on_detached(DisconnectReason /*reason*/) override {
    require(up_ && !away_ && !lost_, "a session is detached once");
    away_ = true;
    act();
  }
  void on_resumed(std::uint64_t /*replayed*/) override {
    require(up_ && away_ && !lost_, "what is resumed was detached");
    away_ = false;
    act();
  }
  void on_session_lost(const messi::SessionLoss& loss) override {
    require(!lost_, "a session is lost once");
    lost_ = up_;
    std::uint64_t number = loss.first_unacked;
    for (const auto& each : loss.messages) {
      require(each.number == number++, "messages that are handed back have their numbers");
      require(handed_back.insert(number_of(text_of(std::string(each.payload)))).second,
              "a message is handed back once");
    }
    require(number == loss.last_accepted + 1, "what is lost is handed back");
    act();
  }
  std::optional<Duration> on_connect_failure(const absl::Status& error) override {
    return retry_after(ChatClient::on_connect_failure(error));
  }
  void on_writable() override { act(); }
  void on_message_ind(const chat::MessageInd& message) override {
    require(up_ && !away_ && !paused(), "messages come while a connection carries the session");
    const std::string& text = message.text();
    const std::size_t dash = text.find('-');
    if (!noise) {
      require(std::to_string(++heard[text.substr(0, dash)]) == text.substr(dash + 1),
              "the server's messages come once and in order");
    }
    act();
  }

  bool up_ = false;
  bool away_ = false;
  bool lost_ = false;
};

class Target {
 public:
  explicit Target(FuzzedInput& input)
      : input_(input),
        loop_(input.byte()),
        server_(loop_, "tcp://:6000"),
        client_(loop_, options(input)) {
    client_.act = [this] { act_in_hook(); };
    client_.retry_after = [this](std::optional<Duration> usual) -> std::optional<Duration> {
      const std::uint8_t what = input_.byte();
      if (what == 255) return std::nullopt;
      return what >= 200 ? 10ms * (what - 199) : usual;
    };
  }

  void run() {
    client_.start();
    while (!input_.empty()) step();
    finish();
  }

 private:
  static messi::ClientOptions options(FuzzedInput& input) {
    messi::ClientOptions options;
    options.session = messi::SessionMode::kRequired;
    options.max_payload_size = 20'000;
    options.max_pending_bytes = 1000 + input.below(100'000);
    options.linger = 100ms * input.below(80);
    options.backoff.initial = 100ms;
    options.backoff.max = 1s;
    return options;
  }

  void act_in_hook() {
    if (input_.empty()) return;
    const std::uint8_t what = input_.byte();
    if (what >= 252) throw HookThrew();
    if (what % 4 == 3) call();
  }

  void step() {
    try {
      switch (input_.below(8)) {
        case 0:
        case 1:
          return loop_.run_until_idle();
        case 2:
          return loop_.advance(std::chrono::milliseconds(5 * input_.below(500)));
        case 3:
        case 4:
          return call();
        default:
          return serve();
      }
    } catch (const HookThrew&) {
    }
  }

  /// Does something that is legal at any time.
  void call() {
    switch (input_.below(16)) {
      case 0:
      case 1:
        return client_.start();
      case 2:
        if (input_.one_in(3)) client_.stop();
        return;
      case 3:
        if (input_.one_in(6)) client_.stop_now();
        return;
      case 4:
        return client_.pause();
      case 5:
      case 6:
        return client_.resume();
      case 7:
        if (input_.one_in(4)) client_.close(10ms * input_.below(200));
        return;
      case 8:
        return break_network();
      default:
        return send();
    }
  }

  void send() {
    const std::size_t before = client_.pending_bytes();
    chat::MessageInd message;
    message.set_text(std::to_string(sent_ + 1) + "-" +
                     std::string(input_.one_in(16) ? input_.below(25'000) : input_.below(50), '.'));
    client_.send_message_ind(message);
    if (client_.pending_bytes() > before) ++sent_;
  }

  void break_network() {
    messi::testing::Faults& faults = loop_.network().faults;
    faults = {};
    switch (input_.below(6)) {
      case 0:
        faults.most_per_read = 1 + input_.below(40);
        return;
      case 1:
        faults.capacity = 1 + input_.below(5'000);
        return;
      case 2: {
        messi::testing::LinkFaults link;
        (input_.byte() % 2 == 0 ? link.to_client : link.to_server).cut_after = input_.below(3'000);
        loop_.network().new_links = link;
        return;
      }
      default:
        loop_.network().new_links = {};
        return;
    }
  }

  // The server. Only its last connection counts; those before are closed.

  RawPeer* peer() { return accepted_ == 0 || closed_ ? nullptr : &server_.last(); }

  void accept() {
    if (server_.peers().size() == accepted_) return;
    accepted_ = server_.peers().size();
    closed_ = false;
    introduced_ = false;
    on_link_ = false;
    ending_ = false;
    in_.clear();
    say(messi::test::offer_frame(true));
  }

  void say(const std::string& bytes) {
    if (peer() != nullptr) peer()->send(bytes);
  }

  void serve() {
    accept();
    if (peer() == nullptr) return;
    switch (input_.below(24)) {
      case 0:
        return cut();
      case 1:
      case 2:
        return acknowledge();
      case 3:
      case 4:
      case 5:
      case 6:
        return reply();
      case 7:
        if (input_.one_in(4)) end(5);
        return;
      case 8:
        if (input_.one_in(4)) end(14);
        return;
      case 9:
        if (input_.one_in(8)) end(4);
        return;
      case 10:
        if (input_.one_in(16)) lie();
        return;
      default:
        return handle_input(1 + input_.below(20));
    }
  }

  void cut() {
    if (input_.byte() % 2 == 0) handle_input(1000);  // what it has got counts
    if (peer() == nullptr) return;
    peer()->close();
    closed_ = true;
  }

  void acknowledge() {
    if (on_link_) say(messi::test::ack_frame(session_.rx, session_.sent.size()));
  }

  void reply() {
    if (!on_link_ || ending_) return;
    session_.sent.push_back(std::to_string(sessions_) + "-" +
                            std::to_string(session_.sent.size() + 1));
    session_.written = session_.sent.size();
    say(message(session_.sent.back()));
  }
  static std::string message(const std::string& text) {
    chat::ServerToClient wrapper;
    wrapper.mutable_message_ind()->set_text(text);
    return messi::test::frame(2, wrapper.SerializeAsString());
  }

  /// Ends the session: 5 in order, 14 after a drain, 4 since it is lost.
  void end(int code) {
    if (!on_link_ || ending_) return;
    say(messi::test::session_close_frame(code, session_.rx, session_.sent.size()));
    if (code != 14) session_.over = true;
    if (code != 14) on_link_ = false;
    ending_ = true;
  }

  void lie() {
    client_.noise = true;
    say(input_.byte() % 2 == 0 ? input_.bytes(100)
                               : messi::test::frame(input_.byte() % 12, input_.bytes(100)));
  }

  void handle_input(std::size_t most) {
    in_ += peer()->take_received();
    std::vector<RawFrame> frames = messi::test::frames_of(in_);
    in_.clear();
    for (std::size_t i = 0; i < frames.size(); ++i) {
      if (frames[i].type == -1) {
        in_ += frames[i].payload;
      } else if (i >= most || peer() == nullptr) {
        in_ += messi::test::frame(frames[i].type, frames[i].payload);
      } else {
        handle(frames[i]);
      }
    }
  }

  void handle(const RawFrame& frame) {
    switch (frame.type) {
      case 3:
        return say(messi::test::kPong);
      case 6:
        return handle_hello(frame.payload);
      case 1:
        return handle_message(text_of(frame.payload));
      case 8:
        return handle_ack(number_at(frame.payload, 0, 8), number_at(frame.payload, 8, 8));
      case 9:
        return handle_close(frame.payload);
      default:
        require(false, "a client sends only what belongs to a session");
    }
  }

  void handle_hello(const std::string& payload) {
    require(!introduced_, "a client says HELLO once");
    introduced_ = true;
    const bool resume = (payload[1] & 1) != 0;
    const std::uint64_t attempt = number_at(payload, 4, 4);
    const std::uint64_t rx = number_at(payload, 16, 8);
    const bool known = resume && payload.substr(24, 16) == session_.id && !session_.over;
    if (known && !client_.noise) {
      require(payload.substr(40, 16) == session_.secret, "a client has the session's secret");
      require(attempt > session_.attempt, "each HELLO has a number of its own");
      require(rx >= session_.acked && rx <= session_.written, "a client has got what was sent");
    }
    if (input_.one_in(8)) return say(messi::test::close_frame(7));
    if (!known || input_.one_in(16)) return welcome_new(resume);
    session_.attempt = attempt;
    session_.acked = std::max(session_.acked, std::min<std::uint64_t>(rx, session_.sent.size()));
    on_link_ = true;
    say(welcome(1, 0, session_.rx));
    say(messi::test::ack_frame(session_.rx, session_.acked));
    for (std::size_t i = session_.acked; i < session_.sent.size(); ++i) {
      say(message(session_.sent[i]));
    }
  }

  void welcome_new(bool resume) {
    const std::uint64_t handled = session_.rx;
    const bool tells = resume && !client_.noise && input_.byte() % 2 == 0;
    const std::size_t last = session_.last;
    session_ = {};
    session_.last = last;
    session_.id = messi::test::pattern(16, static_cast<unsigned>(++sessions_));
    session_.secret = messi::test::pattern(16, static_cast<unsigned>(sessions_) + 1000);
    session_.attempt = 1;
    on_link_ = true;
    say(welcome(0, resume ? 1 : 0, 0,
                tells ? std::optional<std::uint64_t>(handled) : std::nullopt));
    say(messi::test::ack_frame(0, 0));
  }

  std::string welcome(int status, int reason, std::uint64_t rx,
                      std::optional<std::uint64_t> prev_rx = std::nullopt) const {
    return messi::test::frame(
        7, big_endian(1, 1) + big_endian(static_cast<std::uint64_t>(status), 1) +
               big_endian(static_cast<std::uint64_t>(reason), 1) + big_endian(prev_rx ? 1 : 0, 1) +
               big_endian(30'000, 4) + big_endian(4'000, 4) + big_endian(1'000'000, 4) +
               big_endian(rx, 8) + session_.id + session_.secret +
               big_endian(prev_rx.value_or(0), 8) + big_endian(0, 8));
  }

  void handle_message(const std::string& text) {
    if (!on_link_) return;  // after its end of the session
    ++session_.rx;
    const std::size_t number = number_of(text);
    const bool next = number == session_.last + 1;
    require(next || (session_.rx == 1 && number > session_.last),
            "a client's messages come once and in order");
    session_.last = number;
    handled_.insert(number);
  }

  void handle_ack(std::uint64_t rx, std::uint64_t tx) {
    if (!on_link_) return;
    require(tx == session_.rx, "a client counts as the server does");
    if (client_.noise) return;
    require(rx >= session_.acked && rx <= session_.sent.size(),
            "a client acknowledges what was sent");
    session_.acked = rx;
  }

  void handle_close(const std::string& payload) {
    if (!on_link_) return;
    handle_ack(number_at(payload, 8, 8), number_at(payload, 16, 8));
    if (payload[0] == 14) {  // the client lets the server go
      if (!client_.noise) require(ending_ && payload[1] == 1, "a drain is answered");
      peer()->finish();
    } else {
      if (payload[0] == 5) {
        say(messi::test::session_close_frame(5, session_.rx, session_.sent.size(), true));
      }
      peer()->finish();
      session_.over = true;
    }
    on_link_ = false;
  }

  void finish() {
    loop_.network().faults = {};
    loop_.network().new_links = {};
    client_.act = [] {};
    client_.retry_after = [](std::optional<Duration> usual) { return usual; };
    client_.resume();
    client_.close(60s);
    for (int i = 0; i < 1000 && !client_.stopped(); ++i) {
      try {
        loop_.advance(100ms);
      } catch (const HookThrew&) {
      }
      accept();
      if (peer() == nullptr) continue;
      handle_input(1000);
      if (!on_link_ && introduced_ && peer() != nullptr) {
        peer()->close();
        closed_ = true;
      } else {
        acknowledge();
      }
    }
    require(client_.stopped() && !client_.up(), "a client that is to stop stops");
    require(client_.unacknowledged() == 0, "nothing is left of what was sent");
    for (std::size_t number = 1; number <= sent_; ++number) {
      require(handled_.count(number) + client_.handed_back.count(number) > 0,
              "what was sent is handled or handed back");
    }
  }

  FuzzedInput& input_;
  ManualLoop loop_;
  RawServer server_;
  std::size_t sent_ = 0;

  Session session_;
  std::size_t sessions_ = 0;
  std::size_t accepted_ = 0;
  bool closed_ = false;
  bool introduced_ = false;
  bool on_link_ = false;  // the session is on the last connection
  bool ending_ = false;
  std::string in_;
  std::set<std::size_t> handled_;

  Client client_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  FuzzedInput input(data, size);
  Target(input).run();
  return 0;
}

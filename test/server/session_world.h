#ifndef MESSI_TEST_SERVER_SESSION_WORLD_H_
#define MESSI_TEST_SERVER_SESSION_WORLD_H_

// A server with sessions that writes down what happens, and clients that speak to it frame by
// frame.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/session_bytes.h"

namespace messi::test {

class SessionServer : public Server {
 public:
  explicit SessionServer(EventLoop& loop, ServerOptions options)
      : Server(loop, "tcp://:6000", std::move(options)) {
    may_leave = true;
    REQUIRE(start().ok());
  }

  /// Who a client is.
  std::function<void(Client& client)> authenticate = [](Client& client) { client.accept(); };
  SessionLossReason lost = SessionLossReason::kUnknown;
  std::vector<std::string> handed_back;

  void on_authenticate(Client& client) override {
    const std::string token(client.auth_token());
    if (!token.empty()) log.push_back(std::to_string(client.id()) + " token " + token);
    authenticate(client);
  }
  void on_client_detached(Client& client, DisconnectReason reason) override {
    note(client, "detached: " + std::string(to_string(reason)));
  }
  void on_client_resumed(Client& client, std::uint64_t replayed) override {
    note(client, "resumed " + std::to_string(replayed));
  }
  void on_client_session_lost(Client& client, const SessionLoss& loss) override {
    std::ostringstream text;
    text << "lost: " << loss.reason << ' ' << loss.first_unacked << '-' << loss.last_accepted;
    if (loss.peer_handled) text << " of " << *loss.peer_handled;
    lost = loss.reason;
    handed_back.clear();
    for (const auto& message : loss.messages) {
      handed_back.push_back(text_in(message.payload));
    }
    CHECK_FALSE(client.connected());
    note(client, text.str());
  }

 private:
  void note(Client& client, const std::string& event) {
    log.push_back(std::to_string(client.id()) + " " + event);
    on(event, &client);
  }
};

/// A client, frame by frame. It remembers its session, and counts.
class Peer {
 public:
  explicit Peer(testing::ManualLoop& loop) : loop_(loop) {}

  /// Connects, and reads the offer.
  void connect() {
    link_ = std::make_unique<testing::RawClient>(loop_, "tcp://localhost:6000");
    loop_.run_until_idle();
    REQUIRE(link_->peer() != nullptr);
  }
  void say(const std::string& bytes) {
    (*link_)->send(bytes);
    loop_.run_until_idle();
  }
  /// The frames that have come since they were last taken.
  std::vector<RawFrame> take() {
    std::vector<RawFrame> frames = frames_of((*link_)->take_received());
    for (const RawFrame& frame : frames) {
      if (frame.type == 2) ++rx;
    }
    return frames;
  }
  std::vector<int> take_types() {
    std::vector<int> types;
    for (const RawFrame& frame : take()) types.push_back(frame.type);
    return types;
  }
  /// The texts of the messages that have come.
  std::vector<std::string> take_texts() {
    std::vector<std::string> texts;
    for (const RawFrame& frame : take()) {
      if (frame.type == 2) texts.push_back(text_in(frame.payload));
    }
    return texts;
  }

  RawHello hello() const {
    RawHello hello;
    hello.attempt = attempt;
    if (!id.empty()) {
      hello.resume = true;
      hello.rx = rx;
      hello.id = id;
      hello.secret = secret;
    }
    return hello;
  }
  /// Begins a session or resumes it; returns what has come but the offer and WELCOME.
  std::vector<RawFrame> introduce() {
    ++attempt;
    return introduce(hello());
  }
  std::vector<RawFrame> introduce(const RawHello& hello) {
    say(hello.frame());
    std::vector<RawFrame> frames = frames_of((*link_)->take_received());
    while (!frames.empty() && (frames[0].type == 5 || frames[0].type == 2)) {
      frames.erase(frames.begin());
    }
    REQUIRE_FALSE(frames.empty());
    REQUIRE(frames[0].type == 7);
    welcome = RawWelcome::of(frames[0]);
    frames.erase(frames.begin());
    id = welcome.id;
    secret = welcome.secret;
    server_rx = welcome.rx;
    if (!welcome.resumed()) {
      rx = 0;
      sent = 0;
    }
    for (const RawFrame& frame : frames) {
      if (frame.type == 2) ++rx;
    }
    return frames;
  }
  /// The same, and confirms it.
  void attach() {
    connect();
    introduce();
    ack();
  }
  void ack() { say(ack_frame(rx, sent)); }
  void send(const std::string& text) {
    ++sent;
    say(from_client(message(text)));
  }
  void cut() {
    (*link_)->close();
    loop_.run_until_idle();
  }
  testing::RawPeer& link() { return *link_->peer(); }

  std::string id;
  std::string secret;
  std::uint32_t attempt = 0;
  std::uint64_t rx = 0;         // messages of the server that have come
  std::uint64_t sent = 0;       // messages to the server
  std::uint64_t server_rx = 0;  // as WELCOME says
  RawWelcome welcome = {};

 private:
  testing::ManualLoop& loop_;
  std::unique_ptr<testing::RawClient> link_;
};

inline ServerOptions with_sessions() {
  ServerOptions options;
  options.session = SessionMode::kPrefer;
  return options;
}

struct SessionWorld {
  explicit SessionWorld(ServerOptions options = with_sessions())
      : server(loop, std::move(options)) {}

  testing::ManualLoop loop;
  SessionServer server;
};

}  // namespace messi::test

#endif  // MESSI_TEST_SERVER_SESSION_WORLD_H_

#ifndef MESSI_TEST_CALLS_WORLD_H_
#define MESSI_TEST_CALLS_WORLD_H_

// A client and a server that call each other, in virtual time, and write down what comes of it.
// With either kind of messages: test/views has these tests too.

#include <chrono>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "calls.messi.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/either_kind.h"

namespace messi::test {

using namespace std::chrono_literals;

using Log = std::vector<std::string>;

/// "ok hello", or "DEADLINE_EXCEEDED no answer in time".
template <typename Reply>
std::string to_text(const CallResult<Reply>& result) {
  if (result.ok()) return "ok " + text_of(*result);
  const absl::Status status = result.status();
  return absl::StatusCodeToString(status.code()) + " " + std::string(status.message());
}

class Server : public asking::CallsServer {
 public:
  Server(EventLoop& loop, ServerOptions options)
      : CallsServer(loop, "tcp://:6000", std::move(options)) {
    REQUIRE(start().ok());
  }

  Log log;
  std::function<void(Client& client, const asking::EchoReq& request)> echo =
      [this](Client& /*client*/, const asking::EchoReq& request) {
        reply(with_text<asking::EchoRsp>(text_of(request)));
      };
  std::vector<Responder<asking::EchoRsp>> later;
  std::function<void(Client& client)> farewell;
  Client* last = nullptr;

  Log take_log() { return std::exchange(log, {}); }

  void answer_echo_later() {
    echo = [this](Client& /*client*/, const asking::EchoReq& request) {
      later.push_back(answer_later(request));
    };
  }
  void ask(const std::string& text, Duration timeout = 2s) {
    last->call(with_text<asking::AskReq>(text), timeout,
               [this](CallResult<asking::AskRsp> result) { log.push_back(to_text(result)); });
  }

  void on_client_connected(Client& client) override { last = &client; }
  void on_client_disconnected(Client& client, DisconnectReason reason) override {
    last = nullptr;
    if (farewell) farewell(client);
    log.push_back("disconnected: " + std::string(to_string(reason)));
  }
  void on_echo_req(Client& client, const asking::EchoReq& request) override {
    echo(client, request);
  }
  void on_book_seat(Client& client, const asking::Text& request) override {
    client.send_seat_booked(with_text<asking::Text>("seat " + text_of(request)));
  }
  void on_ask_rsp(Client& /*client*/, const asking::AskRsp& message) override {
    log.push_back("ask_rsp " + text_of(message));
  }
  void on_note(Client& /*client*/, const asking::Text& message) override {
    log.push_back("note " + text_of(message));
  }
};

class Client : public asking::CallsClient {
 public:
  Client(EventLoop& loop, ClientOptions options)
      : CallsClient(loop, "tcp://localhost:6000", std::move(options)) {}

  Log log;
  std::function<void(const asking::AskReq& request)> answer =
      [this](const asking::AskReq& request) { reply(with_text<asking::AskRsp>(text_of(request))); };

  Log take_log() { return std::exchange(log, {}); }

  Call echo(const std::string& text, Duration timeout = 2s) {
    return call(with_text<asking::EchoReq>(text), timeout,
                [this](CallResult<asking::EchoRsp> result) { log.push_back(to_text(result)); });
  }

  void on_disconnected(DisconnectReason reason) override {
    log.push_back("disconnected: " + std::string(to_string(reason)));
  }
  void on_detached(DisconnectReason /*reason*/) override { log.emplace_back("detached"); }
  void on_session_lost(const SessionLoss& /*loss*/) override { log.emplace_back("lost"); }
  void on_echo_rsp(const asking::EchoRsp& message) override {
    log.push_back("echo_rsp " + text_of(message));
  }
  void on_ask_req(const asking::AskReq& request) override { answer(request); }
};

/// How the two sides match answers with requests.
enum class Mode {
  kInOrder,  ///< As with a peer that does not know calls.
  kNamed,    ///< Answers name their requests; without a session.
  kSession,
};

inline ClientOptions client_options(Mode mode) {
  ClientOptions options;
  options.handshake = mode == Mode::kNamed;
  if (mode == Mode::kSession) options.session = SessionMode::kRequired;
  return options;
}

inline ServerOptions server_options(Mode mode) {
  ServerOptions options;
  options.handshake = mode == Mode::kNamed;
  if (mode == Mode::kSession) options.session = SessionMode::kPrefer;
  return options;
}

struct World {
  explicit World(Mode mode) : World(client_options(mode), server_options(mode)) {}
  World(ClientOptions of_client, ServerOptions of_server)
      : server(loop, std::move(of_server)), client(loop, std::move(of_client)) {
    client.start();
    loop.advance(1s);
    REQUIRE(client.connected());
    REQUIRE(server.last != nullptr);
  }

  testing::ManualLoop loop;
  Server server;
  Client client;
};

}  // namespace messi::test

#endif  // MESSI_TEST_CALLS_WORLD_H_

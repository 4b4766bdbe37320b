#ifndef MESSI_TEST_SUPPORT_CHAT_H_
#define MESSI_TEST_SUPPORT_CHAT_H_

// A chat client and server that write down what happens to them, and check that it makes sense:
// hooks come in the right order, and nothing comes from a connection that is gone.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "test/catch.h"
#include "test/support/bytes.h"

namespace messi::test {

using Log = std::vector<std::string>;

inline std::size_t count(const Log& log, std::string_view beginning) {
  return static_cast<std::size_t>(
      std::count_if(log.begin(), log.end(), [beginning](const std::string& line) {
        return std::string_view(line).substr(0, beginning.size()) == beginning;
      }));
}

inline bool has(const Log& log, std::string_view beginning) { return count(log, beginning) > 0; }

inline chat::ConnectReq connect_req(std::string user = "erik") {
  chat::ConnectReq message;
  message.set_user(std::move(user));
  return message;
}

inline chat::MessageInd message(std::string text) {
  chat::MessageInd result;
  result.set_text(std::move(text));
  return result;
}

// Frames as protobuf itself encodes them, by way of the wrapper message.

inline std::string from_client(const chat::ConnectReq& inner) {
  chat::ClientToServer wrapper;
  *wrapper.mutable_connect_req() = inner;
  return frame(1, wrapper.SerializeAsString());
}
inline std::string from_client(const chat::MessageInd& inner) {
  chat::ClientToServer wrapper;
  *wrapper.mutable_message_ind() = inner;
  return frame(1, wrapper.SerializeAsString());
}
inline std::string from_server(const chat::ConnectRsp& inner) {
  chat::ServerToClient wrapper;
  *wrapper.mutable_connect_rsp() = inner;
  return frame(2, wrapper.SerializeAsString());
}
inline std::string from_server(const chat::MessageInd& inner) {
  chat::ServerToClient wrapper;
  *wrapper.mutable_message_ind() = inner;
  return frame(2, wrapper.SerializeAsString());
}

inline std::string text_of(const chat::MessageInd& message) {
  if (message.text().size() <= 40) return message.text();
  return "of " + std::to_string(message.text().size()) + " bytes";
}

class Client : public chat::ChatClient {
 public:
  explicit Client(EventLoop& loop, std::string uri = "tcp://localhost:6000",
                  ClientOptions options = {})
      : ChatClient(loop, std::move(uri), std::move(options)) {}

  Log log;
  /// Called at the end of every hook, with the line that was logged.
  std::function<void(const std::string& line)> then = [](const std::string& /*line*/) {};
  /// What `on_connect_failure` returns, if not what it returns by default.
  std::optional<std::function<std::optional<Duration>(const absl::Status&)>> retry;
  absl::Status last_failure;
  std::string last_text;
  /// Whether messages may come from a server that drains.
  bool may_leave = false;

  std::size_t count(std::string_view beginning) const { return test::count(log, beginning); }
  bool has(std::string_view beginning) const { return count(beginning) > 0; }

  void on_connected() override {
    CHECK_FALSE(up_);
    CHECK(connected());
    up_ = true;
    happened("connected");
  }
  void on_disconnected(DisconnectReason reason) override {
    CHECK(up_);
    CHECK_FALSE(connected());
    CHECK(pending_bytes() == 0);
    up_ = false;
    happened("disconnected: " + std::string(to_string(reason)));
  }
  std::optional<Duration> on_connect_failure(const absl::Status& error) override {
    CHECK_FALSE(up_);
    CHECK_FALSE(connected());
    CHECK_FALSE(error.ok());
    last_failure = error;
    happened("failed: " + std::string(error.message()));
    return retry ? (*retry)(error) : ChatClient::on_connect_failure(error);
  }
  void on_writable() override { received("writable"); }
  void on_unknown_message(std::uint32_t field_number) override {
    received("unknown " + std::to_string(field_number));
  }
  void on_connect_rsp(const chat::ConnectRsp& /*message*/) override { received("connect_rsp"); }
  void on_message_ind(const chat::MessageInd& message) override {
    last_text = message.text();
    received("message " + text_of(message));
  }

 private:
  void received(const std::string& line) {
    CHECK(up_);
    CHECK((connected() || may_leave));
    happened(line);
  }
  void happened(const std::string& line) {
    log.push_back(line);
    then(line);
  }

  bool up_ = false;
};

class Server : public chat::ChatServer {
 public:
  explicit Server(EventLoop& loop, std::string uri = "tcp://:6000", ServerOptions options = {})
      : ChatServer(loop, std::move(uri), std::move(options)) {
    on = [](const std::string&, Client*) {};
  }

  Log log;
  /// Called at the end of every hook, with the line that was logged but for the client's id.
  std::function<void(const std::string& event, Client* client)> on;
  std::string last_text;
  /// Whether messages may come from clients that are let go.
  bool may_leave = false;

  std::size_t count(std::string_view beginning) const { return test::count(log, beginning); }
  bool has(std::string_view beginning) const { return count(beginning) > 0; }

  /// The ids of the clients that are connected, in the order of iteration.
  std::vector<std::uint64_t> ids() {
    std::vector<std::uint64_t> result;
    for (const Client& client : clients()) result.push_back(client.id());
    return result;
  }

  void on_client_connected(Client& client) override {
    CHECK_FALSE(up_[client.id()]);
    CHECK(client.connected());
    CHECK(find_client(client.id()) == &client);
    up_[client.id()] = true;
    happened(client, "connected");
  }
  void on_client_disconnected(Client& client, DisconnectReason reason) override {
    CHECK(up_[client.id()]);
    CHECK_FALSE(client.connected());
    CHECK(find_client(client.id()) == nullptr);
    up_[client.id()] = false;
    happened(client, "disconnected: " + std::string(to_string(reason)));
  }
  void on_client_refused(const std::string& peer_address, DisconnectReason reason) override {
    log.push_back("refused " + peer_address + ": " + std::string(to_string(reason)));
    on("refused", nullptr);
  }
  void on_handshake_failed(const std::string& peer_address, const absl::Status& why) override {
    log.push_back("handshake failed " + peer_address + ": " + std::string(why.message()));
    on("handshake failed", nullptr);
  }
  void on_client_writable(Client& client) override { received(client, "writable"); }
  void on_client_behind(Client& client) override { received(client, "behind"); }
  void on_unknown_message(Client& client, std::uint32_t field_number) override {
    received(client, "unknown " + std::to_string(field_number));
  }
  void on_connect_req(Client& client, const chat::ConnectReq& message) override {
    received(client, "connect_req " + message.user());
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    last_text = message.text();
    received(client, "message " + text_of(message));
  }

 private:
  void received(Client& client, const std::string& event) {
    CHECK(up_[client.id()]);
    CHECK((client.connected() || may_leave));
    CHECK(find_client(client.id()) == (client.connected() ? &client : nullptr));
    happened(client, event);
  }
  void happened(Client& client, const std::string& event) {
    log.push_back(std::to_string(client.id()) + " " + event);
    on(event, &client);
  }

  std::map<std::uint64_t, bool> up_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_CHAT_H_

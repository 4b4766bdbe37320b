#ifndef MESSI_TEST_SUPPORT_CHAT_H_
#define MESSI_TEST_SUPPORT_CHAT_H_

// A chat client and server that write down what happens to them, and check that it makes sense:
// hooks come in the right order, and nothing comes from a connection that is gone. With either kind
// of messages.

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
#include "test/support/either_kind.h"

namespace messi::test {

using Log = std::vector<std::string>;

inline std::size_t count(const Log& log, std::string_view beginning) {
  return static_cast<std::size_t>(
      std::count_if(log.begin(), log.end(), [beginning](const std::string& line) {
        return std::string_view(line).substr(0, beginning.size()) == beginning;
      }));
}

inline bool has(const Log& log, std::string_view beginning) { return count(log, beginning) > 0; }

// Messages that are structs look at these texts, which must live until the message is sent.

inline chat::ConnectReq connect_req(const std::string& user = "erik") {
  return with_user<chat::ConnectReq>(user);
}
inline chat::MessageInd message(const std::string& text) {
  return with_text<chat::MessageInd>(text);
}
/// A message with a text of so many bytes, which lives on.
inline chat::MessageInd message_of(std::size_t size) {
  static std::map<std::size_t, std::string> texts;
  return message(texts.try_emplace(size, size, 'x').first->second);
}

// Frames and messages by hand, as protobuf encodes them, since messages may be of either kind.

/// A field that has a text or a message.
inline std::string field(int number, std::string_view content) {
  std::string result(1, static_cast<char>(number << 3 | 2));
  std::size_t size = content.size();
  for (; size > 0x7f; size >>= 7) result += static_cast<char>(size | 0x80);
  result += static_cast<char>(size);
  return result.append(content);
}
inline std::string text_field(int number, const std::string& text) {
  return text.empty() ? "" : field(number, text);
}
inline std::string encoded(const chat::MessageInd& message) {
  return text_field(1, user_of(message)) + text_field(2, text_of(message));
}

inline std::string from_client(const chat::ConnectReq& inner) {
  return frame(1, field(1, text_field(1, user_of(inner))));
}
inline std::string from_client(const chat::MessageInd& inner) {
  return frame(1, field(2, encoded(inner)));
}
inline std::string from_server(const chat::ConnectRsp& /*inner*/) { return frame(2, field(1, "")); }
inline std::string from_server(const chat::MessageInd& inner) {
  return frame(2, field(2, encoded(inner)));
}

struct Field {
  int number;
  std::string_view content;
};
inline Field take_field(std::string_view& bytes) {
  const int number = bytes.at(0) >> 3;
  std::size_t size = 0;
  std::size_t at = 1;
  for (bool more = true; more; ++at) {
    size |= (static_cast<std::size_t>(bytes.at(at)) & 0x7f) << (7 * (at - 1));
    more = (bytes[at] & 0x80) != 0;
  }
  const std::string_view content = bytes.substr(at, size);
  REQUIRE(content.size() == size);
  bytes.remove_prefix(at + size);
  return {number, content};
}
/// The text of a message_ind in the payload of a frame; of another member, "welcome".
inline std::string text_in(std::string_view payload) {
  const Field member = take_field(payload);
  if (member.number != 2) return "welcome";
  std::string text;
  for (std::string_view fields = member.content; !fields.empty();) {
    const Field each = take_field(fields);
    if (each.number == 2) text = each.content;
  }
  return text;
}

/// The text, unless it is long.
inline std::string shown(const chat::MessageInd& message) {
  std::string text = text_of(message);
  return text.size() <= 40 ? text : "of " + std::to_string(text.size()) + " bytes";
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
    last_text = text_of(message);
    received("message " + shown(message));
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
    received(client, "connect_req " + user_of(message));
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    last_text = text_of(message);
    received(client, "message " + shown(message));
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

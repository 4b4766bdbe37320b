// A short dialogue in a session, cut at every byte in its turn. Whatever is cut, each message
// arrives once and in order.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/either_kind.h"

namespace {

using namespace std::chrono_literals;
using messi::test::text_of;
using messi::test::with_text;
using messi::testing::ManualLoop;
using Words = std::vector<std::string>;

constexpr const char* kUri = "tcp://:6000";
constexpr int kLines = 6;  // of each side

/// What one side is told of one session, and the messages that it gets.
struct Account {
  Words told;
  Words heard;

  bool well_told() const {
    Words allowed = {"connected"};
    for (const std::string& each : told) {
      if (std::find(allowed.begin(), allowed.end(), each) == allowed.end()) return false;
      allowed = each == "detached"       ? Words{"resumed", "lost", "disconnected"}
                : each == "lost"         ? Words{"disconnected"}
                : each == "disconnected" ? Words{}
                                         : Words{"detached", "disconnected"};
    }
    return !told.empty() && told.back() == "disconnected";
  }
  bool lost() const { return std::find(told.begin(), told.end(), "lost") != told.end(); }
};

class Server final : public chat::ChatServer {
 public:
  explicit Server(ManualLoop& loop) : ChatServer(loop, kUri, options()) {}

  /// By the ids of its clients.
  std::map<std::uint64_t, Account> accounts;

  void on_client_connected(Client& client) override { tell(client, "connected"); }
  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    accounts[client.id()].heard.push_back("hello");
    client.send(chat::ConnectRsp());
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    accounts[client.id()].heard.push_back(text_of(message));
    client.send(message);
  }
  void on_client_detached(Client& client, messi::DisconnectReason) override {
    tell(client, "detached");
  }
  void on_client_resumed(Client& client, std::uint64_t) override { tell(client, "resumed"); }
  void on_client_session_lost(Client& client, const messi::SessionLoss&) override {
    tell(client, "lost");
  }
  void on_client_disconnected(Client& client, messi::DisconnectReason) override {
    tell(client, "disconnected");
  }

 private:
  static messi::ServerOptions options() {
    messi::ServerOptions options;
    options.session = messi::SessionMode::kRequired;
    options.session_timeout = 100ms;  // for clients that have not got the answer, and begin anew
    return options;
  }
  void tell(const Client& client, const char* what) { accounts[client.id()].told.push_back(what); }
};

class Client final : public chat::ChatClient {
 public:
  explicit Client(ManualLoop& loop) : ChatClient(loop, kUri, options()), loop_(loop) {}

  Account account;
  /// The connections that have carried the session, by their numbers.
  std::set<std::size_t> carried;

  void on_connected() override {
    tell("connected");
    carried.insert(loop_.network().connections_made());
    send(chat::ConnectReq());
    for (int i = 1; i <= 3; ++i) say_next();
  }
  void on_connect_rsp(const chat::ConnectRsp&) override { account.heard.push_back("welcome"); }
  void on_message_ind(const chat::MessageInd& message) override {
    account.heard.push_back(text_of(message));
    if (said_ < kLines) say_next();
    if (account.heard.size() == 1 + kLines) stop();
  }
  void on_detached(messi::DisconnectReason) override { tell("detached"); }
  void on_resumed(std::uint64_t) override {
    tell("resumed");
    carried.insert(loop_.network().connections_made());
  }
  void on_session_lost(const messi::SessionLoss&) override { tell("lost"); }
  void on_disconnected(messi::DisconnectReason) override { tell("disconnected"); }

 private:
  static messi::ClientOptions options() {
    messi::ClientOptions options;
    options.session = messi::SessionMode::kRequired;
    options.backoff.initial = options.backoff.quick = options.backoff.max = 5ms;
    return options;
  }
  void tell(const char* what) { account.told.push_back(what); }
  void say_next() { send(with_text<chat::MessageInd>("line " + std::to_string(++said_))); }

  ManualLoop& loop_;
  int said_ = 0;
};

/// A cut after so many bytes of one direction.
struct Cut {
  bool to_server;
  std::size_t offset;
};

messi::testing::LinkFaults faults_of(const Cut& cut) {
  messi::testing::LinkFaults faults;
  (cut.to_server ? faults.to_server : faults.to_client).cut_after = cut.offset;
  return faults;
}

Words lines_after(const char* greeting) {
  Words words = {greeting};
  for (int i = 1; i <= kLines; ++i) words.push_back("line " + std::to_string(i));
  return words;
}

/// The dialogue from its beginning to its end. The first connections are cut, one after the other.
class Dialogue {
 public:
  explicit Dialogue(const std::vector<Cut>& cuts) : server_(loop_), client_(loop_) {
    messi::testing::MemoryNetwork& network = loop_.network();
    const auto choose_next = [&] {
      const std::size_t next = network.connections_made();
      network.new_links = next < cuts.size() ? faults_of(cuts[next]) : messi::testing::LinkFaults();
    };
    choose_next();
    if (!server_.start().ok()) return;
    client_.start();
    for (int i = 0; i < 10'000 && !over(); ++i) {
      loop_.advance(1ms);
      choose_next();
    }
    connections_ = network.connections_made();
  }

  std::size_t connections() const { return connections_; }
  /// Whether the connection with that number got as far as to carry the session.
  bool carried(std::size_t number) const { return client_.carried.count(number) > 0; }

  /// What is wrong; "" if nothing is.
  std::string wrong() const {
    if (!over()) {
      std::string result = "it does not end; client: " + joined(client_.account.told) +
                           joined(client_.account.heard);
      for (const auto& [id, account] : server_.accounts) {
        result += "; server: " + joined(account.told) + joined(account.heard);
      }
      return result;
    }
    if (!client_.account.well_told()) return "the client is told: " + joined(client_.account.told);
    if (client_.account.lost())
      return "the client's session is lost: " + joined(client_.account.told);
    if (client_.account.heard != lines_after("welcome")) {
      return "the client hears: " + joined(client_.account.heard);
    }
    std::size_t sessions = 0;
    for (const auto& [id, account] : server_.accounts) {
      if (!account.well_told()) return "the server is told: " + joined(account.told);
      if (account.heard.empty()) continue;  // its client did not get the answer, and has begun anew
      if (account.lost()) return "the server's session is lost: " + joined(account.told);
      if (account.heard != lines_after("hello"))
        return "the server hears: " + joined(account.heard);
      ++sessions;
    }
    return sessions == 1 ? "" : std::to_string(sessions) + " sessions";
  }

 private:
  static std::string joined(const Words& words) {
    std::string result;
    for (const std::string& word : words) result += word + ", ";
    return result;
  }

  bool over() const { return client_.stopped() && server_.client_count() == 0; }

  ManualLoop loop_;
  Server server_;
  Client client_;
  std::size_t connections_ = 0;
};

void check(const Dialogue& dialogue, const std::vector<Cut>& cuts) {
  const std::string wrong = dialogue.wrong();
  if (wrong.empty()) return;
  for (const Cut& cut : cuts) {
    UNSCOPED_INFO((cut.to_server ? "to the server: " : "to the client: ") << cut.offset);
  }
  FAIL(wrong);
}

/// Of the second cut, so many bytes at a time: all pairs would take too long.
constexpr int kStep = 11;

/// So much of what follows a handshake is cut too.
constexpr int kMore = 40;

/// The first connection is cut in one direction, the second one in each. Returns how often.
int cut_twice(bool first_to_server) {
  int pairs = 0;
  int more = kMore;
  for (std::size_t first = 0; more > 0; ++first) {
    {
      const Dialogue dialogue({{first_to_server, first}});
      if (dialogue.carried(1)) --more;
    }
    for (const bool second_to_server : {true, false}) {
      int second_more = kMore;
      // Not each second one for each first: all pairs would take a minute.
      for (std::size_t second = first % kStep; second_more > 0; second += kStep) {
        const std::vector<Cut> cuts = {{first_to_server, first}, {second_to_server, second}};
        const Dialogue dialogue(cuts);
        check(dialogue, cuts);
        ++pairs;
        if (dialogue.connections() < 3) break;
        if (dialogue.carried(2)) second_more -= kStep;
      }
    }
  }
  return pairs;
}

}  // namespace

TEST_CASE("a session that is cut at any byte loses nothing") {
  CHECK(Dialogue({}).wrong() == "");
  for (const bool to_server : {true, false}) {
    std::size_t offset = 0;
    while (true) {
      const std::vector<Cut> cuts = {{to_server, offset}};
      const Dialogue dialogue(cuts);
      check(dialogue, cuts);
      if (dialogue.connections() == 1) break;
      ++offset;
    }
    // Each line and its answer, the handshake and the end.
    CHECK(offset > 250);
  }
}

// Two cases, since both together take long with sanitizers.
TEST_CASE("a session that is cut twice in handshakes, first to its server, loses nothing") {
  CHECK(cut_twice(true) > 5'000);
}

TEST_CASE("a session that is cut twice in handshakes, first to its client, loses nothing") {
  CHECK(cut_twice(false) > 5'000);
}

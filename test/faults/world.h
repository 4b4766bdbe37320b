#ifndef MESSI_TEST_FAULTS_WORLD_H_
#define MESSI_TEST_FAULTS_WORLD_H_

// Peers that number what they say, and a record of each connection that both ends keep. What is
// received must be what was sent: in order, each once, and of this connection.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace messi::test {

/// What is wrong with a run.
class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Takes no memory if all is well.
inline void expect(bool holds, const char* what) {
  if (!holds) throw Violation(what);
}

/// What both ends know of one connection: how many messages went up to the server and down.
struct Record {
  std::size_t sent_up = 0;
  std::size_t received_up = 0;
  std::size_t sent_down = 0;
  std::size_t received_down = 0;
  std::size_t first_broadcast = 0;  // that this client may get
  std::size_t broadcasts = 0;       // that it has got
};

class Talker;
class Host;

class World {
 public:
  explicit World(std::vector<std::string>& outcome) : outcome_(outcome) {}
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() = default;

  EpollLoop loop;

  /// Runs the loop until `condition()`, for a minute at most.
  void until(const std::string& what, const std::function<bool()>& condition);
  void run_for(Duration duration);

  /// Starts a server, and tries again as long as the system refuses.
  void start(Host& server);
  /// Calls `call`, and once more if memory had run out.
  void attempt(const std::function<void()>& call);

  /// Everything that both sides have to say about how connections came and went.
  void happened(const std::string& what) { outcome_.push_back(what); }

  std::uint64_t new_record() {
    records_.emplace_back();
    return records_.size() - 1;
  }
  Record& record(std::uint64_t id) {
    expect(id < records_.size(), "a message of a connection that never was");
    return records_[id];
  }
  /// True if all that was sent on all connections has arrived.
  bool all_arrived() const;
  /// How often memory has run out.
  std::size_t out_of_memory() const { return out_of_memory_; }

 private:
  void turn(Duration patience);

  std::vector<std::string>& outcome_;
  std::vector<Record> records_;
  std::size_t out_of_memory_ = 0;
};

/// A client. On each connection it says who it is, and then what it is told to.
class Talker : public chat::ChatClient {
 public:
  Talker(World& world, std::string uri, ClientOptions options = {})
      : ChatClient(world.loop, std::move(uri), std::move(options)), world_(world) {}

  void say(std::size_t messages, std::size_t size = 10);
  std::size_t connections = 0;
  std::size_t ends = 0;
  std::size_t failures = 0;
  std::size_t heard = 0;  // all in all, broadcasts too
  /// Whether it says everything by a sender.
  bool uses_sender = false;
  /// Called at the end of on_connected.
  std::function<void()> then;
  /// Called for each message.
  std::function<void()> on_each;

  void on_connected() override;
  void on_disconnected(DisconnectReason reason) override;
  std::optional<Duration> on_connect_failure(const absl::Status& error) override;
  void on_message_ind(const chat::MessageInd& message) override;

 private:
  World& world_;
  std::uint64_t id_ = 0;
  bool up_ = false;
  std::optional<Sender> sender_;
};

/// A server. When a client has said who it is, it gets `greetings` messages.
class Host : public chat::ChatServer {
 public:
  Host(World& world, std::string uri, ServerOptions options = {})
      : ChatServer(world.loop, std::move(uri), options), world_(world) {}

  void say(Client& client, std::size_t messages, std::size_t size = 10);
  void say_to_all(std::size_t messages, std::size_t size = 10);
  std::size_t greetings = 0;
  std::size_t greeting_size = 10;
  /// Whether what is said to all is said to a group, in which all are who have said who they are.
  bool groups = false;
  /// Whether it says everything by senders. They outlive their clients.
  bool uses_senders = false;
  std::size_t known = 0;  // clients that have said who they are
  std::size_t ends = 0;
  std::size_t refused = 0;
  std::size_t heard = 0;
  std::function<void(Client&)> on_each;

  void on_client_connected(Client& client) override;
  void on_client_disconnected(Client& client, DisconnectReason reason) override;
  void on_client_refused(const std::string& peer_address, DisconnectReason reason) override;
  void on_connect_req(Client& client, const chat::ConnectReq& message) override;
  void on_message_ind(Client& client, const chat::MessageInd& message) override;

 private:
  World& world_;
  std::size_t broadcasts_ = 0;
  std::map<std::string, Client::Sender> senders_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_FAULTS_WORLD_H_

#ifndef MESSI_SERVER_CLIENT_H_
#define MESSI_SERVER_CLIENT_H_

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/channel.h"
#include "messi/io/stream.h"
#include "messi/session/connection.h"
#include "messi/session/disconnect_reason.h"
#include "messi/session/time.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

class ServerBase;

/// A place for one object of the user's, of any type, without RTTI.
class UserState {
 public:
  UserState() = default;
  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;
  ~UserState() {
    if (object_ != nullptr) destroy_(object_);
  }

  /// The object, made on the first call. All calls must name the same type.
  template <typename State>
  State& get() {
    if (object_ == nullptr) {
      object_ = new State();
      destroy_ = &destroy<State>;
    }
    assert(destroy_ == &destroy<State> && "a client's state has one type");
    return *static_cast<State*>(object_);
  }

 private:
  template <typename State>
  static void destroy(void* object) {
    delete static_cast<State*>(object);
  }

  void* object_ = nullptr;
  void (*destroy_)(void*) = nullptr;
};

/// What a server knows of one connected client; generated code adds the senders. Belongs to the
/// server and lives until its `on_client_disconnected` returns. Loop's thread only.
class ServerClient : private StreamHandler {
 public:
  /// What generated code passes on, unseen.
  class Init {
    friend class ServerBase;
    friend class ServerClient;
    Init(ServerBase& server, std::unique_ptr<Stream> stream, std::uint64_t id)
        : server_(server), stream_(std::move(stream)), id_(id) {}
    ServerBase& server_;
    std::unique_ptr<Stream> stream_;
    std::uint64_t id_;
  };

  explicit ServerClient(Init init);
  ServerClient(const ServerClient&) = delete;
  ServerClient& operator=(const ServerClient&) = delete;
  virtual ~ServerClient() = default;

  /// Unique in the life of the server: 1, 2, 3...
  std::uint64_t id() const { return id_; }

  /// "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::string peer_address() const { return channel_.peer_address(); }

  /// The loop's time at which the connection was accepted.
  TimePoint connected_since() const { return connected_since_; }

  /// False once the connection is lost or given up; what is sent then is dropped.
  bool connected() const { return !channel_.closed(); }

  /// Bytes that were sent to this client and that the system has not taken yet.
  std::size_t pending_bytes() const { return channel_.pending_bytes(); }

  /// Ends the connection at the end of the loop's turn, after writing what the system takes;
  /// `on_client_disconnected(client, kDisconnected)` follows. No-op if not connected.
  void disconnect();

  /// A place for the user's own: an object of type State, made on the first call and destroyed
  /// with the client. All calls must name the same type.
  template <typename State>
  State& state() {
    return state_.get<State>();
  }

 private:
  friend class ServerBase;
  friend class SilenceQueue;
  friend struct codec::Access;

  // See Connection::reserve and Channel::send_gathered.
  std::uint8_t* reserve(std::size_t payload_size);
  void gather(wire::Slice* slices, std::size_t count, std::size_t payload_size);
  void retract(std::size_t payload_size) { channel_.retract(payload_size); }
  // A message cannot be sent, so the connection is given up.
  void refuse(DisconnectReason reason) { close(reason); }

  // StreamHandler
  wire::Spare spare() override { return channel_.spare(); }
  // Defined here, since the place of a virtual function's definition is where the compiler puts
  // the table of them all: otherwise into every program, if it has a server or not.
  void handle_bytes(std::size_t in_spare, std::string_view bytes) override {
    receive(in_spare, bytes);
  }
  void handle_room() override { resume(); }
  void handle_end() override { close(DisconnectReason::kConnectionClosed); }

  void receive(std::size_t in_spare, std::string_view bytes);
  void resume();
  void close(DisconnectReason reason);

  // A server has thousands of these: the order of the members leaves no gaps.
  ServerBase& server_;
  Channel channel_;
  std::uint64_t id_;
  TimePoint connected_since_;
  ServerClient* more_silent_ = nullptr;
  ServerClient* less_silent_ = nullptr;
  UserState state_;
};

/// The clients in the order in which they were heard last. All have the same time-out, so the next
/// to exceed it is always the first, and one timer serves them all.
class SilenceQueue {
 public:
  /// The client that has been silent for longest, and who comes after another; null if none.
  ServerClient* first() const { return first_; }
  static ServerClient* after(const ServerClient& client) { return client.less_silent_; }

  void push_back(ServerClient& client) {
    client.more_silent_ = last_;
    client.less_silent_ = nullptr;
    (last_ != nullptr ? last_->less_silent_ : first_) = &client;
    last_ = &client;
  }

  void remove(ServerClient& client) {
    (client.more_silent_ != nullptr ? client.more_silent_->less_silent_ : first_) =
        client.less_silent_;
    (client.less_silent_ != nullptr ? client.less_silent_->more_silent_ : last_) =
        client.more_silent_;
  }

  void handle_heard(ServerClient& client) {
    if (last_ == &client) return;
    remove(client);
    push_back(client);
  }

 private:
  ServerClient* first_ = nullptr;
  ServerClient* last_ = nullptr;
};

}  // namespace messi

#endif  // MESSI_SERVER_CLIENT_H_

#ifndef MESSI_IMPL_ACCEPTED_LINK_H_
#define MESSI_IMPL_ACCEPTED_LINK_H_

#include <memory>
#include <string_view>
#include <utility>

#include "messi/base/deadline_queue.h"
#include "messi/base/time.h"
#include "messi/connection/connection.h"
#include "messi/connection/link.h"
#include "messi/io/stream.h"
#include "messi/wire/buffer_pool.h"

namespace messi {

class ServerBase;
class ServerClient;

/// What all links of one server share.
struct ServerSettings final : connection::ConnectionSettings {
  template <typename... Args>
  explicit ServerSettings(ServerBase& its_server, Args&&... args)
      : ConnectionSettings(std::forward<Args>(args)...), server(its_server) {}

  ServerBase& server;
};

/// A link that a server has accepted. It waits in the server's queues, and knows its client.
class AcceptedLink : public connection::Link, public DeadlineHook, private StreamHandler {
 public:
  AcceptedLink(const ServerSettings& settings, wire::BufferPool& pool,
               std::unique_ptr<Stream> stream, TimePoint now)
      : Link(settings, pool, std::move(stream), now) {}

  bool start() { return Link::start(*this); }

  ServerBase& server() const { return static_cast<const ServerSettings&>(settings()).server; }
  ServerClient* client() const { return client_; }
  void set_client(ServerClient& client) { client_ = &client; }

  /// Whether its client stays connected although it is closed: its session goes on.
  virtual bool goes_on() const { return false; }
  /// What the client has said of itself, for the time that it is not accepted.
  virtual std::string_view auth_token() const { return {}; }

  /// When its wait in a queue began.
  TimePoint waits_since() const { return last_heard(); }

 private:
  // Defined here: the compiler puts the virtual table where the first virtual function is defined.
  // Otherwise every program would get it, with or without a server.
  void handle_readable() override { receive(); }
  void handle_writable() override { go_on(); }
  void handle_no_room_in_all(std::size_t frame_size) override { await_room(frame_size); }

  void receive();
  void go_on();
  void await_room(std::size_t frame_size);

  ServerClient* client_ = nullptr;
};

}  // namespace messi

#endif  // MESSI_IMPL_ACCEPTED_LINK_H_

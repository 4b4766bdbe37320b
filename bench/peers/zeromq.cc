// ZeroMQ at its best for each task: a pair of DEALERs for one client, PULL and PUB for a broadcast,
// ROUTER for many clients; one ZeroMQ message for each protobuf message, serialised straight into
// it.
#include <zmq.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/common/scenario.h"
#include "bench/peers/messages.h"

namespace bench {
namespace {

void check_zmq(bool ok, const char* what) {
  if (!ok) fail(std::string(what) + ": " + zmq_strerror(errno));
}

class Socket {
 public:
  // Queues of 16 MiB in each direction, or ZeroMQ's usual thousand messages where that is more.
  Socket(void* context, int type, std::size_t message_size) : socket_(zmq_socket(context, type)) {
    check_zmq(socket_ != nullptr, "zmq_socket");
    const auto messages = std::max<std::size_t>(1000, (16 << 20) / (message_size + 64));
    set(ZMQ_LINGER, 0);
    set(ZMQ_RCVHWM, static_cast<int>(messages));
    set(ZMQ_SNDHWM, static_cast<int>(messages));
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { zmq_close(socket_); }

  void* handle() const { return socket_; }
  void set(int option, int value) { zmq_setsockopt(socket_, option, &value, sizeof(value)); }
  void subscribe_all() { zmq_setsockopt(socket_, ZMQ_SUBSCRIBE, "", 0); }

  // False if the port is taken. The system chooses one if it is 0.
  bool try_bind(int port) {
    const std::string wanted = "tcp://127.0.0.1:" + (port == 0 ? "*" : std::to_string(port));
    return zmq_bind(socket_, wanted.c_str()) == 0;
  }
  // The port that it is bound to.
  int bind(int port) {
    check_zmq(try_bind(port), "zmq_bind");
    char endpoint[128];
    std::size_t size = sizeof(endpoint);
    check_zmq(zmq_getsockopt(socket_, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0, "zmq_getsockopt");
    return std::atoi(std::strrchr(endpoint, ':') + 1);
  }

  void connect(int port) {
    const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(port);
    check_zmq(zmq_connect(socket_, endpoint.c_str()) == 0, "zmq_connect");
  }

  template <class Message>
  void send(const Message& message) {
    zmq_msg_t part;
    const std::size_t size = message.ByteSizeLong();
    zmq_msg_init_size(&part, size);
    message.SerializeWithCachedSizesToArray(static_cast<std::uint8_t*>(zmq_msg_data(&part)));
    check_zmq(zmq_msg_send(&part, socket_, 0) != -1, "zmq_msg_send");
  }

  template <class Message>
  bool receive(Message& message, int flags = 0) {
    zmq_msg_t part;
    zmq_msg_init(&part);
    if (zmq_msg_recv(&part, socket_, flags) == -1) return false;
    check_zmq(message.ParseFromArray(zmq_msg_data(&part), static_cast<int>(zmq_msg_size(&part))),
              "parse");
    zmq_msg_close(&part);
    return true;
  }

  // Who sent the message that comes next; a ROUTER says so, and wants to know.
  std::string receive_identity() {
    char identity[256];
    const int size = zmq_recv(socket_, identity, sizeof(identity), 0);
    check_zmq(size != -1, "zmq_recv");
    return std::string(identity, static_cast<std::size_t>(size));
  }
  void send_identity(const std::string& identity) {
    zmq_send(socket_, identity.data(), identity.size(), ZMQ_SNDMORE);
  }

 private:
  void* socket_;
};

chat::ServerToClient response() {
  chat::ServerToClient wrapper;
  wrapper.mutable_connect_rsp();
  return wrapper;
}

[[noreturn]] void serve_one(void* context, const Options& options) {
  Socket socket(context, ZMQ_DEALER, options.size);
  announce_port(socket.bind(options.port));
  const chat::ServerToClient connect_rsp = response();
  chat::ClientToServer incoming;
  chat::ServerToClient outgoing;
  while (true) {
    socket.receive(incoming);
    if (incoming.has_connect_req()) {
      socket.send(connect_rsp);
    } else if (options.mode == Mode::kEcho) {
      outgoing.mutable_message_ind()->Swap(incoming.mutable_message_ind());
      socket.send(outgoing);
    }
  }
}

[[noreturn]] void serve_many(void* context, const Options& options) {
  Socket socket(context, ZMQ_ROUTER, options.size);
  announce_port(socket.bind(options.port));
  const chat::ServerToClient connect_rsp = response();
  chat::ClientToServer incoming;
  while (true) {
    const std::string identity = socket.receive_identity();
    socket.receive(incoming);
    if (!incoming.has_connect_req()) continue;
    socket.send_identity(identity);
    socket.send(connect_rsp);
  }
}

// The publisher is bound to the port after the one that is announced, which somebody may have
// taken: then the system chooses again.
[[noreturn]] void serve_broadcast(void* context, const Options& options) {
  Socket out(context, ZMQ_PUB, options.size);
  auto in = std::make_unique<Socket>(context, ZMQ_PULL, options.size);
  int port = in->bind(options.port);
  for (int attempt = 0; !out.try_bind(port + 1); ++attempt) {
    if (attempt == 50) fail("no two ports next to each other are free");
    in = std::make_unique<Socket>(context, ZMQ_PULL, options.size);
    port = in->bind(options.port);
  }
  announce_port(port);
  chat::ClientToServer incoming;
  chat::ServerToClient outgoing;
  while (true) {
    in->receive(incoming);
    outgoing.mutable_message_ind()->Swap(incoming.mutable_message_ind());
    out.send(outgoing);
  }
}

template <class Scenario>
class Client {
 public:
  Client(void* context, const Options& options, Scenario& scenario)
      : scenario_(scenario), message_(wrapped_message(options)), request_(wrapped_request()) {
    for (int i = 0; i < scenario.connections(); ++i) {
      sockets_.push_back(std::make_unique<Socket>(context, ZMQ_DEALER, options.size));
      sockets_.back()->connect(options.port);
    }
  }

  // Only the first connection talks; the others are there to be idle.
  void run() {
    for (int i = 0; i < scenario_.connections(); ++i) scenario_.on_ready(*this);
    chat::ServerToClient incoming;
    while (!scenario_.done()) {
      if (scenario_.streams()) {
        scenario_.on_writable(*this);
        continue;
      }
      sockets_.front()->receive(incoming);
      if (incoming.has_connect_rsp()) {
        scenario_.on_response(*this);
      } else {
        scenario_.on_message(*this, incoming.message_ind().text().size());
      }
    }
  }

  void send() { sockets_.front()->send(message_); }
  void request() { sockets_.front()->send(request_); }
  bool writable() const { return true; }

 private:
  Scenario& scenario_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  const chat::ClientToServer message_;
  const chat::ClientToServer request_;
};

// A subscription for each connection; all of them push what they say through one socket.
class BroadcastClient {
 public:
  BroadcastClient(void* context, const Options& options)
      : options_(options),
        out_(context, ZMQ_PUSH, options.size),
        message_(wrapped_message(options)) {
    out_.connect(options.port);
    for (int i = 0; i < options.connections; ++i) {
      auto in = std::make_unique<Socket>(context, ZMQ_SUB, options.size);
      in->subscribe_all();
      in->connect(options.port + 1);
      events_.push_back({in->handle(), 0, ZMQ_POLLIN, 0});
      connections_.push_back({*this, std::move(in)});
    }
  }

  void run() {
    wait_for_subscriptions();
    Broadcast scenario(options_);
    for (Connection& connection : connections_) scenario.on_ready(connection);
    while (!scenario.done()) {
      receive_all([&](Connection& connection) {
        scenario.on_message(connection, incoming_.message_ind().text().size());
      });
    }
  }

 private:
  struct Connection {
    void send() { client.out_.send(client.message_); }

    BroadcastClient& client;
    std::unique_ptr<Socket> in;
  };

  // Calls `handle(connection)` for every message that is there. False: none came for a while.
  template <class Handle>
  bool receive_all(const Handle& handle) {
    if (zmq_poll(events_.data(), static_cast<int>(events_.size()), 200) == 0) return false;
    for (std::size_t i = 0; i < events_.size(); ++i) {
      if (events_[i].revents == 0) continue;
      while (connections_[i].in->receive(incoming_, ZMQ_DONTWAIT)) handle(connections_[i]);
    }
    return true;
  }

  // Sends one message at a time until it comes out once for every connection.
  void wait_for_subscriptions() {
    for (int attempt = 0; attempt < 50; ++attempt) {
      int received = 0;
      out_.send(message_);
      while (received < options_.connections && receive_all([&](Connection&) { ++received; }))
        continue;
      if (received == options_.connections) return;
    }
    fail("ZeroMQ's subscriptions did not come up");
  }

  Options options_;
  Socket out_;
  const chat::ClientToServer message_;
  chat::ServerToClient incoming_;
  std::vector<zmq_pollitem_t> events_;
  std::vector<Connection> connections_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  using namespace bench;
  const Options options = parse_options(argc, argv);
  void* context = zmq_ctx_new();
  zmq_ctx_set(context, ZMQ_MAX_SOCKETS, 20000);
  if (options.role == Role::kServer) {
    if (options.mode == Mode::kBroadcast) serve_broadcast(context, options);
    if (options.connections > 1) serve_many(context, options);
    serve_one(context, options);
  }
  if (options.scenario == "broadcast") {
    BroadcastClient(context, options).run();
  } else {
    with_scenario(options, [&](auto& scenario) {
      Client<std::decay_t<decltype(scenario)>>(context, options, scenario).run();
    });
  }
  std::_Exit(0);
}

// The yardstick: what a good programmer writes by hand for one protocol. An epoll loop, the Messi
// wire with its pings, 64 KiB batches in both directions, buffers that only a connection with
// unfinished bytes holds, output flushed at the end of the loop's turn, no copy that is not needed.
// Payloads are libprotobuf's wrapper messages, or written and read by hand.
#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "bench/common/scenario.h"
#include "bench/peers/socket.h"
#ifdef BENCH_VIEWS
#include "bench/peers/loop_views.h"
#else
#include "bench/peers/loop_protobuf.h"
#endif

namespace bench {
namespace {

constexpr std::size_t kBatch = 64 * 1024;
constexpr std::size_t kHeader = 4;
constexpr std::size_t kHighWater = 256 * 1024;
constexpr std::uint8_t kUserClientToServer = 1;
constexpr std::uint8_t kUserServerToClient = 2;
constexpr std::uint8_t kPing = 3;
constexpr std::uint8_t kPong = 4;
constexpr auto kPingInterval = std::chrono::seconds(2);
constexpr auto kSilence = std::chrono::seconds(3);

// Bytes in [begin, end) of memory that grows. Unlike std::vector it does not clear what will be
// overwritten.
class Buffer {
 public:
  std::size_t size() const { return end_ - begin_; }
  bool empty() const { return begin_ == end_; }
  std::uint8_t* data() { return memory_.get() + begin_; }
  std::size_t capacity() const { return capacity_; }

  // Room for `size` more bytes, which count from `commit` on.
  std::uint8_t* reserve(std::size_t size) {
    if (end_ + size > capacity_) make_room(size);
    return memory_.get() + end_;
  }
  void commit(std::size_t size) { end_ += size; }
  void consume(std::size_t size) {
    begin_ += size;
    if (begin_ == end_) begin_ = end_ = 0;
  }
  std::size_t room() const { return capacity_ - end_; }

 private:
  void make_room(std::size_t more) {
    const std::size_t used = size();
    if (used + more <= capacity_) {
      std::memmove(memory_.get(), data(), used);
    } else {
      const std::size_t capacity = std::max({2 * capacity_, used + more, kBatch});
      std::unique_ptr<std::uint8_t[]> larger(new std::uint8_t[capacity]);
      if (used > 0) std::memcpy(larger.get(), data(), used);
      memory_ = std::move(larger);
      capacity_ = capacity;
    }
    begin_ = 0;
    end_ = used;
  }

  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Lends buffers to the connections that have something to keep.
class BufferPool {
 public:
  std::unique_ptr<Buffer> take() {
    if (free_.empty()) return std::make_unique<Buffer>();
    std::unique_ptr<Buffer> buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }
  void give_back(std::unique_ptr<Buffer> buffer) {
    if (buffer->capacity() <= kHighWater && free_.size() < 128) free_.push_back(std::move(buffer));
  }

 private:
  std::vector<std::unique_ptr<Buffer>> free_;
};

struct Connection {
  int fd = -1;
  bool flush_planned = false;
  bool waits_for_writable = false;
  Clock::time_point last_heard;
  std::unique_ptr<Buffer> in;
  std::unique_ptr<Buffer> out;
};

void write_header(std::uint8_t* at, std::uint8_t type, std::size_t size) {
  at[0] = type;
  at[1] = static_cast<std::uint8_t>(size >> 16);
  at[2] = static_cast<std::uint8_t>(size >> 8);
  at[3] = static_cast<std::uint8_t>(size);
}

// What both sides do with their connections. `Derived` handles frames and closed connections.
template <class Derived>
class Endpoint {
 public:
  Endpoint() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { check(epoll_ != -1, "epoll_create1"); }

 protected:
  void watch(int fd, void* tag, std::uint32_t events, int operation = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = tag;
    check(epoll_ctl(epoll_, operation, fd, &event) == 0, "epoll_ctl");
  }

  // One turn: waits, handles what happened, then flushes what the handlers sent.
  void turn(int timeout_ms) {
    epoll_event events[256];
    const int count = epoll_wait(epoll_, events, static_cast<int>(std::size(events)), timeout_ms);
    for (int i = 0; i < count; ++i) derived().on_event(events[i]);
    flush_all();
  }

  void flush_all() {
    for (Connection* connection : to_flush_) {
      connection->flush_planned = false;
      if (connection->fd != -1) flush(*connection);
    }
    to_flush_.clear();
    closed_.clear();
  }

  // Returns the size of the payload.
  template <class Payload>
  std::size_t send(Connection& connection, std::uint8_t type, const Payload& payload) {
    const std::size_t size = measure(payload);
    std::uint8_t* at = out(connection).reserve(kHeader + size);
    write_header(at, type, size);
    write(payload, at + kHeader);
    sent(connection, kHeader + size);
    return size;
  }

  void send_frame(Connection& connection, const std::uint8_t* frame, std::size_t size) {
    std::memcpy(out(connection).reserve(size), frame, size);
    sent(connection, size);
  }

  void send_control(Connection& connection, std::uint8_t type) {
    const std::uint8_t frame[kHeader] = {type, 0, 0, 0};
    send_frame(connection, frame, sizeof(frame));
  }

  std::size_t pending(const Connection& connection) const {
    return connection.out ? connection.out->size() : 0;
  }

  // Reads once and handles the frames that are complete. False: the connection is gone.
  bool read(Connection& connection) {
    if (!connection.in) connection.in = pool_.take();
    Buffer& in = *connection.in;
    in.reserve(missing(in));
    const ssize_t size = recv(connection.fd, in.reserve(1), in.room(), 0);
    if (size <= 0) return size == -1 && (errno == EAGAIN || errno == EINTR);
    in.commit(static_cast<std::size_t>(size));
    connection.last_heard = now_;
    while (in.size() >= kHeader) {
      const std::uint8_t* header = in.data();
      const std::size_t payload_size = frame_payload(header);
      if (in.size() < kHeader + payload_size) break;
      if (!derived().on_frame(connection, header[0], header + kHeader, payload_size)) return false;
      in.consume(kHeader + payload_size);
    }
    if (in.empty()) pool_.give_back(std::move(connection.in));
    return true;
  }

  // False: the connection is gone.
  bool flush(Connection& connection) {
    while (connection.out) {
      const ssize_t size =
          ::send(connection.fd, connection.out->data(), connection.out->size(), MSG_NOSIGNAL);
      if (size == -1) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return false;
        set_waits_for_writable(connection, true);
        return true;
      }
      connection.out->consume(static_cast<std::size_t>(size));
      if (connection.out->empty()) pool_.give_back(std::move(connection.out));
    }
    if (connection.waits_for_writable && !derived().streams(connection))
      set_waits_for_writable(connection, false);
    return true;
  }

  void set_waits_for_writable(Connection& connection, bool waits) {
    if (connection.waits_for_writable == waits) return;
    connection.waits_for_writable = waits;
    watch(connection.fd, &connection, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
  }

  Clock::time_point now_ = Clock::now();
  int epoll_;
  // Closed in this turn; its events and its planned flush may still come up.
  std::vector<std::unique_ptr<Connection>> closed_;

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  Buffer& out(Connection& connection) {
    if (!connection.out) connection.out = pool_.take();
    return *connection.out;
  }

  void sent(Connection& connection, std::size_t size) {
    connection.out->commit(size);
    if (connection.out->size() >= kBatch && !connection.waits_for_writable) {
      flush(connection);
    } else if (!connection.flush_planned) {
      connection.flush_planned = true;
      to_flush_.push_back(&connection);
    }
  }

  static std::size_t frame_payload(const std::uint8_t* header) {
    return static_cast<std::size_t>(header[1]) << 16 | static_cast<std::size_t>(header[2]) << 8 |
           header[3];
  }

  // How much to have room for: the rest of a large frame in one read, otherwise a batch.
  static std::size_t missing(Buffer& in) {
    if (in.size() < kHeader) return kBatch - in.size();
    const std::size_t whole = kHeader + frame_payload(in.data());
    return std::max(whole, kBatch) - in.size();
  }

  BufferPool pool_;
  std::vector<Connection*> to_flush_;
};

class Server : public Endpoint<Server> {
 public:
  explicit Server(const Options& options)
      : mode_(options.mode), stream_source_(wrapped_message(options)) {
    pass_on(stream_source_, stream_message_);
    listener_ = listen_on(options.port);
    set_blocking(listener_, false);
    watch(listener_, nullptr, EPOLLIN);
  }

  void run() {
    Clock::time_point next_sweep = Clock::now() + kSweepInterval;
    while (true) {
      turn(static_cast<int>(
          std::chrono::duration_cast<std::chrono::milliseconds>(kSweepInterval).count()));
      now_ = Clock::now();
      if (now_ < next_sweep) continue;
      next_sweep = now_ + kSweepInterval;
      drop_the_silent();
    }
  }

 private:
  friend class Endpoint<Server>;
  static constexpr auto kSweepInterval = std::chrono::milliseconds(500);

  void on_event(const epoll_event& event) {
    if (event.data.ptr == nullptr) return accept_all();
    auto& connection = *static_cast<Connection*>(event.data.ptr);
    if (connection.fd == -1) return;
    bool alive = true;
    if (event.events & EPOLLOUT) {
      alive = flush(connection);
      if (alive && streams(connection)) stream(connection);
    }
    if (alive && event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = read(connection);
    if (!alive) close_connection(connection);
  }

  void accept_all() {
    while (true) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd == -1) return;
      set_no_delay(fd);
      if (static_cast<std::size_t>(fd) >= connections_.size())
        connections_.resize(static_cast<std::size_t>(fd) + 1);
      auto& connection = connections_[static_cast<std::size_t>(fd)];
      connection = std::make_unique<Connection>();
      connection->fd = fd;
      connection->last_heard = now_;
      watch(fd, connection.get(), EPOLLIN);
    }
  }

  void close_connection(Connection& connection) {
    auto& owner = connections_[static_cast<std::size_t>(connection.fd)];
    close(connection.fd);
    connection.fd = -1;
    closed_.push_back(std::move(owner));
  }

  void drop_the_silent() {
    for (auto& connection : connections_) {
      if (connection && now_ - connection->last_heard > kSilence) close_connection(*connection);
    }
  }

  bool on_frame(Connection& connection, std::uint8_t type, const std::uint8_t* payload,
                std::size_t size) {
    if (type == kPing) {
      send_control(connection, kPong);
      return true;
    }
    if (type != kUserClientToServer || !parse(payload, size, incoming_)) return false;
    switch (member_of(incoming_)) {
      case Member::kConnect:
        on_connect_req(connection);
        break;
      case Member::kMessage:
        on_message_ind(connection);
        break;
      case Member::kNone:
        break;
    }
    return true;
  }

  void on_connect_req(Connection& connection) {
    make_response(outgoing_);
    send(connection, kUserServerToClient, outgoing_);
    if (mode_ != Mode::kStream) return;
    streamed_to_ = &connection;
    set_waits_for_writable(connection, true);
  }

  void on_message_ind(Connection& connection) {
    switch (mode_) {
      case Mode::kSink:
      case Mode::kStream:
        ++received_;
        break;
      case Mode::kEcho:
        pass_on(incoming_, outgoing_);
        send(connection, kUserServerToClient, outgoing_);
        break;
      case Mode::kBroadcast:
        pass_on(incoming_, outgoing_);
        broadcast(outgoing_);
        break;
    }
  }

  void broadcast(const ToClient& payload) {
    const std::size_t size = measure(payload);
    frame_.resize(kHeader + size);
    write_header(frame_.data(), kUserServerToClient, size);
    write(payload, frame_.data() + kHeader);
    for (auto& connection : connections_) {
      if (connection) send_frame(*connection, frame_.data(), frame_.size());
    }
  }

  bool streams(const Connection& connection) const { return &connection == streamed_to_; }

  void stream(Connection& connection) {
    for (std::size_t bytes = 0; bytes < kBatch && pending(connection) < kHighWater;) {
      bytes += send(connection, kUserServerToClient, stream_message_);
    }
  }

  Mode mode_;
  int listener_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  ToServer incoming_;
  ToClient outgoing_;
  ToServer stream_source_;
  ToClient stream_message_;
  const Connection* streamed_to_ = nullptr;
  std::vector<std::uint8_t> frame_;
  std::uint64_t received_ = 0;
};

template <class Scenario>
class Client : public Endpoint<Client<Scenario>> {
 public:
  using Base = Endpoint<Client<Scenario>>;

  Client(const Options& options, Scenario& scenario)
      : scenario_(scenario), message_(wrapped_message(options)), request_(wrapped_request()) {
    const auto count = static_cast<std::size_t>(scenario.connections());
    handles_.reserve(count);
    for (std::size_t i = 0; i < count; ++i) handles_.emplace_back(*this, options.port);
  }

  void run() {
    for (Handle& handle : handles_) {
      // Pings spread over the interval, as those of independent clients are.
      handle.next_ping = Clock::now() + kPingInterval * (&handle - handles_.data()) /
                                            static_cast<int>(handles_.size());
      this->watch(handle.fd, &handle, EPOLLIN);
      scenario_.on_ready(handle);
      if (scenario_.streams()) this->set_waits_for_writable(handle, true);
    }
    this->flush_all();
    while (!scenario_.done()) {
      this->turn(ping_timeout_ms());
      this->now_ = Clock::now();
      ping_the_due();
    }
  }

 private:
  friend class Endpoint<Client<Scenario>>;

  struct Handle : Connection {
    Handle(Client& owner, int port) : client(owner) {
      fd = connect_to(port);
      set_blocking(fd, false);
    }
    void send() { client.send_message(*this); }
    void request() { client.send_request(*this); }
    bool writable() const { return client.pending(*this) < kHighWater; }

    Client& client;
    Clock::time_point next_ping;
  };

  void send_message(Connection& connection) {
    this->send(connection, kUserClientToServer, message_);
  }
  void send_request(Connection& connection) {
    this->send(connection, kUserClientToServer, request_);
  }

  void on_event(const epoll_event& event) {
    auto& connection = *static_cast<Handle*>(event.data.ptr);
    bool alive = true;
    if (event.events & EPOLLOUT) {
      alive = this->flush(connection);
      if (alive && scenario_.streams() && !connection.out) scenario_.on_writable(connection);
    }
    if (alive && event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) alive = this->read(connection);
    if (!alive) fail("the server closed the connection");
  }

  bool on_frame(Connection& connection, std::uint8_t type, const std::uint8_t* payload,
                std::size_t size) {
    if (type == kPong) return true;
    if (type != kUserServerToClient || !parse(payload, size, incoming_)) return false;
    switch (member_of(incoming_)) {
      case Member::kConnect:
        scenario_.on_response(static_cast<Handle&>(connection));
        if (scenario_.streams()) this->set_waits_for_writable(connection, true);
        break;
      case Member::kMessage:
        scenario_.on_message(static_cast<Handle&>(connection), text_size(incoming_));
        break;
      case Member::kNone:
        break;
    }
    return true;
  }

  bool streams(const Connection&) const { return scenario_.streams(); }

  int ping_timeout_ms() const {
    const auto wait = handles_[next_to_ping_].next_ping - Clock::now();
    return static_cast<int>(
        std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(wait).count()));
  }

  // Every interval is the same, so the pings are due in the order of the last ones.
  void ping_the_due() {
    while (handles_[next_to_ping_].next_ping <= this->now_) {
      Handle& handle = handles_[next_to_ping_];
      handle.next_ping += kPingInterval;
      this->send_control(handle, kPing);
      next_to_ping_ = (next_to_ping_ + 1) % handles_.size();
    }
    this->flush_all();
  }

  Scenario& scenario_;
  const ToServer message_;
  const ToServer request_;
  ToClient incoming_;
  std::vector<Handle> handles_;
  std::size_t next_to_ping_ = 0;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) {
    bench::Server(options).run();
  } else {
    bench::with_scenario(options, [&](auto& scenario) {
      bench::Client<std::decay_t<decltype(scenario)>>(options, scenario).run();
    });
  }
}

// The floor: the bytes of the same frames through send and recv on blocking sockets, nothing
// encoded and nothing decoded.
#include <poll.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "bench/common/scenario.h"
#include "bench/peers/messages.h"
#include "bench/peers/socket.h"

namespace bench {
namespace {

constexpr std::size_t kBatch = 64 * 1024;

std::string frame(char type, const std::string& payload) {
  const auto size = payload.size();
  const char header[] = {type, static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                         static_cast<char>(size)};
  return std::string(header, sizeof(header)) + payload;
}

void send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
    check(sent > 0, "send");
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
}

void send_all(int fd, const std::string& bytes) { send_all(fd, bytes.data(), bytes.size()); }

// Reads what is there, at most a batch; 0 at the end.
std::size_t receive(int fd, char* buffer) {
  const ssize_t size = recv(fd, buffer, kBatch, 0);
  check(size >= 0 || errno == ECONNRESET, "recv");
  return size > 0 ? static_cast<std::size_t>(size) : 0;
}

bool readable(const pollfd& event) { return (event.revents & (POLLIN | POLLHUP | POLLERR)) != 0; }

// A server looks at its input only to see the request that ends a stream: the last bytes of what
// came.
class Server {
 public:
  explicit Server(const Options& options)
      : mode_(options.mode),
        request_(frame(1, wrapped_request().SerializeAsString())),
        response_(frame(2, std::string("\x0a\x00", 2))),
        listener_(listen_on(options.port)) {}

  [[noreturn]] void run() {
    if (mode_ == Mode::kBroadcast) serve_many();
    while (true) serve_one(accept_one());
  }

 private:
  int accept_one() {
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    check(fd != -1, "accept");
    set_no_delay(fd);
    return fd;
  }

  void serve_one(int fd) {
    while (const std::size_t size = receive(fd, buffer_.get())) {
      if (ends_with_request(size)) {
        send_all(fd, response_);
      } else if (mode_ == Mode::kEcho) {
        send_all(fd, buffer_.get(), size);
      }
    }
    close(fd);
  }

  [[noreturn]] void serve_many() {
    std::vector<pollfd> events{{listener_, POLLIN, 0}};
    while (true) {
      check(poll(events.data(), events.size(), -1) > 0, "poll");
      if (readable(events.front())) events.push_back({accept_one(), POLLIN, 0});
      for (std::size_t i = 1; i < events.size(); ++i) {
        if (!readable(events[i])) continue;
        const std::size_t size = receive(events[i].fd, buffer_.get());
        if (size == 0) std::exit(0);
        for (std::size_t to = 1; to < events.size(); ++to)
          send_all(events[to].fd, buffer_.get(), size);
      }
    }
  }

  bool ends_with_request(std::size_t size) const {
    return size >= request_.size() && std::memcmp(buffer_.get() + size - request_.size(),
                                                  request_.data(), request_.size()) == 0;
  }

  Mode mode_;
  std::string request_;
  std::string response_;
  int listener_;
  std::unique_ptr<char[]> buffer_{new char[kBatch]};
};

template <class Scenario>
class Client {
 public:
  Client(const Options& options, Scenario& scenario)
      : scenario_(scenario),
        size_(options.size),
        message_(frame(1, wrapped_message(options).SerializeAsString())),
        request_(frame(1, wrapped_request().SerializeAsString())) {
    for (int i = 0; i < scenario.connections(); ++i)
      connections_.push_back({*this, connect_to(options.port), 0});
  }

  void run() {
    for (Connection& connection : connections_) {
      scenario_.on_ready(connection);
      flush(connection.fd);
    }
    if (connections_.size() > 1) return run_many();
    Connection& connection = connections_.front();
    while (!scenario_.done()) {
      if (scenario_.streams()) {
        scenario_.on_writable(connection);
      } else {
        handle_input(connection);
      }
      flush(connection.fd);
    }
  }

 private:
  struct Connection {
    void send() { client.out_ += client.message_; }
    void request() {
      client.out_ += client.request_;
      client.awaits_response_ = true;
    }
    bool writable() const { return true; }

    Client& client;
    int fd;
    std::size_t bytes_of_cut_message;
  };

  void run_many() {
    std::vector<pollfd> events;
    for (const Connection& connection : connections_) events.push_back({connection.fd, POLLIN, 0});
    while (!scenario_.done()) {
      check(poll(events.data(), events.size(), -1) > 0, "poll");
      for (std::size_t i = 0; i < events.size(); ++i) {
        if (!readable(events[i])) continue;
        handle_input(connections_[i]);
        flush(events[i].fd);
      }
    }
  }

  void handle_input(Connection& connection) {
    const std::size_t size = receive(connection.fd, buffer_.get());
    check(size > 0, "the server closed the connection");
    if (awaits_response_) {
      awaits_response_ = false;
      scenario_.on_response(connection);
      return;
    }
    connection.bytes_of_cut_message += size;
    for (; connection.bytes_of_cut_message >= message_.size();
         connection.bytes_of_cut_message -= message_.size()) {
      scenario_.on_message(connection, size_);
    }
  }

  void flush(int fd) {
    send_all(fd, out_);
    out_.clear();
  }

  Scenario& scenario_;
  std::size_t size_;
  std::string message_;
  std::string request_;
  std::string out_;
  bool awaits_response_ = false;
  std::vector<Connection> connections_;
  std::unique_ptr<char[]> buffer_{new char[kBatch]};
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) bench::Server(options).run();
  bench::with_scenario(options, [&](auto& scenario) {
    bench::Client<std::decay_t<decltype(scenario)>>(options, scenario).run();
  });
}

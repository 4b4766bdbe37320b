// messi itself, used as the documentation says.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "absl/status/status.h"
#include "bench/common/scenario.h"
#include "bench/peers/messages.h"
#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace bench {
namespace {

std::string uri_of(int port) { return "tcp://127.0.0.1:" + std::to_string(port); }

// Half of this may wait before a sender pauses until on_writable.
constexpr std::size_t kMaxPendingBytes = 1024 * 1024;

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, const Options& options)
      : ChatServer(loop, uri_of(options.port), server_options()),
        mode_(options.mode),
        stream_message_(make_message(options)),
        stream_(loop, [this] { stream(); }) {}

  void on_connect_req(Client& client, const chat::ConnectReq&) override {
    reply(chat::ConnectRsp());
    if (mode_ != Mode::kStream) return;
    streamed_to_ = &client;
    stream_.schedule();
  }

  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    switch (mode_) {
      case Mode::kSink:
      case Mode::kStream:
        ++received_;
        break;
      case Mode::kEcho:
        client.send(message);
        break;
      case Mode::kBroadcast:
        broadcast(message);
        break;
    }
  }

  void on_client_writable(Client&) override { stream_.schedule(); }

  void on_client_disconnected(Client& client, messi::DisconnectReason) override {
    if (streamed_to_ == &client) streamed_to_ = nullptr;
  }

 private:
  static messi::ServerOptions server_options() {
    messi::ServerOptions options;
    options.max_clients = 20'000;
    options.max_pending_bytes = kMaxPendingBytes;
    return options;
  }

  void stream() {
    if (streamed_to_ == nullptr || streamed_to_->pending_bytes() > kMaxPendingBytes / 2) return;
    for (int i = 0; i < 100; ++i) streamed_to_->send(stream_message_);
    stream_.schedule();
  }

  Mode mode_;
  const chat::MessageInd stream_message_;
  messi::Task stream_;
  Client* streamed_to_ = nullptr;
  std::uint64_t received_ = 0;
};

template <class Scenario>
class Connection final : public chat::ChatClient {
 public:
  Connection(messi::EpollLoop& loop, const Options& options, Scenario& scenario,
             const chat::MessageInd& message)
      : ChatClient(loop, uri_of(options.port), client_options()),
        loop_(loop),
        scenario_(scenario),
        message_(message),
        stream_(loop, [this] { stream(); }) {}

  // For the scenario.
  void send() { send_message_ind(message_); }
  void request() { send_connect_req(request_); }
  bool writable() const { return pending_bytes() <= kMaxPendingBytes / 2; }

 private:
  void on_connected() override {
    scenario_.on_ready(*this);
    proceed();
  }
  void on_message_ind(const chat::MessageInd& message) override {
    scenario_.on_message(*this, message.text().size());
    proceed();
  }
  void on_connect_rsp(const chat::ConnectRsp&) override {
    scenario_.on_response(*this);
    proceed();
  }
  void on_writable() override { stream_.schedule(); }
  void on_disconnected(messi::DisconnectReason reason) override {
    fail("disconnected: " + std::string(to_string(reason)));
  }

  static messi::ClientOptions client_options() {
    messi::ClientOptions options;
    options.max_pending_bytes = kMaxPendingBytes;
    return options;
  }

  void proceed() {
    if (scenario_.streams()) stream_.schedule();
    if (scenario_.done()) loop_.stop();
  }

  void stream() {
    scenario_.on_writable(*this);
    if (scenario_.streams() && writable()) stream_.schedule();
  }

  messi::EpollLoop& loop_;
  Scenario& scenario_;
  const chat::MessageInd& message_;
  const chat::ConnectReq request_ = make_request();
  messi::Task stream_;
};

messi::EpollLoopOptions loop_options(const Options& options) {
  messi::EpollLoopOptions result;
  result.busy_poll = std::chrono::microseconds(options.busy_poll_us);
  return result;
}

void serve(const Options& options) {
  messi::EpollLoop loop(loop_options(options));
  Server server(loop, options);
  if (const absl::Status status = server.start(); !status.ok()) fail(std::string(status.message()));
  announce_port(server.port());
  loop.run();
}

template <class Scenario>
void run_clients(const Options& options, Scenario& scenario) {
  messi::EpollLoop loop(loop_options(options));
  const chat::MessageInd message = make_message(options);
  std::deque<Connection<Scenario>> connections;
  for (int i = 0; i < scenario.connections(); ++i)
    connections.emplace_back(loop, options, scenario, message).start();
  loop.run();
  std::_Exit(0);
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) {
    bench::serve(options);
  } else {
    bench::with_scenario(options, [&](auto& scenario) { bench::run_clients(options, scenario); });
  }
}

// A gRPC bidirectional stream, with the callback API.
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "bench/peers/grpc_streams.h"

namespace bench {
namespace {

using Outgoing = std::shared_ptr<const chat::ServerToClient>;

class Stream;

// The streams of all clients.
class Room {
 public:
  void add(Stream* stream) {
    const std::lock_guard lock(mutex_);
    streams_.insert(stream);
  }
  void remove(Stream* stream) {
    const std::lock_guard lock(mutex_);
    streams_.erase(stream);
  }
  void broadcast(const Outgoing& message);

 private:
  std::mutex mutex_;
  std::set<Stream*> streams_;
};

class Stream : public grpc::ServerBidiReactor<chat::ClientToServer, chat::ServerToClient> {
 public:
  Stream(Mode mode, Room& room) : mode_(mode), room_(room) {
    room_.add(this);
    StartRead(&incoming_);
  }

  void write(Outgoing message) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(message));
    if (!writing_) write_next();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    handle();
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    queue_.pop_front();
    if (ok && !queue_.empty()) write_next();
  }

  void OnDone() override {
    room_.remove(this);
    delete this;
  }

 private:
  void handle() {
    if (incoming_.has_connect_req()) {
      static const auto response = std::make_shared<const chat::ServerToClient>(connect_response());
      write(response);
    } else if (mode_ == Mode::kEcho || mode_ == Mode::kBroadcast) {
      auto message = std::make_shared<chat::ServerToClient>();
      message->mutable_message_ind()->Swap(incoming_.mutable_message_ind());
      if (mode_ == Mode::kEcho) {
        write(std::move(message));
      } else {
        room_.broadcast(std::move(message));
      }
    }
  }

  void write_next() {
    writing_ = true;
    grpc::WriteOptions options;
    if (queue_.size() > 1) options.set_buffer_hint();
    StartWrite(queue_.front().get(), options);
  }

  Mode mode_;
  Room& room_;
  chat::ClientToServer incoming_;
  std::mutex mutex_;
  std::deque<Outgoing> queue_;
  bool writing_ = false;
};

void Room::broadcast(const Outgoing& message) {
  const std::lock_guard lock(mutex_);
  for (Stream* stream : streams_) stream->write(message);
}

class Service : public chat::Chat::CallbackService {
 public:
  explicit Service(Mode mode) : mode_(mode) {}

  grpc::ServerBidiReactor<chat::ClientToServer, chat::ServerToClient>* Talk(
      grpc::CallbackServerContext*) override {
    return new Stream(mode_, room_);
  }

 private:
  Mode mode_;
  Room room_;
};

void serve(const Options& options) {
  Service service(options.mode);
  grpc::ServerBuilder builder;
  int port = options.port;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), server_credentials(options), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  announce_port(port);
  server->Wait();
}

// Callbacks come from several threads. One lock guards the scenario and what the connections have
// queued.
template <class Scenario>
class Client {
 public:
  Client(const Options& options, Scenario& scenario)
      : scenario_(scenario), message_(wrapped_message(options)), request_(wrapped_request()) {
    for (int i = 0; i < scenario.connections(); ++i) {
      connections_.push_back(std::make_unique<Connection>(*this, connect_channel(options)));
    }
  }

  void run() {
    std::unique_lock lock(mutex_);
    for (auto& connection : connections_) scenario_.on_ready(*connection);
    done_.wait(lock, [this] { return scenario_.done(); });
  }

 private:
  class Connection : public grpc::ClientBidiReactor<chat::ClientToServer, chat::ServerToClient> {
   public:
    Connection(Client& client, std::shared_ptr<grpc::Channel> channel)
        : client_(client), stub_(chat::Chat::NewStub(channel)) {
      stub_->async()->Talk(&context_, this);
      StartRead(&incoming_);
      StartCall();
    }

    void send() { write(client_.message_); }
    void request() { write(client_.request_); }
    bool writable() const { return queue_.empty(); }

    void OnReadDone(bool ok) override {
      const std::lock_guard lock(client_.mutex_);
      if (client_.scenario_.done()) return;
      if (!ok) fail("the server closed the stream");
      if (incoming_.has_connect_rsp()) {
        client_.scenario_.on_response(*this);
      } else {
        client_.scenario_.on_message(*this, incoming_.message_ind().text().size());
      }
      if (client_.scenario_.done()) client_.done_.notify_one();
      StartRead(&incoming_);
    }

    void OnWriteDone(bool) override {
      const std::lock_guard lock(client_.mutex_);
      queue_.pop_front();
      if (!queue_.empty()) {
        write_next();
      } else if (client_.scenario_.streams()) {
        client_.scenario_.on_writable(*this);
      }
    }

   private:
    void write(const chat::ClientToServer& message) {
      queue_.push_back(&message);
      if (queue_.size() == 1) write_next();
    }

    void write_next() {
      grpc::WriteOptions options;
      if (queue_.size() > 1 || client_.scenario_.streams()) options.set_buffer_hint();
      this->StartWrite(queue_.front(), options);
    }

    Client& client_;
    std::unique_ptr<chat::Chat::Stub> stub_;
    grpc::ClientContext context_;
    chat::ServerToClient incoming_;
    std::deque<const chat::ClientToServer*> queue_;
  };

  Scenario& scenario_;
  const chat::ClientToServer message_;
  const chat::ClientToServer request_;
  std::recursive_mutex mutex_;  // a callback may run inside the call that starts a write
  std::condition_variable_any done_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) {
    bench::serve(options);
  } else {
    bench::with_scenario(options, [&](auto& scenario) {
      bench::Client<std::decay_t<decltype(scenario)>> client(options, scenario);
      client.run();
      std::_Exit(0);  // no orderly end for what gRPC's threads may still be doing
    });
  }
}

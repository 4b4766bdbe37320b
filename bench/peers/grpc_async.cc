// A gRPC bidirectional stream, with the asynchronous API: one completion queue, one thread.
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bench/peers/grpc_streams.h"

namespace bench {
namespace {

// What a completion queue hands back.
class Tag {
 public:
  virtual ~Tag() = default;
  virtual void complete(bool ok) = 0;
};

// Calls `Owner::*Method(ok)`.
template <class Owner, void (Owner::*Method)(bool)>
class MethodTag : public Tag {
 public:
  explicit MethodTag(Owner& owner) : owner_(owner) {}
  void complete(bool ok) override { (owner_.*Method)(ok); }

 private:
  Owner& owner_;
};

class Server {
 public:
  explicit Server(const Options& options) : mode_(options.mode) {
    grpc::ServerBuilder builder;
    int port = options.port;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), server_credentials(options),
                             &port);
    builder.RegisterService(&service_);
    queue_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    announce_port(port);
  }

  void run() {
    new Stream(*this);
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) static_cast<Tag*>(tag)->complete(ok);
  }

 private:
  using Outgoing = std::shared_ptr<const chat::ServerToClient>;

  class Stream {
   public:
    explicit Stream(Server& server) : server_(server) {
      server.service_.RequestTalk(&context_, &stream_, server.queue_.get(), server.queue_.get(),
                                  &accepted_tag_);
    }

    void write(Outgoing message) {
      outgoing_.push_back(std::move(message));
      if (outgoing_.size() == 1) write_next();
    }

   private:
    void accepted(bool ok) {
      if (!ok) return;
      new Stream(server_);
      server_.streams_.insert(this);
      stream_.Read(&incoming_, &read_tag_);
    }

    void read(bool ok) {
      if (!ok) {
        server_.streams_.erase(this);
        stream_.Finish(grpc::Status::OK, &finished_tag_);
        return;
      }
      handle();
      stream_.Read(&incoming_, &read_tag_);
    }

    void handle() {
      if (incoming_.has_connect_req()) {
        write(server_.connect_response_);
      } else if (server_.mode_ == Mode::kEcho || server_.mode_ == Mode::kBroadcast) {
        auto message = std::make_shared<chat::ServerToClient>();
        message->mutable_message_ind()->Swap(incoming_.mutable_message_ind());
        if (server_.mode_ == Mode::kEcho) {
          write(std::move(message));
        } else {
          for (Stream* stream : server_.streams_) stream->write(message);
        }
      }
    }

    void write_next() {
      grpc::WriteOptions options;
      if (outgoing_.size() > 1) options.set_buffer_hint();
      stream_.Write(*outgoing_.front(), options, &written_tag_);
    }

    void written(bool ok) {
      outgoing_.pop_front();
      if (!outgoing_.empty() && ok) write_next();
    }

    // A finished stream stays: a write of it may still be on its way, and the benchmark is over
    // soon.
    void finished(bool) {}

    Server& server_;
    grpc::ServerContext context_;
    grpc::ServerAsyncReaderWriter<chat::ServerToClient, chat::ClientToServer> stream_{&context_};
    chat::ClientToServer incoming_;
    std::deque<Outgoing> outgoing_;
    MethodTag<Stream, &Stream::accepted> accepted_tag_{*this};
    MethodTag<Stream, &Stream::read> read_tag_{*this};
    MethodTag<Stream, &Stream::written> written_tag_{*this};
    MethodTag<Stream, &Stream::finished> finished_tag_{*this};
  };

  Mode mode_;
  chat::Chat::AsyncService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;
  std::set<Stream*> streams_;
  const Outgoing connect_response_ =
      std::make_shared<const chat::ServerToClient>(connect_response());
};

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
    void* tag = nullptr;
    bool ok = false;
    while (!scenario_.done() && queue_.Next(&tag, &ok)) static_cast<Tag*>(tag)->complete(ok);
  }

 private:
  class Connection {
   public:
    Connection(Client& client, std::shared_ptr<grpc::Channel> channel)
        : client_(client),
          stub_(chat::Chat::NewStub(channel)),
          stream_(stub_->AsyncTalk(&context_, &client.queue_, &started_tag_)) {}

    void send() { write(client_.message_); }
    void request() { write(client_.request_); }
    bool writable() const { return outgoing_.empty(); }

   private:
    void started(bool ok) {
      if (!ok) fail("no stream");
      stream_->Read(&incoming_, &read_tag_);
      client_.scenario_.on_ready(*this);
    }

    void read(bool ok) {
      if (!ok) fail("the server closed the stream");
      if (incoming_.has_connect_rsp()) {
        client_.scenario_.on_response(*this);
      } else {
        client_.scenario_.on_message(*this, incoming_.message_ind().text().size());
      }
      stream_->Read(&incoming_, &read_tag_);
    }

    void write(const chat::ClientToServer& message) {
      outgoing_.push_back(&message);
      if (outgoing_.size() == 1) write_next();
    }

    void write_next() {
      grpc::WriteOptions options;
      if (outgoing_.size() > 1 || client_.scenario_.streams()) options.set_buffer_hint();
      stream_->Write(*outgoing_.front(), options, &written_tag_);
    }

    void written(bool) {
      outgoing_.pop_front();
      if (!outgoing_.empty()) {
        write_next();
      } else if (client_.scenario_.streams()) {
        client_.scenario_.on_writable(*this);
      }
    }

    Client& client_;
    grpc::ClientContext context_;
    chat::ServerToClient incoming_;
    std::deque<const chat::ClientToServer*> outgoing_;
    MethodTag<Connection, &Connection::started> started_tag_{*this};
    MethodTag<Connection, &Connection::read> read_tag_{*this};
    MethodTag<Connection, &Connection::written> written_tag_{*this};
    std::unique_ptr<chat::Chat::Stub> stub_;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<chat::ClientToServer, chat::ServerToClient>>
        stream_;
  };

  Scenario& scenario_;
  const chat::ClientToServer message_;
  const chat::ClientToServer request_;
  grpc::CompletionQueue queue_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
  const bench::Options options = bench::parse_options(argc, argv);
  if (options.role == bench::Role::kServer) {
    bench::Server(options).run();
  } else {
    bench::with_scenario(options, [&](auto& scenario) {
      bench::Client<std::decay_t<decltype(scenario)>> client(options, scenario);
      client.run();
      std::_Exit(0);  // no orderly end for what gRPC's threads may still be doing
    });
  }
}

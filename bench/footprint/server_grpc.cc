// A minimal server, with gRPC.
#include <grpcpp/grpcpp.h>

#include <deque>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "chat_service.grpc.pb.h"

namespace {

class Talk;

class Service final : public chat::Chat::CallbackService {
 public:
  grpc::ServerBidiReactor<chat::ClientToServer, chat::ServerToClient>* Talk(
      grpc::CallbackServerContext*) override;

  void broadcast(const chat::ServerToClient& message);

  std::mutex mutex_;
  std::set<class Talk*> talks_;
};

class Talk final : public grpc::ServerBidiReactor<chat::ClientToServer, chat::ServerToClient> {
 public:
  explicit Talk(Service& service) : service_(service) {
    const std::lock_guard lock(service_.mutex_);
    service_.talks_.insert(this);
    StartRead(&incoming_);
  }

  void send(const chat::ServerToClient& message) {
    const std::lock_guard lock(mutex_);
    queue_.push_back(message);
    if (queue_.size() == 1) StartWrite(&queue_.front());
  }

  void OnReadDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::OK);
    chat::ServerToClient answer;
    if (incoming_.has_connect_req()) {
      answer.mutable_connect_rsp();
      send(answer);
    } else if (incoming_.has_message_ind()) {
      *answer.mutable_message_ind() = std::move(*incoming_.mutable_message_ind());
      service_.broadcast(answer);
    }
    StartRead(&incoming_);
  }

  void OnWriteDone(bool ok) override {
    const std::lock_guard lock(mutex_);
    queue_.pop_front();
    if (ok && !queue_.empty()) StartWrite(&queue_.front());
  }

  void OnDone() override {
    {
      const std::lock_guard lock(service_.mutex_);
      service_.talks_.erase(this);
    }
    delete this;
  }

 private:
  Service& service_;
  chat::ClientToServer incoming_;
  std::mutex mutex_;
  std::deque<chat::ServerToClient> queue_;
};

grpc::ServerBidiReactor<chat::ClientToServer, chat::ServerToClient>* Service::Talk(
    grpc::CallbackServerContext*) {
  return new class Talk(*this);
}

void Service::broadcast(const chat::ServerToClient& message) {
  const std::lock_guard lock(mutex_);
  for (class Talk* talk : talks_) talk->send(message);
}

}  // namespace

int main(int argc, char** argv) {
  Service service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argc > 1 ? argv[1] : "127.0.0.1:6000",
                           grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  builder.BuildAndStart()->Wait();
}

// A network that nothing in messi knows of: all there is to a scheme of a program's own.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/epoll_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/chat.h"
#include "test/support/sockets.h"

using messi::EpollLoop;
using messi::IoResult;
using messi::test::Client;
using messi::test::message;
using messi::test::Server;

namespace {

/// Within one process, and one loop: "fake://<any name>".
class FakeNetwork final : public messi::Network {
 public:
  explicit FakeNetwork(messi::EventLoop& loop) : loop_(loop) {
    loop.networks().add("fake://<name>", *this);
  }

  std::unique_ptr<messi::Connecting> connect(const std::string& uri,
                                             const messi::ConnectOptions& /*options*/,
                                             messi::ConnectHandler& handler) override {
    return std::make_unique<Attempt>(*this, uri, handler);
  }
  messi::Result<std::unique_ptr<messi::Listener>> listen(const std::string& uri,
                                                         const messi::ListenOptions& /*options*/,
                                                         messi::ListenHandler& handler) override {
    if (places_.count(uri) != 0) {
      return messi::Status(messi::StatusCode::kAlreadyExists, uri + ": taken");
    }
    return std::unique_ptr<messi::Listener>(std::make_unique<Place>(*this, uri, handler));
  }

 private:
  class End final : public messi::Stream {
   public:
    explicit End(messi::EventLoop& loop) : task_(loop, [this] { tell(); }) {}
    ~End() override {
      if (other_ == nullptr) return;
      other_->task_.schedule();
      other_->other_ = nullptr;
    }

    static void join(End& one, End& other) {
      one.other_ = &other;
      other.other_ = &one;
    }

    bool start(messi::StreamHandler& handler) override {
      handler_ = &handler;
      task_.schedule();
      return true;
    }
    IoResult read(const messi::Space* spaces, std::size_t count) override {
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; ++i) {
        size += came_.copy(spaces[i].data, spaces[i].size, size);
      }
      came_.erase(0, size);
      if (size > 0) return {size, IoResult::Kind::kSome};
      if (!at_end()) return {0, IoResult::Kind::kAgain};
      handler_ = nullptr;
      return {0, IoResult::Kind::kEnd};
    }
    IoResult write(const messi::Slice* slices, std::size_t count, bool /*more*/) override {
      if (other_ == nullptr) return {0, IoResult::Kind::kEnd};
      std::size_t size = 0;
      for (std::size_t i = 0; i < count; size += slices[i++].size) {
        other_->came_.append(slices[i].data, slices[i].size);
      }
      other_->task_.schedule();
      return {size, IoResult::Kind::kSome};
    }
    bool wait_for_room() override { return false; }
    void finish() override {
      finished_ = true;
      if (other_ != nullptr) other_->task_.schedule();
    }
    void want_input(bool wanted) override {
      wants_input_ = wanted;
      task_.schedule();
    }
    messi::PeerInfo peer() const override { return {"fake"}; }

   private:
    bool at_end() const { return came_.empty() && (other_ == nullptr || other_->finished_); }
    void tell() {
      if (handler_ == nullptr || !wants_input_) return;
      if (came_.empty() && !at_end()) return;
      task_.schedule();  // for what is left then
      handler_->handle_readable();
    }

    messi::Task task_;
    messi::StreamHandler* handler_ = nullptr;
    End* other_ = nullptr;
    std::string came_;
    bool wants_input_ = true;
    bool finished_ = false;
  };

  class Place final : public messi::Listener {
   public:
    Place(FakeNetwork& network, std::string uri, messi::ListenHandler& handler)
        : network_(network), uri_(std::move(uri)), handler_(handler) {
      network_.places_[uri_] = this;
    }
    ~Place() override { network_.places_.erase(uri_); }
    std::string uri() const override { return uri_; }
    std::uint16_t port() const override { return 0; }
    messi::ListenHandler& handler() { return handler_; }

   private:
    FakeNetwork& network_;
    const std::string uri_;
    messi::ListenHandler& handler_;
  };

  class Attempt final : public messi::Connecting {
   public:
    Attempt(FakeNetwork& network, std::string uri, messi::ConnectHandler& handler)
        : network_(network),
          uri_(std::move(uri)),
          handler_(handler),
          task_(network.loop_, [this] { finish(); }) {
      task_.schedule();
    }

   private:
    void finish() {
      const auto place = network_.places_.find(uri_);
      if (place == network_.places_.end()) {
        return handler_.handle_no_stream({messi::StatusCode::kUnavailable, uri_ + ": nobody"});
      }
      auto ours = std::make_unique<End>(network_.loop_);
      auto theirs = std::make_unique<End>(network_.loop_);
      End::join(*ours, *theirs);
      place->second->handler().handle_accept(std::move(theirs));
      handler_.handle_stream(std::move(ours));
    }

    FakeNetwork& network_;
    const std::string uri_;
    messi::ConnectHandler& handler_;
    messi::Task task_;
  };

  messi::EventLoop& loop_;
  std::map<std::string, Place*> places_;
};

// A client and a server of that scheme, and all that they may do.
template <typename Loop, typename RunUntil>
void check(Loop& loop, RunUntil run_until) {
  FakeNetwork network(loop);
  Server server(loop, "fake://chat");
  REQUIRE(server.start().ok());
  CHECK(server.uri() == "fake://chat");
  Server second(loop, "fake://chat");
  CHECK(second.start().code() == absl::StatusCode::kAlreadyExists);
  server.on = [](const std::string& event, Server::Client* from) {
    if (event == "message hello") from->send(message("hello yourself"));
  };

  Client client(loop, "fake://chat");
  client.then = [&](const std::string& line) {
    if (line == "connected") client.send(message("hello"));
  };
  client.start();
  CHECK(run_until([&] { return client.has("message hello yourself"); }));
  client.stop();
  CHECK(run_until([&] { return client.stopped() && server.client_count() == 0; }));
  CHECK(server.has("1 disconnected"));

  server.stop();
  Client late(loop, "fake://chat");
  late.retry = [](const absl::Status& /*why*/) { return std::nullopt; };
  late.start();
  CHECK(run_until([&] { return late.stopped(); }));
  CHECK(std::string(late.last_failure.message()) == "fake://chat: nobody");

  Client wrong(loop, "nonsense");
  wrong.start();
  CHECK(run_until([&] { return wrong.stopped(); }));
  CHECK(std::string(wrong.last_failure.message()).find(" or fake://<name>") != std::string::npos);
}

}  // namespace

TEST_CASE("clients and servers use a scheme of the program's own, on sockets' loop", "[io]") {
  EpollLoop loop;
  check(loop, [&](auto condition) { return messi::test::run_until(loop, condition); });
}

TEST_CASE("clients and servers use a scheme of the program's own, on the tests' loop", "[io]") {
  messi::testing::ManualLoop loop;
  check(loop, [&](auto condition) {
    loop.run_until_idle();
    return condition();
  });
}

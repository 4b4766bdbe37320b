// Clients and servers with messages as structs, also with peers that have libprotobuf's classes.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "theirs.messi.h"
#include "views.messi.h"

using messi::SendResult;
using messi::test::frame;
using messi::testing::ManualLoop;
using messi::testing::RawServer;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

constexpr const char* kServer = "tcp://:6000";
constexpr const char* kUri = "tcp://localhost:6000";

class Client final : public views::ViewsClient {
 public:
  explicit Client(messi::EventLoop& loop) : ViewsClient(loop, kUri) { start(); }

  std::string seen;

 private:
  void on_shape(const views::Shape& message) override {
    const auto* const name = message.kind.get<views::Shape::KindCase::kName>();
    seen += "shape " + std::string(name == nullptr ? "" : *name) + '\n';
  }
  void on_linked(const views::Linked& message) override {
    seen += "linked " + std::to_string(message.value) + '\n';
  }
  void on_tree_req(const views::Nothing& /*message*/) override { reply(views::Linked{300}); }
  void on_unknown_message(std::uint32_t number) override {
    seen += "unknown " + std::to_string(number) + '\n';
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    CHECK(reason == messi::DisconnectReason::kMessageDecodeError);
    seen += "disconnected\n";
  }
};

template <typename Base>
class ServerOn : public Base {
 public:
  explicit ServerOn(messi::EventLoop& loop) : Base(loop, kServer) { CHECK(this->start().ok()); }
  std::string seen;
};

class Server final : public ServerOn<views::ViewsServer> {
 public:
  using ServerOn::ServerOn;

 private:
  void on_tree(Client& client, const views::Tree& message) override {
    seen += "tree " + std::string(message.label) + '\n';
    for (const views::Tree& child : message.children)
      seen += "child " + std::string(child.label) + '\n';
    client.send(views::Shape{1, messi::choose<views::Shape::KindCase::kName>(message.label)});
  }
  void on_shape_req(Client& /*client*/, const views::Shape& message) override {
    if (message.id == 0) return reply(views::Tree{"now"});
    later = answer_later(message);
  }

 public:
  messi::Responder<views::Tree> later;
};

class TheirServer final : public ServerOn<theirs::TheirsServer> {
 public:
  using ServerOn::ServerOn;

 private:
  void on_tree(Client& client, const theirs::Tree& message) override {
    seen += "tree " + message.label() + '\n';
    for (const theirs::Tree& child : message.children()) seen += "child " + child.label() + '\n';
    theirs::Shape shape;
    shape.set_name(message.label());
    client.send(shape);
  }
};

class TheirClient final : public theirs::TheirsClient {
 public:
  explicit TheirClient(messi::EventLoop& loop) : TheirsClient(loop, kUri) { start(); }

  std::string seen;

 private:
  void on_shape(const theirs::Shape& message) override { seen += "shape " + message.name() + '\n'; }
};

/// A client, and a server that sends it bytes.
struct Raw {
  std::string seen(const std::string& payload) {
    server.last().send(frame(2, payload));
    loop.run_until_idle();
    return client.seen;
  }

  ManualLoop loop;
  RawServer server{loop, kServer};
  Client client{loop};
  bool is_running = (loop.run_until_idle(), true);
};

}  // namespace

TEMPLATE_TEST_CASE("a client with structs talks to a server of either kind", "[views]", Server,
                   TheirServer) {
  ManualLoop loop;
  TestType server(loop);
  Client client(loop);
  loop.run_until_idle();
  REQUIRE(client.connected());
  client.send(views::Tree{"root", {views::Tree{"left"}, views::Tree{"right"}}});
  loop.run_until_idle();
  CHECK(server.seen == "tree root\nchild left\nchild right\n");
  CHECK(client.seen == "shape root\n");
}

TEST_CASE("a client with libprotobuf's classes talks to a server with structs", "[views]") {
  ManualLoop loop;
  Server server(loop);
  TheirClient client(loop);
  loop.run_until_idle();
  theirs::Tree tree;
  tree.set_label("root");
  tree.add_children()->set_label("left");
  client.send(tree);
  loop.run_until_idle();
  CHECK(server.seen == "tree root\nchild left\n");
  CHECK(client.seen == "shape root\n");
}

TEST_CASE("a struct is broadcast, and sent to groups", "[views]") {
  ManualLoop loop;
  Server server(loop);
  Client client(loop);
  TheirClient other(loop);
  loop.run_until_idle();
  CHECK(server.broadcast(views::Shape{1, messi::choose<views::Shape::KindCase::kName>("all")}));
  server.group("room").join(*server.clients().begin());
  CHECK(server.group("room").send(views::Linked{5}));
  loop.run_until_idle();
  CHECK(client.seen == "shape all\nlinked 5\n");
  CHECK(other.seen == "shape all\n");
  CHECK_FALSE(
      server.broadcast(views::Shape{1, messi::choose<views::Shape::KindCase::kName>("\xff")}));
}

TEST_CASE("what cannot be encoded is refused", "[views]") {
  ManualLoop loop;
  Server server(loop);
  Client client(loop);
  CHECK(client.try_send(views::Tree{}) == SendResult::kNotConnected);
  loop.run_until_idle();
  CHECK(client.try_send(views::Tree{"\xff"}) == SendResult::kInvalid);
  CHECK(client.try_send(views::Tree{"fine"}) == SendResult::kOk);
  const std::string large(1 << 24, 'x');
  CHECK(client.try_send(views::Tree{large}) == SendResult::kTooBig);
  loop.run_until_idle();
  CHECK(server.seen == "tree fine\n");
}

TEST_CASE("large texts arrive as they are, wherever they are in a message", "[views]") {
  ManualLoop loop;
  Server server(loop);
  Client client(loop);
  loop.run_until_idle();
  const std::string large(100'000, 'x');
  const std::string small(600, 'y');
  client.send(views::Tree{large, {views::Tree{"left"}, views::Tree{large}}});
  loop.run_until_idle();
  CHECK(server.seen == "tree " + large + "\nchild left\nchild " + large + '\n');
  server.seen.clear();
  // More than are sent in pieces, and more beside them.
  client.send(views::Tree{
      large, {views::Tree{large}, views::Tree{large}, views::Tree{large}, views::Tree{large}}});
  client.send(views::Tree{large, {views::Tree{small}}});
  loop.run_until_idle();
  std::string expected = "tree " + large + '\n';
  for (int i = 0; i < 4; ++i) expected += "child " + large + '\n';
  CHECK(server.seen == expected + "tree " + large + "\nchild " + small + '\n');
}

TEST_CASE("calls have structs, in both directions", "[views]") {
  ManualLoop loop;
  Server server(loop);
  Client client(loop);
  loop.run_until_idle();
  std::vector<std::string> answers;
  const auto keep = [&answers](const messi::CallResult<views::Tree>& result) {
    answers.emplace_back(result.ok() ? result->label : "none");
  };
  client.call(views::Shape{0}, 10s, keep);
  client.call(views::Shape{1}, 10s, keep);
  loop.run_until_idle();
  CHECK(answers == std::vector<std::string>{"now"});
  server.later.reply(views::Tree{"later"});
  loop.run_until_idle();
  CHECK(answers == std::vector<std::string>{"now", "later"});

  std::int32_t answer = 0;
  for (auto& each : server.clients()) {
    each.call(views::Nothing{}, 10s, [&answer](const messi::CallResult<views::Linked>& result) {
      if (result.ok()) answer = result->value;
    });
  }
  loop.run_until_idle();
  CHECK(answer == 300);
}

TEST_CASE("a payload has any legal form", "[views]") {
  const std::string shape =
      "\x12\x05\x08\x01\x1a\x01"
      "a";
  const std::string linked = "\x1a\x02\x08\x07";
  Raw raw;
  CHECK(raw.seen(shape) == "shape a\n");
  raw.client.seen.clear();
  // Of several members the last counts.
  CHECK(raw.seen(shape + linked) == "linked 7\n");
  raw.client.seen.clear();
  CHECK(raw.seen(linked + shape + linked + "\x9a\x06\x01z") == "linked 7\n");
  raw.client.seen.clear();
  CHECK(raw.seen("\x9a\x06\x01z") == "unknown 99\n");
  raw.client.seen.clear();
  CHECK(raw.seen("\x9a\x06\x01z\xa2\x06\x01z") == "unknown 99\n");
  raw.client.seen.clear();
  CHECK(raw.seen("").empty());
}

TEST_CASE("an illegal payload ends the connection", "[views]") {
  const std::string payload =
      GENERATE(as<std::string>(), "\x12\x02\x1a\x05", "\x12\x03\x1a\x01\xff", "\x12\x01",
               "\x1a\x02\x08\x07\x12\x02\x1a\x05", "\x1a\x02\x08\x07\x1a\x02\x08\x07");
  Raw raw;
  CHECK(raw.seen(payload) == "disconnected\n");
}

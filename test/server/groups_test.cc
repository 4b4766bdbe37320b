#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "messi/impl/shared_holders.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/server/session_world.h"
#include "test/support/bytes.h"
#include "test/support/chat.h"
#include "test/support/live_bytes.h"

using messi::DisconnectReason;
using messi::GroupKey;
using messi::SlowReader;
using messi::test::from_client;
using messi::test::live_bytes;
using messi::test::Log;
using messi::test::message;
using messi::test::Peer;
using messi::test::Server;
using messi::test::SessionWorld;
using messi::test::text_in;
using messi::testing::ManualLoop;
using messi::testing::RawClient;
using namespace std::chrono_literals;

namespace {

using Texts = std::vector<std::string>;
using Ids = std::vector<std::uint64_t>;

enum class RoomId : std::uint16_t {};
enum class TeamId : std::uint16_t {};

Texts texts_in(const std::string& bytes) {
  Texts texts;
  for (const auto& frame : messi::test::frames_of(bytes)) {
    if (frame.type == 2) texts.push_back(text_in(frame.payload));
  }
  return texts;
}

/// A server with clients 1, 2, 3...
struct House {
  explicit House(int count, const messi::ServerOptions& options = {})
      : server(loop, "tcp://:6000", options) {
    REQUIRE(server.start().ok());
    loop.network().faults.capacity = 1'000;
    for (int i = 0; i < count; ++i) come();
  }
  void come() {
    peers.push_back(std::make_unique<RawClient>(loop, "tcp://localhost:6000"));
    loop.run_until_idle();
  }
  Server::Client& at(std::uint64_t id) { return *server.find_client(id); }
  messi::testing::RawPeer& peer(std::uint64_t id) { return *peers[id - 1]->peer(); }
  void read(std::uint64_t id, bool wanted) { peer(id).want_input(wanted); }
  Texts texts(std::uint64_t id) {
    loop.run_until_idle();
    return texts_in(peer(id).take_received());
  }

  ManualLoop loop;
  Server server;
  std::vector<std::unique_ptr<RawClient>> peers;
};

Ids ids_of(const std::vector<Server::Client*>& clients) {
  Ids ids;
  ids.reserve(clients.size());
  for (const Server::Client* const client : clients) ids.push_back(client->id());
  return ids;
}

Texts keys_of(Server& server, const Server::Client& client) {
  Texts keys;
  for (const Server::Group& group : server.groups_of(client)) keys.push_back(group.key().text());
  return keys;
}

}  // namespace

TEST_CASE("a message to a group goes to its members, or all but some", "[server]") {
  House house(5);
  const Server::Group room = house.server.group("room");
  for (const std::uint64_t id : Ids{1, 2, 3, 4}) room.join(house.at(id));
  CHECK(room.send(message("all")));
  CHECK(room.send(message("not 2"), house.at(2)));
  CHECK(room.send(message("not 1 and 3"), {&house.at(1), &house.at(3), nullptr}));
  CHECK(room.send_connect_rsp(chat::ConnectRsp(), house.server.group("room").members()));
  house.server.group("muted").join(house.at(4));
  house.server.group("muted").join(house.at(1));
  CHECK(room.send_message_ind(message("not muted"), house.server.group("muted").members()));
  CHECK(house.texts(1) == Texts{"all", "not 2"});
  CHECK(house.texts(2) == Texts{"all", "not 1 and 3", "not muted"});
  CHECK(house.texts(3) == Texts{"all", "not 2", "not muted"});
  CHECK(house.texts(4) == Texts{"all", "not 2", "not 1 and 3"});
  CHECK(house.texts(5).empty());
}

TEST_CASE("clients join and leave, once", "[server]") {
  House house(3);
  const Server::Group room = house.server.group("room");
  CHECK(room.size() == 0);
  CHECK(room.members().empty());
  room.leave(house.at(1));
  for (const std::uint64_t id : Ids{3, 1, 1, 2}) room.join(house.at(id));
  CHECK(room.size() == 3);
  CHECK(ids_of(room.members()) == Ids{1, 2, 3});
  CHECK(room.contains(house.at(1)));
  room.leave(house.at(1));
  room.leave(house.at(1));
  CHECK_FALSE(room.contains(house.at(1)));
  CHECK(room.size() == 2);
  room.send(message("two"));
  room.join(house.at(1));
  room.send(message("three"));
  CHECK(house.texts(1) == Texts{"three"});
  CHECK(house.texts(2) == Texts{"two", "three"});
  for (const std::uint64_t id : Ids{1, 2, 3}) room.leave(house.at(id));
  CHECK(room.size() == 0);
  CHECK(room.send(message("nobody")));
  CHECK(house.texts(3) == Texts{"two", "three"});
}

TEST_CASE("groups are called by texts, integers, or values of enums", "[server]") {
  House house(4);
  Server& server = house.server;
  const std::string name = "7";
  server.group(name).join(house.at(1));
  server.group(7).join(house.at(2));
  server.group(RoomId{7}).join(house.at(3));
  server.group(TeamId{7}).join(house.at(4));
  CHECK(ids_of(server.group("7").members()) == Ids{1});
  CHECK(ids_of(server.group(std::string_view("7")).members()) == Ids{1});
  CHECK(ids_of(server.group(7U).members()) == Ids{2});
  CHECK(ids_of(server.group(std::uint64_t{7}).members()) == Ids{2});
  CHECK(ids_of(server.group(RoomId{7}).members()) == Ids{3});
  CHECK(ids_of(server.group(TeamId{7}).members()) == Ids{4});
  CHECK(server.group(0).members().empty());
  CHECK(server.group("").members().empty());
  CHECK(server.group(RoomId{7}).key().number() == 7);
  CHECK(server.group(RoomId{7}).key() == GroupKey(RoomId{7}));
  CHECK(server.group(RoomId{7}).key() != GroupKey(7));
  CHECK(server.group("7").key().text() == "7");
  CHECK(server.group(-1).key() != GroupKey(1));
}

TEST_CASE("a client leaves its groups when it is gone", "[server]") {
  House house(2);
  Server& server = house.server;
  for (const char* const name : {"b", "a", "c"}) {
    server.group(name).join(house.at(1));
    server.group(name).join(house.at(2));
  }
  server.group("mine").join(house.at(1));
  CHECK(keys_of(server, house.at(1)) == Texts{"b", "a", "c", "mine"});
  Texts left;
  server.on = [&](const std::string& event, Server::Client* client) {
    if (event.rfind("disconnected", 0) != 0) return;
    // It is in its groups, and may say goodbye to them. It cannot join any more.
    left = keys_of(server, *client);
    server.group("late").join(*client);
    for (const Server::Group& group : server.groups_of(*client)) {
      CHECK(group.contains(*client));
      group.send(message("left " + group.key().text()));
    }
  };
  house.peer(1).close();
  house.loop.run_until_idle();
  CHECK(left == Texts{"b", "a", "c", "mine"});
  CHECK(house.texts(2) == Texts{"left b", "left a", "left c"});
  CHECK(server.group("mine").size() == 0);
  CHECK(server.group("late").size() == 0);
  CHECK(ids_of(server.group("b").members()) == Ids{2});
}

TEST_CASE("who is being disconnected gets nothing more, and counts until it is gone", "[server]") {
  House house(2);
  const Server::Group room = house.server.group("room");
  room.join(house.at(1));
  room.join(house.at(2));
  room.send(message("before"));
  Server::Client& first = house.at(1);
  first.disconnect();
  CHECK(room.size() == 2);
  CHECK(ids_of(room.members()) == Ids{2});
  room.send(message("after"));
  CHECK(house.texts(1) == Texts{"before"});
  CHECK(house.texts(2) == Texts{"before", "after"});
  house.peer(1).close();
  house.loop.run_until_idle();
  CHECK(room.size() == 1);
}

TEST_CASE("a client is in no group before it is accepted", "[server]") {
  struct Strict : Server {
    using Server::Server;
    void on_authenticate(Client& client) override {
      group("too soon").join(client);
      client.accept();
      group("room").join(client);
      if (client.id() == 2) client.disconnect();
    }
  };
  ManualLoop loop;
  Strict server(loop);
  REQUIRE(server.start().ok());
  RawClient one(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(server.group("too soon").size() == 0);
  CHECK(server.group("room").size() == 1);
  RawClient two(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  two->close();
  loop.run_until_idle();
  CHECK(server.group("room").size() == 1);
}

TEST_CASE("a message that a group cannot get is sent to nobody", "[server]") {
  messi::ServerOptions options;
  options.max_payload_size = 100;
  House house(1, options);
  const Server::Group room = house.server.group("room");
  room.join(house.at(1));
  CHECK_FALSE(room.send(message(std::string(200, 'x'))));
  CHECK_FALSE(room.send(message("\xff")));
  CHECK_FALSE(house.server.group("nobody").send(message(std::string(200, 'x'))));
  CHECK(room.send(message("fits")));
  CHECK(house.texts(1) == Texts{"fits"});
}

TEST_CASE("all is legal in a loop over a group", "[server]") {
  House house(6);
  Server& server = house.server;
  for (std::uint64_t id = 1; id <= 5; ++id) server.group("room").join(house.at(id));
  server.on = [&](const std::string& event, Server::Client* /*client*/) {
    if (event != "message now") return;
    for (Server::Client* const member : server.group("room").members()) {
      server.group("room").send(message("in the loop"), *member);
      server.group("room").leave(*member);
      server.group("other").join(*member);
      if (member->id() == 2) house.at(4).disconnect_now();
      if (member->id() == 3) member->disconnect();
    }
    server.group("room").send(message("nobody"));
    server.group("other").send(message("others"));
  };
  (*house.peers[5])->send(from_client(message("now")));
  CHECK(house.texts(1) == Texts{"others"});
  CHECK(house.texts(2) == Texts{"in the loop", "others"});
  CHECK(house.texts(5) ==
        Texts{"in the loop", "in the loop", "in the loop", "in the loop", "others"});
  CHECK(house.texts(6).empty());
  house.peer(3).close();
  house.loop.run_until_idle();
  CHECK(server.group("room").size() == 0);
  CHECK(ids_of(server.group("other").members()) == Ids{1, 2, 5});
}

TEST_CASE("a hook that throws about a member takes only that from the groups", "[server]") {
  House house(2);
  Server& server = house.server;
  server.group("room").join(house.at(1));
  server.group("room").join(house.at(2));
  server.on = [&](const std::string& event, Server::Client* /*client*/) {
    if (event.rfind("disconnected", 0) == 0) throw std::runtime_error("hook");
  };
  house.at(1).disconnect_now();
  CHECK_THROWS_AS(house.loop.run_until_idle(), std::runtime_error);
  CHECK(ids_of(server.group("room").members()) == Ids{2});
  server.group("room").send(message("still"));
  CHECK(house.texts(2) == Texts{"still"});
}

TEST_CASE("groups live until the last client is gone, across stop and start", "[server]") {
  House house(2);
  Server& server = house.server;
  server.group("room").join(house.at(1));
  server.group("room").join(house.at(2));
  house.peer(1).close();
  server.stop();
  REQUIRE(server.start().ok());
  house.come();
  server.group("room").join(house.at(3));
  house.peer(2).close();
  house.loop.run_until_idle();
  CHECK(ids_of(server.group("room").members()) == Ids{3});
  server.stop_now();
  house.loop.run_until_idle();
  CHECK(server.group("room").size() == 0);
}

TEST_CASE("a server may be destroyed with groups, and their handles after it", "[server]") {
  auto house = std::make_unique<House>(2);
  auto room = std::make_unique<Server::Group>(house->server.group("room"));
  room->join(house->at(1));
  room->send(message("last"));
  house.reset();
  room.reset();
}

TEST_CASE("a client that is away is in its groups, and so it is when it is back", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.attach();
  const Server::Group room = world.server.group("room");
  room.join(*world.server.find_client(1));
  room.send(message("1"));
  world.loop.run_until_idle();
  CHECK(peer.take_texts() == Texts{"1"});
  peer.cut();
  CHECK(world.server.log.back() == "1 detached: Connection closed.");
  CHECK(ids_of(room.members()) == Ids{1});
  room.send(message("2"));
  world.server.group("other").join(*world.server.find_client(1));
  world.server.group("other").send(message("3"));
  peer.connect();
  ++peer.attempt;
  Texts replayed;
  for (const auto& frame : peer.introduce(peer.hello())) {
    if (frame.type == 2) replayed.push_back(text_in(frame.payload));
  }
  CHECK(replayed == Texts{"2", "3"});
  peer.ack();
  CHECK(ids_of(room.members()) == Ids{1});
  room.send(message("4"));
  world.loop.run_until_idle();
  CHECK(peer.take_texts() == Texts{"4"});
  CHECK(room.size() == 1);
}

TEST_CASE("a session that is lost leaves its groups", "[server]") {
  SessionWorld world;
  Peer peer(world.loop);
  peer.attach();
  const Server::Group room = world.server.group("room");
  room.join(*world.server.find_client(1));
  peer.cut();
  room.send(message("1"));
  CHECK(room.size() == 1);
  bool was_member = false;
  world.server.on = [&](const std::string& event, Server::Client* client) {
    if (event.rfind("lost", 0) == 0) was_member = room.contains(*client);
  };
  world.loop.advance(31s);
  CHECK(was_member);
  CHECK(room.size() == 0);
  CHECK(world.server.has("1 lost: The session has expired. 1-1"));
  // Somebody else, who comes with what is left of it.
  peer.connect();
  peer.introduce();
  CHECK(room.size() == 0);
}

TEST_CASE("who joins for the connection that brings a session back joins for nobody", "[server]") {
  SessionWorld world;
  world.server.authenticate = [&](Server::Client& client) {
    world.server.group("before").join(client);
    client.accept();
    world.server.group("after").join(client);
  };
  Peer peer(world.loop);
  peer.attach();
  CHECK(ids_of(world.server.group("after").members()) == Ids{1});
  peer.cut();
  peer.attach();
  CHECK(world.server.has("1 resumed 0"));
  CHECK(world.server.group("before").size() == 0);
  CHECK(ids_of(world.server.group("after").members()) == Ids{1});
}

TEST_CASE("a group that is too much for a member treats it as a broadcast does", "[server]") {
  for (const SlowReader policy :
       {SlowReader::kDisconnect, SlowReader::kDropNewest, SlowReader::kKeepLatest}) {
    messi::ServerOptions options;
    options.slow_reader = policy;
    options.max_pending_bytes = 20'000;
    options.client_timeout = messi::Duration::max();
    House house(3, options);
    for (const std::uint64_t id : Ids{1, 2}) {
      house.server.group("a").join(house.at(id));
      house.server.group("b").join(house.at(id));
    }
    house.read(1, false);
    for (int i = 0; i < 100; ++i) {
      house.server.group("a").send(message(std::string(1'000, 'x')));
      house.loop.run_until_idle();
    }
    CHECK(house.texts(2).size() == 100);
    CHECK(house.texts(3).empty());
    if (policy == SlowReader::kDisconnect) {
      CHECK(house.server.log.back() == "1 disconnected: Slow reader.");
      CHECK(house.server.group("a").size() == 1);
      continue;
    }
    CHECK(house.server.count("1 behind") == 1);
    CHECK(house.at(1).dropped_broadcasts() > 50);
    house.server.group("a").send(message("latest of a"));
    house.server.group("b").send(message("latest of b"));
    house.server.group("b").send(message("not for 1"), house.at(1));
    house.read(1, true);
    const Texts texts = house.texts(1);
    REQUIRE(texts.size() > 2);
    const Texts last(texts.end() - 2, texts.end());
    CHECK((last == Texts{"latest of a", "latest of b"}) == (policy == SlowReader::kKeepLatest));
    CHECK(house.server.count("1 writable") == 1);
  }
}

TEST_CASE("the total bound holds for groups", "[server]") {
  messi::ServerOptions options;
  options.max_total_pending_bytes = 100'000;
  options.client_timeout = messi::Duration::max();
  House house(3, options);
  for (const std::uint64_t id : Ids{1, 2, 3}) {
    house.server.group("room").join(house.at(id));
    house.read(id, false);
  }
  house.at(2).send(message(std::string(80'000, 'x')));
  house.loop.run_until_idle();
  house.server.group("room").send(message(std::string(10'000, 'x')));
  house.loop.run_until_idle();
  CHECK(house.server.log.back() == "2 disconnected: Too much queued.");
  CHECK(ids_of(house.server.group("room").members()) == Ids{1, 3});
}

TEST_CASE("a small message to a slow member does not hold a shared buffer", "[server]") {
  // Each of the buffers has one for another member, and is then filled by a group of others.
  constexpr std::uint64_t kSlow = 20;
  messi::ServerOptions options;
  options.client_timeout = messi::Duration::max();
  House house(kSlow + 1, options);
  const Server::Group quick = house.server.group("quick");
  quick.join(house.at(kSlow + 1));
  const std::string large(10'000, 'x');
  const std::size_t before = live_bytes();
  for (std::uint64_t id = 1; id <= kSlow; ++id) {
    house.server.group(id).join(house.at(id));
    house.read(id, false);
    house.at(id).send(message(std::string(2'000, 'x')));  // so that what follows waits
    house.loop.run_until_idle();
    house.server.group(id).send(message("little"));
    for (int i = 0; i < 7; ++i) quick.send(message(large));
    CHECK(house.texts(kSlow + 1).size() == 7);
    CHECK(house.at(id).pending_bytes() > 0);
  }
  CHECK(live_bytes() - before < 500'000);
}

TEST_CASE("what groups cost in memory", "[server]") {
  constexpr std::uint64_t kClients = 100;
  House house(kClients);
  Server& server = house.server;
  const auto join_and_leave = [&] {
    server.group("room").join(house.at(1));
    CHECK(server.group("room").send(message("somebody")));
    server.group("room").leave(house.at(1));
    house.loop.run_until_idle();
    CHECK(house.texts(1).size() == 1);
  };
  join_and_leave();  // what is allocated once, here and by the checks

  const std::size_t before = live_bytes();
  bool sent = true;
  for (int i = 0; i < 1'000; ++i) sent &= server.group(i).send(message("nobody"));
  const std::size_t with_empty_groups = live_bytes();
  for (int group = 0; group < 100; ++group) server.group(group).join(house.at(1));
  const std::size_t with_groups = live_bytes();
  for (int group = 0; group < 100; ++group) {
    for (std::uint64_t id = 2; id <= kClients; ++id) server.group(group).join(house.at(id));
  }
  const std::size_t membership = (live_bytes() - with_groups) / (100 * (kClients - 1));
  for (int key = 0; key < 100; ++key) {
    for (std::uint64_t id = 1; id <= kClients; ++id) server.group(key).leave(house.at(id));
  }
  const std::size_t after = live_bytes();

  CHECK(sent);
  CHECK(with_empty_groups == before);
  CHECK((with_groups - before) / 100 - membership <= 140);
  CHECK(membership <= 120);
  CHECK(after == before);
}

TEST_CASE("who may hold a part of a shared buffer is known, or it may be all", "[server]") {
  messi::SharedHolders holders;
  const auto add = [&](const Ids& ids) {
    holders.expect(ids.size(), 5);
    for (const std::uint64_t id : ids) holders.add(id);
  };
  add({1, 2});
  add({2, 3});
  CHECK_FALSE(holders.all());
  CHECK(holders.ids() == Ids{1, 2, 2, 3});
  add({1, 2});
  CHECK(holders.all());
  add({3});
  CHECK(holders.ids().size() == 4);
  holders.clear();
  CHECK_FALSE(holders.all());
  add({4});
  CHECK(holders.ids() == Ids{4});
  holders.add_all();
  CHECK(holders.all());
}

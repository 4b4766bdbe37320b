// Text that is not UTF-8 does not leave its sender.

#include "messi/codec/texts.h"

#include <unistd.h>

#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "lite.messi.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "test/catch.h"
#include "test/support/bytes.h"
#include "texts.messi.h"

using messi::DisconnectReason;
using messi::testing::ManualLoop;
using namespace std::string_literals;

namespace {

const std::string kBad = "caf\xe9";
const std::string kGood = "caf\u00e9";

/// What is written on stderr meanwhile.
std::string complaint(const std::function<void()>& during) {
  std::fflush(stderr);
  std::FILE* const file = std::tmpfile();
  const int before = dup(STDERR_FILENO);
  dup2(fileno(file), STDERR_FILENO);
  during();
  std::fflush(stderr);
  dup2(before, STDERR_FILENO);
  close(before);
  std::string text(static_cast<std::size_t>(std::ftell(file)), '\0');
  std::rewind(file);
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  // What libprotobuf says of it is its own.
  const std::size_t ours = text.find("messi: ");
  return ours == std::string::npos ? "" : text.substr(ours);
}

class Client : public texts::TextsClient {
 public:
  using TextsClient::TextsClient;
  std::vector<DisconnectReason> reasons;
  std::vector<std::string> lines;
  void on_disconnected(DisconnectReason reason) override { reasons.push_back(reason); }
  void on_flat(const texts::Flat& message) override { lines.push_back(message.text()); }
};

class Server : public texts::TextsServer {
 public:
  using TextsServer::TextsServer;
  std::vector<std::string> lines;
  std::size_t others = 0;
  void on_flat(Client& /*client*/, const texts::Flat& message) override {
    lines.push_back(message.text());
  }
  void on_nested(Client& /*client*/, const texts::Nested& /*message*/) override { ++others; }
  void on_unchecked(Client& /*client*/, const strict::Tree& /*message*/) override { ++others; }
  void on_numbers(Client& /*client*/, const texts::Numbers& /*message*/) override { ++others; }
  void on_mixed(Client& /*client*/, const texts::Mixed& /*message*/) override { ++others; }
};

struct World {
  World() {
    REQUIRE(server.start().ok());
    client.start();
    loop.run_until_idle();
    REQUIRE(client.connected());
  }

  ManualLoop loop;
  Server server{loop, "tcp://:6000"};
  Client client{loop, "tcp://localhost:6000"};
};

texts::Flat flat(std::string text) {
  texts::Flat message;
  message.set_number(-1);
  message.set_text(std::move(text));
  message.set_data("\xff");
  return message;
}

/// Sends it between others: those before it arrive, and the connection ends with it.
template <typename Message>
std::string refusal(const Message& message) {
  World world;
  world.client.send(flat("before"));
  const std::string text = complaint([&] { world.client.send(message); });
  world.client.send(flat("after"));
  world.loop.run_until_idle();
  CHECK(world.client.reasons ==
        std::vector<DisconnectReason>{DisconnectReason::kMessageEncodeError});
  CHECK(world.server.lines == std::vector<std::string>{"before"});
  CHECK(world.server.others == 0);
  return text;
}

template <typename Message>
bool arrives(const Message& message) {
  World world;
  const std::string text = complaint([&] { world.client.send(message); });
  CHECK(text.empty());
  world.loop.run_until_idle();
  return world.client.connected() && world.server.others + world.server.lines.size() == 1;
}

}  // namespace

TEST_CASE("bad text is refused by its name, wherever in a message it is", "[codec]") {
  CHECK(refusal(flat(kBad)) == "messi: texts.Flat.text is not UTF-8\n");
  CHECK(refusal(flat(std::string(100'000, '\xff'))) == "messi: texts.Flat.text is not UTF-8\n");

  texts::Flat with_unknown = flat(kBad);
  with_unknown.GetReflection()->MutableUnknownFields(&with_unknown)->AddVarint(1000, 1);
  CHECK(refusal(with_unknown) == "messi: texts.Flat.text is not UTF-8\n");

  texts::Nested nested;
  nested.add_lines(kGood);
  nested.add_far(~0ULL);
  nested.add_near(~0U);
  nested.add_leaves()->set_text(kGood);
  nested.set_data(kBad);
  CHECK(arrives(nested));
  const auto spoiled = [&](const std::function<void(texts::Nested&)>& spoil) {
    texts::Nested spoilt = nested;
    spoil(spoilt);
    texts::Nested deep;
    *deep.mutable_more()->mutable_more()->mutable_more() = spoilt;
    const std::string said = refusal(spoilt);
    CHECK(refusal(deep) == said);
    return said;
  };
  CHECK(spoiled([](auto& n) { n.add_lines(kBad); }) == "messi: texts.Nested.lines is not UTF-8\n");
  CHECK(spoiled([](auto& n) { (*n.mutable_keys())[kBad] = 1; }) ==
        "messi: texts.Nested.KeysEntry.key is not UTF-8\n");
  CHECK(spoiled([](auto& n) { (*n.mutable_values())[1] = kBad; }) ==
        "messi: texts.Nested.ValuesEntry.value is not UTF-8\n");
  CHECK(spoiled([](auto& n) { n.set_chosen(kBad); }) ==
        "messi: texts.Nested.chosen is not UTF-8\n");
  CHECK(spoiled([](auto& n) { n.mutable_flat()->set_text(kBad); }) ==
        "messi: texts.Flat.text is not UTF-8\n");
  CHECK(spoiled([](auto& n) { n.add_leaves()->set_text(kBad); }) ==
        "messi: texts.Nested.Leaf.text is not UTF-8\n");
  CHECK(spoiled([](auto& n) { n.set_maybe(kBad); }) == "messi: texts.Nested.maybe is not UTF-8\n");

  texts::Mixed mixed;
  mixed.mutable_flat()->set_text(kBad);
  CHECK(refusal(mixed) == "messi: texts.Flat.text is not UTF-8\n");
}

TEST_CASE("bytes, numbers, and strings of proto2 may hold anything", "[codec]") {
  texts::Numbers numbers;
  for (int bit = 0; bit < 63; ++bit) numbers.add_numbers(-(std::int64_t{1} << bit));
  numbers.set_data(kBad);
  CHECK(arrives(numbers));
  strict::Tree tree;
  tree.add_branches()->add_leaves(kBad);
  CHECK(arrives(tree));
  texts::Mixed mixed;
  *mixed.mutable_tree() = tree;
  CHECK(arrives(mixed));
  CHECK(arrives(flat(kGood)));
}

TEST_CASE("a broadcast of bad text goes to nobody, and says so", "[codec]") {
  World world;
  texts::Nested nested;
  nested.add_lines(kBad);
  CHECK(world.server.broadcast(flat("before")));
  CHECK(complaint([&] { CHECK_FALSE(world.server.broadcast(nested)); }) ==
        "messi: texts.Nested.lines is not UTF-8\n");
  CHECK(complaint([&] { CHECK_FALSE(world.server.broadcast(flat(kBad))); }) ==
        "messi: texts.Flat.text is not UTF-8\n");
  CHECK(world.server.broadcast(flat("after")));
  world.loop.run_until_idle();
  CHECK(world.client.connected());
  CHECK(world.client.lines == std::vector<std::string>{"before", "after"});
}

TEST_CASE("bad text of a lite message is refused too", "[codec]") {
  class LiteServer : public lite::LiteServer {
   public:
    using lite::LiteServer::LiteServer;
  };
  ManualLoop loop;
  LiteServer server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  lite::Note note;
  note.add_lines(kGood);
  CHECK(server.broadcast(note));
  messi::testing::RawClient client(loop, "tcp://localhost:6000");
  loop.run_until_idle();
  CHECK(server.broadcast(note));
  note.add_lines(kBad);
  CHECK(complaint([&] { CHECK_FALSE(server.broadcast(note)); }) ==
        "messi: lite.Note.lines is not UTF-8\n");
}

TEST_CASE("whatever the bytes are, looking for text in them ends", "[codec]") {
  // Groups and unknown fields, as what came from elsewhere may have them.
  const messi::codec::TextTable table("a.A\n 1 t\n 2 a 0\n");
  const auto is_bad = [&](const std::string& bytes) {
    return messi::codec::find_bad_text(table, 0, bytes).field != nullptr;
  };
  CHECK(is_bad("\x0a\x01\xff"));
  CHECK(is_bad("\x13\x0a\x01\xff\x14"));              // in a group
  CHECK(is_bad("\x1b\x0a\x01\xff\x1c\x0a\x01\xff"));  // behind an unknown group
  CHECK_FALSE(is_bad("\x1b\x0a\x01\xff\x1c"));        // in an unknown group
  CHECK_FALSE(is_bad("\x1b\x13\x0a\x01\xff\x14\x1c"));
  CHECK(is_bad("\x1a\x01\xff\x12\x03\x0a\x01\xff"));  // behind an unknown field
  CHECK(is_bad("\x12\x00\x0a\x01\xff"s));             // in another order
  for (const char* const broken : {"\xff", "\x0a\xff", "\x0a\x7f\xff", "\x09\xff", "\x0f\xff",
                                   "\x08\xff", "\x0d\xff", "\x0b\xff"}) {
    is_bad(broken);
  }
  is_bad(std::string(100'000, '\x13') + "\xff");
}

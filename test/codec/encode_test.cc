// What a sender writes is what protobuf would write for the wrapper message.

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "strict.messi.h"
#include "test/catch.h"
#include "test/codec/sender.h"
#include "test/support/chat.h"

using messi::test::Sender;
using messi::wire::Accepted;

namespace {

std::string sent(std::uint32_t field, const google::protobuf::MessageLite& message) {
  Sender sender;
  messi::codec::send(sender, field, message);
  CHECK(sender.refused.empty());
  return sender.payload();
}

strict::Tree random_tree(std::mt19937& random, int depth) {
  strict::Tree tree;
  for (std::size_t i = random() % 4; i > 0; --i) tree.add_leaves(std::string(random() % 200, 'l'));
  if (depth == 0) return tree;
  for (std::size_t i = random() % 4; i > 0; --i) {
    *tree.add_branches() = random_tree(random, depth - 1);
  }
  return tree;
}

}  // namespace

TEST_CASE("a message is encoded as its wrapper would be", "[codec]") {
  CHECK(sent(1, messi::test::connect_req("Erik")) == std::string("\x0a\x06\x0a\x04") + "Erik");
  CHECK(sent(1, chat::ConnectRsp()) == std::string("\x0a\x00", 2));

  for (const std::size_t size : {0u, 1u, 100u, 121u, 122u, 123u, 127u, 128u, 16'370u, 16'377u,
                                 16'378u, 16'383u, 16'384u, 100'000u, 2'097'140u, 2'097'152u}) {
    chat::ClientToServer wrapper;
    *wrapper.mutable_message_ind() = messi::test::message(std::string(size, 'x'));
    CHECK(sent(2, wrapper.message_ind()) == wrapper.SerializeAsString());
  }
}

TEST_CASE("nested messages in a field of two bytes of tag are encoded as their wrapper",
          "[codec]") {
  std::mt19937 random(1);
  for (int i = 0; i < 300; ++i) {
    strict::ServerToClient wrapper;
    *wrapper.mutable_tree() = random_tree(random, 4);
    CHECK(sent(17, wrapper.tree()) == wrapper.SerializeAsString());
  }
}

TEST_CASE("unknown fields that came with a message go on with it", "[codec]") {
  strict::Order order;
  const std::string bytes = std::string("\x0a\x01") + "a" + "\x9a\x01\x03xyz";
  REQUIRE(order.ParseFromString(bytes));
  strict::ServerToClient wrapper;
  *wrapper.mutable_order() = order;
  CHECK(sent(1, order) == wrapper.SerializeAsString());
  CHECK(sent(1, order).size() == bytes.size() + 2);
}

TEST_CASE("a message that lacks a required field is refused", "[codec]") {
  Sender sender;
  messi::codec::send(sender, 1, strict::Order());
  CHECK(sender.refused == std::vector<Accepted>{Accepted::kInvalid});
  CHECK(sender.payload().empty());
}

TEST_CASE("a message that is not accepted is not written", "[codec]") {
  Sender sender(1);
  messi::codec::send(sender, 1, chat::ConnectRsp());
  CHECK(sender.refused == std::vector<Accepted>{Accepted::kTooBig});
  CHECK(sender.payload().empty());
}

TEST_CASE("a message of who is not connected is not even looked at", "[codec]") {
  struct Nobody {
    messi::wire::Outbox* outbox() { return nullptr; }
  };
  Nobody nobody;
  messi::codec::send(nobody, 1, strict::Order());
  SUCCEED();
}

#include <algorithm>
#include <string>

#include "messi/codec/received.h"
#include "strict.pb.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"
#include "test/support/receive.h"

using messi::codec::Received;
using messi::test::allocations;
using messi::test::live_bytes;
using messi::test::payload_of;
using messi::test::receive;

namespace {

/// Protobuf allocates once, on the first use of a type, which is not to be counted.
void use_type_once() { static_cast<void>(strict::Tree().SpaceUsedLong()); }

/// Receives a payload and has no use for it.
bool deliver(Received& received, const std::string& payload) {
  return receive<strict::Tree>(received, payload, nullptr, [](const strict::Tree& /*message*/) {});
}

std::string tree_with_leaf(std::size_t size) {
  strict::Tree tree;
  tree.add_leaves(std::string(size, 'x'));
  return payload_of(tree.SerializeAsString());
}

/// `count` leaves, all empty but the one at `at`.
std::string tree_with_leaf_at(int count, int at, std::size_t size) {
  strict::Tree tree;
  for (int i = 0; i < count; ++i) tree.add_leaves(i == at ? std::string(size, 'x') : std::string());
  return payload_of(tree.SerializeAsString());
}

std::string tree_with_empty_branches(int count) {
  strict::Tree tree;
  for (int i = 0; i < count; ++i) tree.add_branches();
  return payload_of(tree.SerializeAsString());
}

}  // namespace

TEST_CASE("a reused message is delivered as it was sent", "[codec]") {
  Received received(1);
  for (const std::size_t size : {10u, 0u, 1'000'000u, 20u, 300u}) {
    const std::string bytes = tree_with_leaf(size);
    std::string seen;
    CHECK(receive<strict::Tree>(received, bytes, nullptr, [&](const strict::Tree& tree) {
      seen = payload_of(tree.SerializeAsString());
    }));
    CHECK(seen == bytes);
  }
}

TEST_CASE("what cannot be parsed is not delivered", "[codec]") {
  Received received(1);
  const auto never = [](const strict::Order& /*order*/) { FAIL(); };
  CHECK_FALSE(receive<strict::Order>(received, payload_of("\x0a\x05x"), nullptr, never));
  CHECK_FALSE(
      receive<strict::Order>(received, payload_of(""), nullptr, never));  // the article is required
}

TEST_CASE("receiving allocates nothing once the message has its usual size", "[codec]") {
  use_type_once();
  Received received(1);
  strict::Tree tree;
  for (int i = 0; i < 10; ++i) tree.add_branches()->add_leaves(std::string(100, 'x'));
  const std::string bytes = payload_of(tree.SerializeAsString());
  for (int i = 0; i < 3; ++i) deliver(received, bytes);
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) deliver(received, bytes);
  CHECK(allocations() == before);
}

TEST_CASE("a large message is let go at once", "[codec]") {
  use_type_once();
  Received received(1);
  const std::string small = tree_with_leaf(10);
  const std::string large = tree_with_leaf(5'000'000);
  deliver(received, small);
  const std::size_t before = live_bytes();
  deliver(received, large);
  CHECK(live_bytes() <= before + 1'000);
}

TEST_CASE("an unusually large message is let go after a while", "[codec]") {
  use_type_once();
  Received received(1);
  const std::string small = tree_with_leaf(10);
  const std::string large = tree_with_leaf(200'000);
  deliver(received, small);
  const std::size_t before = live_bytes();
  deliver(received, large);
  for (int i = 0; i < 100; ++i) deliver(received, small);
  CHECK(live_bytes() <= before + 1'000);
}

TEST_CASE("a message that is small as bytes and large in memory is let go", "[codec]") {
  use_type_once();
  Received received(1);
  const std::string plain = tree_with_leaf(200'000);
  const std::string swelling = tree_with_empty_branches(95'000);
  const std::size_t before = live_bytes();
  deliver(received, plain);
  for (int i = 0; i < 10; ++i) deliver(received, swelling);
  CHECK(live_bytes() - before < 1'000'000);
}

TEST_CASE("what many messages leave behind does not add up", "[codec]") {
  use_type_once();
  // Protobuf keeps the memory of each element: a large one at another place each time adds up.
  Received received(1);
  const std::size_t before = live_bytes();
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    deliver(received, tree_with_leaf_at(300, i, 100'000));
    most = std::max(most, live_bytes() - before);
  }
  CHECK(most < 2'000'000);
}

#include <algorithm>
#include <string>

#include "messi/codec/protobuf.h"
#include "strict.pb.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"

using messi::codec::Member;
using messi::codec::Reused;
using messi::test::allocations;
using messi::test::live_bytes;

namespace {

/// Protobuf allocates once, on the first use of a type, which is not to be counted.
void use_type_once() { static_cast<void>(strict::Tree().SpaceUsedLong()); }

/// Delivers and returns what the hook saw.
template <typename Message>
bool deliver(Reused<Message>& reused, const std::string& bytes) {
  return reused.deliver(Member{1, bytes}, [](const Message& /*message*/) {});
}

std::string tree_with_leaf(std::size_t size) {
  strict::Tree tree;
  tree.add_leaves(std::string(size, 'x'));
  return tree.SerializeAsString();
}

/// `count` leaves, all empty but the one at `at`.
std::string tree_with_leaf_at(int count, int at, std::size_t size) {
  strict::Tree tree;
  for (int i = 0; i < count; ++i) tree.add_leaves(i == at ? std::string(size, 'x') : std::string());
  return tree.SerializeAsString();
}

std::string tree_with_empty_branches(int count) {
  strict::Tree tree;
  for (int i = 0; i < count; ++i) tree.add_branches();
  return tree.SerializeAsString();
}

}  // namespace

TEST_CASE("a reused message is delivered as it was sent", "[codec]") {
  Reused<strict::Tree> reused;
  for (const std::size_t size : {10u, 0u, 1'000'000u, 20u, 300u}) {
    const std::string bytes = tree_with_leaf(size);
    std::string seen;
    CHECK(reused.deliver(Member{1, bytes},
                         [&](const strict::Tree& tree) { seen = tree.SerializeAsString(); }));
    CHECK(seen == bytes);
  }
}

TEST_CASE("what cannot be parsed is not delivered", "[codec]") {
  Reused<strict::Order> reused;
  const auto never = [](const strict::Order& /*order*/) { FAIL(); };
  CHECK_FALSE(reused.deliver(Member{1, "\x0a\x05x"}, never));
  CHECK_FALSE(reused.deliver(Member{1, ""}, never));  // the article is required
}

TEST_CASE("receiving allocates nothing once the message has its usual size", "[codec]") {
  use_type_once();
  Reused<strict::Tree> reused;
  strict::Tree tree;
  for (int i = 0; i < 10; ++i) tree.add_branches()->add_leaves(std::string(100, 'x'));
  const std::string bytes = tree.SerializeAsString();
  for (int i = 0; i < 3; ++i) deliver(reused, bytes);
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) deliver(reused, bytes);
  CHECK(allocations() == before);
}

TEST_CASE("a large message is let go at once", "[codec]") {
  use_type_once();
  Reused<strict::Tree> reused;
  const std::string small = tree_with_leaf(10);
  const std::string large = tree_with_leaf(5'000'000);
  deliver(reused, small);
  const std::size_t before = live_bytes();
  deliver(reused, large);
  CHECK(live_bytes() <= before + 1'000);
}

TEST_CASE("an unusually large message is let go after a while", "[codec]") {
  use_type_once();
  Reused<strict::Tree> reused;
  const std::string small = tree_with_leaf(10);
  const std::string large = tree_with_leaf(200'000);
  deliver(reused, small);
  const std::size_t before = live_bytes();
  deliver(reused, large);
  for (int i = 0; i < 100; ++i) deliver(reused, small);
  CHECK(live_bytes() <= before + 1'000);
}

TEST_CASE("a message that is small as bytes and large in memory is let go", "[codec]") {
  use_type_once();
  Reused<strict::Tree> reused;
  const std::string plain = tree_with_leaf(200'000);
  const std::string swelling = tree_with_empty_branches(95'000);
  const std::size_t before = live_bytes();
  deliver(reused, plain);
  for (int i = 0; i < 10; ++i) deliver(reused, swelling);
  CHECK(live_bytes() - before < 1'000'000);
}

TEST_CASE("what many messages leave behind does not add up", "[codec]") {
  use_type_once();
  // Protobuf keeps the memory of each element: a large one at another place each time adds up.
  Reused<strict::Tree> reused;
  const std::size_t before = live_bytes();
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    deliver(reused, tree_with_leaf_at(300, i, 100'000));
    most = std::max(most, live_bytes() - before);
  }
  CHECK(most < 2'000'000);
}

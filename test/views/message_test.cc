// Messages as structs: made, encoded, decoded, and kept.

#include "messi/views/message.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "parts/colour.messi.h"
#include "test/catch.h"
#include "theirs.pb.h"
#include "views.messi.h"

using messi::choose;
using messi::Owned;
using views::Everything;
using views::Linked;
using views::Shape;
using views::Tree;
using views::parts::Colour;

namespace {

template <typename T>
bool encodes(const T& message) {
  std::string bytes(messi::encoded_size(message), '\0');
  return messi::encode(message, reinterpret_cast<std::uint8_t*>(bytes.data())) != nullptr;
}

template <typename T>
std::string encoded(const T& message) {
  std::string bytes(messi::encoded_size(message), '\0');
  auto* const begin = reinterpret_cast<std::uint8_t*>(bytes.data());
  CHECK(messi::encode(message, begin) == begin + bytes.size());
  return bytes;
}

template <typename T>
T decoded(const std::string& bytes) {
  T message;
  REQUIRE(messi::decode(bytes, message));
  return message;
}

template <typename Theirs, typename T>
Theirs read_by_libprotobuf(const T& message) {
  Theirs theirs;
  REQUIRE(theirs.ParseFromString(encoded(message)));
  return theirs;
}

template <typename Range>
auto all(const Range& range) {
  return std::vector<typename Range::value_type>(range.begin(), range.end());
}

}  // namespace

TEST_CASE("a struct is sent with what it points at", "[views]") {
  const std::vector<std::int32_t> numbers = {1, -2, 300};
  const std::array<double, 2> doubles = {0.5, -1};
  const std::vector<std::string> strings = {"one", "", "three"};
  const std::vector<std::pair<std::string, std::int32_t>> counts = {{"a", 1}, {"b", 2}};
  const Colour colours[] = {Colour::GREEN, Colour::RED};
  Everything message;
  message.string = "text";
  message.sint32 = -5;
  message.colour = Colour::RED;
  message.maybe_bool = false;
  message.shape = Shape{7};
  message.doubles = doubles;
  message.int32s = numbers;
  message.strings = strings;
  message.colours = colours;
  message.counts = counts;

  const auto theirs = read_by_libprotobuf<theirs::Everything>(message);
  CHECK(theirs.string() == "text");
  CHECK(theirs.sint32() == -5);
  CHECK(theirs.colour() == theirs::parts::RED);
  CHECK(theirs.has_maybe_bool());
  CHECK_FALSE(theirs.has_maybe_double());
  CHECK(theirs.shape().id() == 7);
  CHECK(theirs.doubles_size() == 2);
  CHECK(theirs.int32s(1) == -2);
  CHECK(theirs.strings(2) == "three");
  CHECK(theirs.colours(0) == theirs::parts::GREEN);
  CHECK(theirs.counts().at("b") == 2);

  const std::string bytes = encoded(message);
  const auto back = decoded<Everything>(bytes);
  CHECK(back.string == "text");
  CHECK(back.maybe_bool == false);
  CHECK_FALSE(back.maybe_double);
  REQUIRE(back.shape);
  CHECK(back.shape->id == 7);
  CHECK(all(back.int32s) == numbers);
  CHECK(all(back.strings) == std::vector<std::string_view>{"one", "", "three"});
  CHECK(all(back.colours) == std::vector<Colour>{Colour::GREEN, Colour::RED});
  CHECK(back.counts.size() == 2);
  CHECK(back.counts.find("b") == 2);
  CHECK(back.counts.find("c") == std::nullopt);
  CHECK(encoded(back) == bytes);
}

TEST_CASE("what is given in braces lives until it is sent", "[views]") {
  CHECK(read_by_libprotobuf<theirs::Tree>(Tree{"root", {Tree{"left"}, Tree{"right"}}})
            .children(1)
            .label() == "right");
}

TEST_CASE("the elements of a struct's own range can be read like those of a received one",
          "[views]") {
  const std::vector<std::string> strings = {"one", "two"};
  const messi::Repeated<std::string_view> range = strings;
  CHECK(range.size() == 2);
  CHECK(all(range) == std::vector<std::string_view>{"one", "two"});
  CHECK(all(messi::Repeated<int>()).empty());
}

TEST_CASE("a oneof has one member at a time", "[views]") {
  using Case = Shape::KindCase;
  Shape shape{1, choose<Case::kName>("square")};
  CHECK(shape.kind.which() == Case::kName);
  REQUIRE(shape.kind.get<Case::kName>() != nullptr);
  CHECK(*shape.kind.get<Case::kName>() == "square");
  CHECK(shape.kind.get<Case::kNone_>() == nullptr);
  CHECK(read_by_libprotobuf<theirs::Shape>(shape).name() == "square");

  shape.kind.set<Case::kCircle>(Shape::Circle{2.5});
  const std::string bytes = encoded(shape);
  CHECK(decoded<Shape>(bytes).kind.get<Case::kCircle>()->radius == 2.5);

  shape.kind.set<Case::kNumber>(0);
  CHECK(read_by_libprotobuf<theirs::Shape>(shape).kind_case() == theirs::Shape::kNumber);
  shape.kind.clear();
  CHECK(shape.kind.which() == Case::kNone);

  // The last one counts.
  const auto last = decoded<Shape>(
      "\x1a\x01"
      "a"
      "\x2a\x01"
      "b");
  CHECK(last.kind.which() == Case::kNone_);
}

TEST_CASE("a message in one of its own kind is decoded when it is asked for", "[views]") {
  const Linked third{3};
  const Linked second{2, third};
  const std::string bytes = encoded(Linked{1, second});
  const auto first = decoded<Linked>(bytes);
  REQUIRE(first.next);
  const Linked next = *first.next;
  CHECK(next.value == 2);
  CHECK((*next.next).value == 3);
  CHECK_FALSE((*next.next).next);
  CHECK((*(*next.next).next).value == 0);
  CHECK(encoded(first) == bytes);
  CHECK(read_by_libprotobuf<theirs::Linked>(first).next().next().value() == 3);
}

TEST_CASE("elements are found among other fields, packed or not", "[views]") {
  // int32s is 203: its tags are 1624 and, packed, 1626.
  const std::string one = "\xd8\x0c\x05";
  const std::string run = "\xda\x0c\x02\x06\x07";
  const std::string empty_run = std::string("\xda\x0c\x00", 3);
  const std::string other = "\x72\x01z";
  const std::string fixed =
      "\xdd\x0c"
      "1234";  // another type, so not known
  const std::string bytes = other + one + empty_run + other + fixed + run + one + other;
  const auto message = decoded<Everything>(bytes);
  CHECK(message.int32s.size() == 4);
  CHECK(all(message.int32s) == std::vector<std::int32_t>{5, 6, 7, 5});
  CHECK(message.string == "z");
}

TEST_CASE("of a key that comes twice the last counts", "[views]") {
  using Entry = std::pair<std::string_view, std::int32_t>;
  const std::string bytes = encoded([] {
    static const Entry kEntries[] = {{"a", 1}, {"b", 2}, {"a", 3}};
    Everything message;
    message.counts = kEntries;
    return message;
  }());
  const auto message = decoded<Everything>(bytes);
  CHECK(message.counts.size() == 3);
  CHECK(message.counts.find("a") == 3);
  CHECK(read_by_libprotobuf<theirs::Everything>(message).counts().at("a") == 3);
}

TEST_CASE("an enum may have a number without a name", "[views]") {
  const auto message = decoded<Everything>("\x80\x01\x2a");
  CHECK(message.colour == static_cast<Colour>(42));
  CHECK(encoded(message) == "\x80\x01\x2a");
}

TEST_CASE("fields that are not known are in the original bytes", "[views]") {
  const std::string bytes = "\x08\x01\x98\x06\x05\x12\x04\x08\x02\x98\x06";
  Linked message;
  CHECK_FALSE(messi::decode(bytes, message));
  const std::string with_another = "\x08\x01\x98\x06\x05";
  const auto known = decoded<Linked>(with_another);
  CHECK(known.original_bytes == with_another);
  CHECK(encoded(known) == "\x08\x01");
}

TEST_CASE("a message that comes twice is refused, a number or text is not", "[views]") {
  Linked linked;
  CHECK_FALSE(messi::decode({"\x12\x00\x12\x00", 4}, linked));
  Everything message;
  CHECK_FALSE(messi::decode({"\x8a\x01\x00\x8a\x01\x00", 6}, message));
  Shape shape;
  CHECK_FALSE(messi::decode({"\x12\x00\x12\x00", 4}, shape));
  CHECK(messi::decode({"\x12\x00\x1a\x00\x12\x00", 6}, shape));
  CHECK(messi::decode("\x08\x01\x08\x02", shape));
  CHECK(shape.id == 2);
}

TEST_CASE("text that is not UTF-8 is neither decoded nor encoded, bytes may be anything",
          "[views]") {
  Everything message;
  CHECK_FALSE(messi::decode("\x72\x01\xff", message));
  CHECK_FALSE(messi::decode("\xb2\x0d\x01\xff", message));  // strings
  CHECK(messi::decode("\x7a\x01\xff", message));
  message = {};
  message.string = "\xff";
  CHECK_FALSE(encodes(message));
  const std::string_view bad[] = {"\xff"};
  message = {};
  message.strings = bad;
  CHECK_FALSE(encodes(message));
  message = {};
  message.bytes = "\xff";
  CHECK(encodes(message));
}

TEST_CASE("an owned message outlives the bytes that it came in", "[views]") {
  auto bytes = std::make_unique<std::string>(
      encoded(Tree{"root", {Tree{"left"}, Tree{"right", {Tree{"leaf"}}}}}));
  std::optional<Owned<Tree>> kept;
  {
    const auto message = decoded<Tree>(*bytes);
    kept.emplace(message);
  }
  bytes->assign(bytes->size(), '?');
  bytes.reset();
  CHECK((*kept)->label == "root");
  const Owned<Tree> copy = *kept;
  const Owned<Tree> moved = std::move(*kept);
  kept.reset();
  CHECK(all(copy->children).size() == 2);
  CHECK((*moved->children.begin()).label == "left");
  Owned<Tree> assigned(Tree{"other"});
  assigned = copy;
  CHECK(assigned->label == "root");
}

TEST_CASE("the well-known types come with the runtime", "[views]") {
  using messi::well_known::Value;
  Everything message;
  message.at = messi::well_known::Timestamp{1'700'000'000, 5};
  const std::vector<Value> values = {Value{choose<Value::KindCase::kBoolValue>(true)}, Value{}};
  const messi::well_known::ListValue list{values};
  message.value = Value{choose<Value::KindCase::kListValue>(list)};
  const auto theirs = read_by_libprotobuf<theirs::Everything>(message);
  CHECK(theirs.at().seconds() == 1'700'000'000);
  CHECK(theirs.at().nanos() == 5);
  CHECK(theirs.value().list_value().values(0).bool_value());
}

// Messages as structs become libprotobuf's, and JSON, and come back.

#include <google/protobuf/unknown_field_set.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/views_protobuf.h"
#include "test/catch.h"
#include "test/views/against_libprotobuf.h"
#include "theirs.pb.h"
#include "views.messi.h"

using Catch::Matchers::ContainsSubstring;
using messi::choose;
using messi::Converted;
using messi::from_json;
using messi::from_protobuf;
using messi::Owned;
using messi::to_json;
using messi::to_protobuf;
using views::Everything;
using views::Linked;
using views::Shape;
using views::Tree;

namespace {

template <typename Value>
std::string error_of(const Converted<Value>& converted) {
  REQUIRE(!converted);
  CHECK(static_cast<int>(converted.status().code()) == 3);  // kInvalidArgument
  return std::string(converted.status().message());
}

}  // namespace

TEST_CASE("a struct becomes libprotobuf's message", "[views]") {
  const Everything ours = [] {
    Everything message;
    message.string = "Gr\xc3\xbc\xc3\x9f";
    message.maybe_sint32 = -7;
    return message;
  }();
  const Converted<theirs::Everything> theirs = to_protobuf<theirs::Everything>(ours);
  REQUIRE(theirs.ok());
  CHECK(theirs->string() == "Gr\xc3\xbc\xc3\x9f");
  CHECK(theirs->maybe_sint32() == -7);
  CHECK(!theirs->has_maybe_double());
}

TEST_CASE("libprotobuf's message becomes a struct that owns its text", "[views]") {
  std::optional<Owned<Tree>> kept;
  {
    theirs::Tree theirs;
    theirs.set_label("a label that is longer than what a string holds in itself");
    theirs.add_children()->set_label("child");
    Converted<Owned<Tree>> ours = from_protobuf<Tree>(theirs);
    REQUIRE(ours.ok());
    kept = *std::move(ours);
  }
  CHECK((*kept)->label == "a label that is longer than what a string holds in itself");
  REQUIRE((*kept)->children.size() == 1);
  CHECK((*kept)->children.begin()->label == "child");
}

TEST_CASE("random messages come back as they went", "[views]") {
  messi::test::Random random(7);
  for (int i = 0; i < 300; ++i) {
    CAPTURE(i);
    theirs::Everything filled;
    messi::test::fill(filled, random, 4);
    theirs::Everything sent;  // whose maps have each key once
    REQUIRE(sent.ParseFromString(filled.SerializeAsString()));
    const auto ours = from_protobuf<Everything>(sent);
    REQUIRE(ours.ok());
    auto back = to_protobuf<theirs::Everything>(**ours);
    REQUIRE(back.ok());
    CHECK(messi::test::known_part(*back) == messi::test::known_part(sent));
  }
}

TEST_CASE("unknown fields are left out, in both directions", "[views]") {
  theirs::Shape sent;
  sent.set_id(5);
  sent.GetReflection()->MutableUnknownFields(&sent)->AddVarint(99, 1);
  const auto ours = from_protobuf<Shape>(sent);
  REQUIRE(ours.ok());
  CHECK((*ours)->id == 5);

  const std::string bytes = sent.SerializeAsString();
  Shape received;
  REQUIRE(messi::decode(bytes, received));
  const auto back = to_protobuf<theirs::Shape>(received);
  REQUIRE(back.ok());
  CHECK(back->id() == 5);
  CHECK(back->GetReflection()->GetUnknownFields(*back).empty());
}

TEST_CASE("what cannot be converted is an error that says why", "[views]") {
  Shape ours;
  ours.kind = choose<Shape::KindCase::kName>(std::string_view("\xff"));
  CHECK(error_of(to_protobuf<theirs::Shape>(ours)) == "theirs.Shape: a text is not UTF-8");
  CHECK(error_of(to_json<theirs::Shape>(ours)) == "theirs.Shape: a text is not UTF-8");

  theirs::Shape sent;
  messi::test::AgainstLibprotobuf quiet(1, 1);  // or libprotobuf prints that this is not UTF-8
  sent.set_name("\xff");
  CHECK_THAT(error_of(from_protobuf<Shape>(sent)), ContainsSubstring("theirs.Shape: it has text"));

  // Messages of other protos.
  theirs::Tree tree;
  tree.set_label("not a message");
  CHECK_THAT(error_of(from_protobuf<views::ClientToServer>(tree)),
             ContainsSubstring("not the message of the struct"));
  Tree labelled;
  labelled.label = "not a message";
  CHECK(error_of(to_protobuf<theirs::ClientToServer>(labelled)) ==
        "theirs.ClientToServer: the bytes of the struct are not such a message");
}

TEST_CASE("messages are converted as deep as they may be nested", "[views]") {
  for (const int levels : {100, 101}) {
    CAPTURE(levels);
    theirs::Linked top;
    theirs::Linked* at = &top;
    for (int i = 0; i < levels; ++i) at = at->mutable_next();
    at->set_value(42);
    const auto ours = from_protobuf<Linked>(top);
    REQUIRE(ours.ok() == (levels == 100));
    if (!ours) continue;
    const auto back = to_protobuf<theirs::Linked>(**ours);
    REQUIRE(back.ok());
    CHECK(back->SerializeAsString() == top.SerializeAsString());
  }
}

TEST_CASE("a struct becomes JSON", "[views]") {
  Everything ours;
  ours.string = "\"quoted\"";
  ours.at = messi::well_known::Timestamp{1, 500'000'000};
  const auto json = to_json<theirs::Everything>(ours);
  REQUIRE(json.ok());
  CHECK(*json == R"({"string":"\"quoted\"","at":"1970-01-01T00:00:01.500Z"})");

  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  Everything named;
  named.maybe_sint32 = 3;
  CHECK(*to_json<theirs::Everything>(named) == R"({"maybeSint32":3})");
  CHECK(*to_json<theirs::Everything>(named, options) == R"({"maybe_sint32":3})");
}

TEST_CASE("JSON becomes a struct that owns its text", "[views]") {
  std::optional<Owned<Shape>> kept;
  {
    const std::string json = R"({"id": 3, "inner": {"name": "a name that is not short at all"}})";
    Converted<Owned<Shape>> shape = from_json<Shape, theirs::Shape>(json);
    REQUIRE(shape.ok());
    kept = *std::move(shape);
  }
  CHECK((*kept)->id == 3);
  const auto* const inner = (*kept)->kind.get<Shape::KindCase::kInner>();
  REQUIRE(inner != nullptr);
  CHECK(*(**inner).kind.get<Shape::KindCase::kName>() == "a name that is not short at all");
}

TEST_CASE("JSON that is not of the message is an error with libprotobuf's words", "[views]") {
  for (const char* json : {"", "{", "[]", R"({"id": "x"})", R"({"name": "\ud800"})"}) {
    CAPTURE(json);
    CHECK_THAT(error_of(from_json<Shape, theirs::Shape>(json)),
               ContainsSubstring("theirs.Shape: INVALID_ARGUMENT"));
  }
  const std::string unknown = R"({"id": 3, "colour": "red"})";
  CHECK_THAT(error_of(from_json<Shape, theirs::Shape>(unknown)), ContainsSubstring("colour"));
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = true;
  const auto shape = from_json<Shape, theirs::Shape>(unknown, options);
  REQUIRE(shape.ok());
  CHECK((*shape)->id == 3);

  // An Any of a type that this program does not have.
  Everything any;
  any.any = messi::well_known::Any{"type.example/no.such.Type", "x"};
  CHECK_THAT(error_of(to_json<theirs::Everything>(any)), ContainsSubstring("no.such.Type"));
}

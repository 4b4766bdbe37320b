// What changes a fingerprint, and what does not. Other implementations compare themselves with the
// texts and numbers here.

#include "fingerprint.h"

#include <google/protobuf/compiler/parser.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema_reader.h"
#include "test/catch.h"

using namespace messi::plugin;

namespace {

/// The protocol of a proto.
struct Read {
  explicit Read(const std::string& proto) {
    google::protobuf::io::ArrayInputStream input(proto.data(), static_cast<int>(proto.size()));
    google::protobuf::io::Tokenizer tokenizer(&input, nullptr);
    google::protobuf::FileDescriptorProto file;
    REQUIRE(google::protobuf::compiler::Parser().Parse(&tokenizer, &file));
    file.set_name("acme/house.proto");
    const auto* const built = pool.BuildFile(file);
    REQUIRE(built != nullptr);
    schema = read_schema({built});
    Diagnostics diagnostics;
    protocol.emplace(read_protocol(schema, schema.files.back(), diagnostics).value());
  }

  google::protobuf::DescriptorPool pool;
  Schema schema;
  std::optional<Protocol> protocol;
};

/// A protocol whose client sends `Foo foo = 1`.
std::string with_foo(const std::string& foo, const std::string& more_members = {}) {
  return "syntax = 'proto3'; package acme;"
         "message ClientToServer { oneof messages { Foo foo = 1; " +
         more_members + " } } message ServerToClient { oneof messages { Bar bar = 1; } } " +
         "message Bar {} enum Colour { RED = 0; BLUE = 1; } " + foo;
}

std::string text(const std::string& proto) {
  const Read read(proto);
  return wire_text(read.protocol->client_to_server.message);
}

/// The text of a member's type.
std::string foo_text(const std::string& foo) {
  const Read read(with_foo(foo));
  return wire_text(read.protocol->client_to_server.members[0].type);
}

}  // namespace

TEST_CASE("FNV-1a is what its definition says", "[plugin]") {
  const auto is = [](std::string_view in, std::uint64_t high, std::uint64_t low) {
    const Fingerprint hash = fnv_128(in);
    return hash.high == high && hash.low == low;
  };
  CHECK(is("", 0x6c62272e07bb0142, 0x62b821756295c58d));
  CHECK(is("a", 0xd228cb696f1a8caf, 0x78912b704e4a8964));
  CHECK(is("foobar", 0x343e1662793c64bf, 0x6f0d3597ba446f18));
  CHECK(fnv_32("") == 0x811c9dc5);
  CHECK(fnv_32("a") == 0xe40c292c);
  CHECK(fnv_32("foobar") == 0xbf9cf968);
}

TEST_CASE("the text of a schema has what matters on the wire, by number", "[plugin]") {
  const std::string proto = with_foo(
      "message Foo { map<string, Leaf> leaves = 9; repeated int32 numbers = 4; Foo next = 2;"
      "  optional bool yes = 3; oneof either { Leaf leaf = 7; bytes data = 8; } Colour colour = 1; "
      "}"
      "message Leaf { sint64 value = 1; }",
      "Leaf leaf = 12;");
  CHECK(text(proto) ==
        "message 0\n"
        "1 single message 1\n"
        "12 single message 2\n"
        "message 1\n"
        "1 single enum\n"
        "2 single message 1\n"
        "3 single bool\n"
        "4 repeated int32\n"
        "7 single message 2\n"
        "8 single bytes\n"
        "9 repeated message 3\n"
        "message 2\n"
        "1 single sint64\n"
        "message 3\n"
        "1 single string\n"
        "2 single message 2\n");
  const Read read(proto);
  const Direction& up = read.protocol->client_to_server;
  CHECK(fingerprint(up).high == fnv_128(text(proto)).high);
  CHECK(fingerprint(up).low == fnv_128(text(proto)).low);
  CHECK(digest(up.members[1]) == fnv_32("message 0\n1 single sint64\n"));
  CHECK(name_on_wire(*read.protocol) == "acme");
}

TEST_CASE("what is not on the wire does not count", "[plugin]") {
  const std::string usual = foo_text("message Foo { int32 a = 1; repeated int32 b = 2; }");
  CHECK(usual == "message 0\n1 single int32\n2 repeated int32\n");
  for (const std::string same :
       {"message Foo { int32 other = 1; repeated int32 name = 2; }",
        "message Foo { repeated int32 b = 2; int32 a = 1; }",
        "message Foo { optional int32 a = 1; repeated int32 b = 2; }",
        "message Foo { oneof either { int32 a = 1; } repeated int32 b = 2; }",
        "message Foo { int32 a = 1 [deprecated = true, json_name = 'x'];"
        "  repeated int32 b = 2 [packed = false]; }",
        "message Foo { option deprecated = true; reserved 3, 4; reserved 'c'; int32 a = 1;"
        "  repeated int32 b = 2; message Unused { int32 z = 1; } }"}) {
    CHECK(foo_text(same) == usual);
  }
  CHECK(foo_text("message Foo { map<string, int32> a = 1; }") ==
        foo_text("message Foo { repeated Entry a = 1; }"
                 "message Entry { string k = 1; int32 v = 2; }"));
  CHECK(foo_text("message Foo { Colour a = 1; }") ==
        foo_text("message Foo { Other a = 1; } enum Other { NIL = 0; }"));
}

TEST_CASE("what is on the wire counts", "[plugin]") {
  const std::string usual = foo_text("message Foo { int32 a = 1; }");
  for (const std::string other :
       {"message Foo {}", "message Foo { int32 a = 2; }", "message Foo { uint32 a = 1; }",
        "message Foo { repeated int32 a = 1; }", "message Foo { Colour a = 1; }",
        "message Foo { int32 a = 1; int32 b = 2; }", "message Foo { Bar a = 1; }"}) {
    CHECK(foo_text(other) != usual);
  }
  const auto digest_of = [](const std::string& foo) {
    const Read read(with_foo(foo));
    return digest(read.protocol->client_to_server.members[0]);
  };
  CHECK(digest_of("message Foo { Sub a = 1; } message Sub { int32 b = 1; }") !=
        digest_of("message Foo { Sub a = 1; } message Sub { int32 b = 2; }"));
  const auto required = [](const std::string& label) {
    const Read read(
        "syntax = 'proto2'; message ClientToServer { oneof messages { Foo foo = 1; } }"
        "message ServerToClient { oneof messages { Foo foo = 1; } }"
        "message Foo { " +
        label + " int32 a = 1; }");
    CHECK(name_on_wire(*read.protocol) == "house");
    return wire_text(read.protocol->client_to_server.members[0].type);
  };
  CHECK(required("required") == "message 0\n1 required int32\n");
  CHECK(required("optional") == usual);
}

TEST_CASE("a member more changes the fingerprint of its direction, and no digest", "[plugin]") {
  const Read before(with_foo("message Foo {}"));
  const Read after(with_foo("message Foo {}", "Bar more = 2;"));
  const Direction& up = before.protocol->client_to_server;
  const Direction& longer = after.protocol->client_to_server;
  CHECK(fingerprint(up).low != fingerprint(longer).low);
  CHECK(digest(up.members[0]) == digest(longer.members[0]));
  CHECK(fingerprint(before.protocol->server_to_client).low ==
        fingerprint(after.protocol->server_to_client).low);
}

TEST_CASE("a member's other name changes nothing, its other type both", "[plugin]") {
  const Read before(with_foo("message Foo {}", "Foo more = 2;"));
  const Read renamed(with_foo("message Foo {}", "Foo other = 2;"));
  const Read changed(with_foo("message Foo {} message New { int32 a = 1; }", "New more = 2;"));
  const auto print = [](const Read& read) {
    return fingerprint(read.protocol->client_to_server).low;
  };
  const auto second = [](const Read& read) {
    return digest(read.protocol->client_to_server.members[1]);
  };
  CHECK(print(before) == print(renamed));
  CHECK(second(before) == second(renamed));
  CHECK(print(before) != print(changed));
  CHECK(second(before) != second(changed));
}

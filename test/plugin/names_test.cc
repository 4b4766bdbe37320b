#include "names.h"

#include "test/catch.h"

using namespace messi::plugin;

TEST_CASE("a protocol is named after its file", "[plugin]") {
  CHECK(base_name("chat.proto") == "chat");
  CHECK(base_name("acme/v1/my-protocol.proto") == "my-protocol");
  CHECK(base_name("chat.v2.proto") == "chat.v2");
  CHECK(base_name("chat.protodevel") == "chat");
  CHECK(base_name("proto") == "proto");
  CHECK(strip_proto("acme/chat.proto") == "acme/chat");
  CHECK(strip_proto(".proto") == ".proto");
}

TEST_CASE("all but letters and digits separates the words of a name", "[plugin]") {
  CHECK(pascal_case("my_protocol") == "MyProtocol");
  CHECK(pascal_case("my-protocol.v2") == "MyProtocolV2");
  CHECK(pascal_case("myProtocol") == "MyProtocol");
  CHECK(pascal_case("HTTP") == "HTTP");
  CHECK(pascal_case("__a__b__") == "AB");
  CHECK(pascal_case("2fast 4you") == "2fast4you");
  CHECK(pascal_case("grüße") == "GrE");
  CHECK(pascal_case("").empty());
}

TEST_CASE("an identifier begins with no digit", "[plugin]") {
  CHECK(is_identifier("chat_2"));
  CHECK(is_identifier("_"));
  CHECK_FALSE(is_identifier("2chat"));
  CHECK_FALSE(is_identifier("a-b"));
  CHECK_FALSE(is_identifier("grüße"));
  CHECK_FALSE(is_identifier(""));
}

TEST_CASE("a literal has any text", "[plugin]") {
  CHECK(literal("chat") == "\"chat\"");
  CHECK(literal("a\"b\\c\td\n\x7f\xc3\xa9") == "\"a\\\"b\\\\c\\011d\\n\\177\xc3\xa9\"");
}

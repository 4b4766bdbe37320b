#include "messi/base/harmless.h"

#include <string_view>

#include "test/catch.h"

using messi::harmless;

TEST_CASE("a text from the network may be printed", "[base]") {
  CHECK(harmless("") == "");
  CHECK(harmless("Gr\xc3\xbc\xc3\x9f"
                 "e, \xe4\xb8\x96 \xf0\x9f\x8c\x8d") == "Grüße, 世 🌍");
  CHECK(harmless("a\x1b[2Jb\r\nc\x7f") == "a?[2Jb??c?");
  CHECK(harmless(std::string_view("a\0b", 3)) == "a?b");
  CHECK(harmless("a\xc2\x9b[2J\xc2\x80\xc2\xa0") == "a?[2J?\xc2\xa0");  // C1; a space that is none
  CHECK(harmless("a\xff\xc3\xa9z") == "a???z");
  CHECK(harmless("\xc2") == "?");
}

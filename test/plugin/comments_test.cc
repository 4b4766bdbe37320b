#include "comments.h"

#include "test/catch.h"

using messi::plugin::clean_comment;
using messi::plugin::Comment;
using messi::plugin::format_comment;
using messi::plugin::join_comments;

TEST_CASE("a comment loses its empty ends and its shared indentation", "[plugin]") {
  CHECK(clean_comment(" One.\n") == Comment{"One."});
  CHECK(clean_comment("\n\n   One.\n     Two.  \n\n   Three.\n\n") ==
        Comment{"One.", "  Two.", "", "Three."});
  CHECK(clean_comment("").empty());
  CHECK(clean_comment(" \n\t\n").empty());
}

TEST_CASE("what is left of doxygen's markers is removed", "[plugin]") {
  CHECK(clean_comment("/ One.\n/\n/ Two.\n") == Comment{"One.", "", "Two."});
  CHECK(clean_comment("* One.\n Two. ") == Comment{"One.", "Two."});
  CHECK(clean_comment("/ One.\n and a / half.\n") == Comment{"/ One.", " and a / half."});
}

TEST_CASE("no line of a comment can swallow the next", "[plugin]") {
  CHECK(clean_comment(" a \\\n b \\ \\  \n c ?\?/\n d \\ ?\?/\\\n e \\ f\n") ==
        Comment{"a", "b", "c", "d", "e \\ f"});
}

TEST_CASE("comments hold neither controls nor broken UTF-8", "[plugin]") {
  CHECK(clean_comment(std::string(" a\tb\rc\vd\0e\x7f\n", 12)) == Comment{"a  bcde"});
  CHECK(clean_comment(" \xe2\x80\xae"
                      "evil\xe2\x81\xa6 ü 你 👋\n") == Comment{"evil ü 你 👋"});
  CHECK(clean_comment(" a\xff\xc3\n b\xe2\x80") == Comment{"a??", "b??"});
  CHECK(clean_comment(" \xc0\x80 \xed\xa0\x80 \xf4\x90\x80\x80\n") == Comment{"?? ??? ????"});
  CHECK(clean_comment(" \u07ff \u0800 \ud7ff \ue000 \U0010ffff\n") ==
        Comment{"\u07ff \u0800 \ud7ff \ue000 \U0010ffff"});
}

TEST_CASE("two comments are joined by a blank line", "[plugin]") {
  CHECK(join_comments({"a"}, {"b"}) == Comment{"a", "", "b"});
  CHECK(join_comments({}, {"b"}) == Comment{"b"});
  CHECK(join_comments({"a"}, {}) == Comment{"a"});
}

TEST_CASE("long lines are broken between words, and keep their indentation", "[plugin]") {
  CHECK(format_comment({"one two three", "", "  - four five six", "seven-eight-nine-ten"}, "//",
                       13) ==
        "// one two\n// three\n//\n//   - four\n//   five six\n// seven-eight-nine-ten\n");
  CHECK(format_comment({}, "//", 13).empty());
}

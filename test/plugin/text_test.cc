#include "text.h"

#include "test/catch.h"

using messi::plugin::Text;

namespace {

std::string emit(const std::vector<Text::Hole>& holes, std::string_view skeleton) {
  Text text;
  text.emit(holes, skeleton);
  return text.str();
}

}  // namespace

TEST_CASE("a skeleton loses the indentation that its lines share", "[plugin]") {
  CHECK(emit({}, R"(
    class A {
      int a;

    };
  )") == "class A {\n  int a;\n\n};\n");
}

TEST_CASE("holes within a line are filled, and two dollars are one", "[plugin]") {
  CHECK(emit({{"A", "x"}, {"B", "$A$"}}, R"(
    $A$ = $B$$A$ + "$$";
  )") == "x = $A$x + \"$\";\n");
}

TEST_CASE("a block keeps the indentation of its line and drops the semicolon", "[plugin]") {
  CHECK(emit({{"lines", "a;\nb;\n\nc;"}}, R"(
    {
      $lines$;
    }
  )") == "{\n  a;\n  b;\n\n  c;\n}\n");
}

TEST_CASE("skeletons nest", "[plugin]") {
  Text text;
  const auto emit_inner = [&] {
    for (const char* name : {"a", "b"}) {
      text.emit({{"name", name}, {"nothing", ""}}, R"(
        if ($name$) {
          $nothing$;
        }
      )");
    }
  };
  text.emit({{"inner", emit_inner}}, R"(
    {
      $inner$
    }
  )");
  CHECK(text.str() == "{\n  if (a) {\n  }\n  if (b) {\n  }\n}\n");
}

TEST_CASE("an empty block takes a blank line with it", "[plugin]") {
  const auto emit_with = [](std::string first, std::string second) {
    return emit({{"first", std::move(first)}, {"second", std::move(second)}}, R"(
      a

      $first$;

      $second$;
    )");
  };
  CHECK(emit_with("1", "2") == "a\n\n1\n\n2\n");
  CHECK(emit_with("", "2") == "a\n\n2\n");
  CHECK(emit_with("1", "") == "a\n\n1\n");
}

TEST_CASE("lines are printed as they are", "[plugin]") {
  Text text;
  text.emit({{"block", [&] { text.lines("$not$ a hole\n  indented\n"); }}}, R"(
    {
      $block$;
    }
  )");
  CHECK(text.str() == "{\n  $not$ a hole\n    indented\n}\n");
}

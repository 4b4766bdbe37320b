#include "diagnostics.h"

#include "test/catch.h"

using messi::plugin::Diagnostics;

TEST_CASE("errors are in the order of the files of the run, and of their places in each",
          "[plugin]") {
  Diagnostics diagnostics;
  diagnostics.error({"b.proto", 7, 1}, "third", "fix");
  diagnostics.error({"a.proto", 1, 1}, "fifth", "fix");
  diagnostics.error({"b.proto", 2, 9}, "second", "fix");
  diagnostics.error({"b.proto", 2, 3}, "first", "fix");
  diagnostics.error({"b.proto", 7, 1}, "fourth", "fix");
  CHECK(diagnostics.report() ==
        "5 errors\n"
        "b.proto:2:3: error: first; fix\n"
        "b.proto:2:9: error: second; fix\n"
        "b.proto:7:1: error: third; fix\n"
        "b.proto:7:1: error: fourth; fix\n"
        "a.proto:1:1: error: fifth; fix");
}

TEST_CASE("a place that is not known is left out", "[plugin]") {
  Diagnostics diagnostics;
  diagnostics.error({"a.proto"}, "wrong", "fix");
  CHECK(diagnostics.report() == "1 error\na.proto: error: wrong; fix");
  Diagnostics more;
  more.error({}, "wrong", "fix");
  diagnostics.add(more);
  CHECK(diagnostics.report() == "2 errors\na.proto: error: wrong; fix\nerror: wrong; fix");
}

#include "cpp/fit.h"

#include "test/catch.h"

using messi::plugin::cpp::fit;

namespace {

const std::string k20 = "aaaaaaaaaaaaaaaaaaaa";
const std::string k40 = k20 + k20;

}  // namespace

TEST_CASE("a function with one statement is on one line if that fits", "[plugin]") {
  CHECK(fit("void f() {\n  g();\n}\n") == "void f() { g(); }\n");
  CHECK(fit("  void f() {\n    g();\n  }\n") == "  void f() { g(); }\n");
  CHECK(fit("void " + k40 + "() {\n  " + k40 + k20 + "();\n}\n") ==
        "void " + k40 + "() {\n  " + k40 + k20 + "();\n}\n");
  CHECK(fit("void f() {\n  g();\n  h();\n}\n") == "void f() {\n  g();\n  h();\n}\n");
  CHECK(fit("template <typename T>\nvoid f() {\n  g();\n}\n") ==
        "template <typename T>\nvoid f() {\n  g();\n}\n");
  CHECK(fit("if (a()) {\n  g();\n}\n") == "if (a()) {\n  g();\n}\n");
}

TEST_CASE("parameters are joined, and aligned where they do not fit", "[plugin]") {
  CHECK(fit("void f(int a,\n       int b) {}\n") == "void f(int a, int b) {}\n");
  CHECK(fit("void f(" + k40 + " a, " + k40 + " b, int cd) {}\n") ==
        "void f(" + k40 + " a, " + k40 + " b,\n       int cd) {}\n");
}

TEST_CASE("functions that are const are as others", "[plugin]") {
  CHECK(fit("int f() const {\n  return 1;\n}\n") == "int f() const { return 1; }\n");
  CHECK(fit("int f(" + k40 + " a, " + k40 + " b, int cd) const;\n") ==
        "int f(" + k40 + " a, " + k40 + " b,\n      int cd) const;\n");
  CHECK(fit("int f(" + k40 + " a, " + k40 + " b, int c) const {\n  return f(a);\n}\n") ==
        "int f(" + k40 + " a, " + k40 + " b,\n      int c) const {\n  return f(a);\n}\n");
}

TEST_CASE("what cannot be aligned begins on a line of its own", "[plugin]") {
  CHECK(fit("  void " + k40 + "(const " + k40 + k20 + "& a) {}\n") ==
        "  void " + k40 + "(\n      const " + k40 + k20 + "& a) {}\n");
  CHECK(fit("  ::Reused<" + k40 + k20 + "> " + k40 + "_;\n") ==
        "  ::Reused<" + k40 + k20 + ">\n      " + k40 + "_;\n");
}

TEST_CASE("a type has a line of its own if the name does not fit behind it", "[plugin]") {
  CHECK(fit("inline ::" + k20 + " " + k40 + k40 + "(const int& a) {\n  return f(a);\n}\n") ==
        "inline ::" + k20 + "\n" + k40 + k40 + "(const int& a) {\n  return f(a);\n}\n");
}

TEST_CASE("comments and preprocessor lines stay as they are", "[plugin]") {
  const std::string code =
      "// a,\n#define b(c,\n/// void f() {\n///   g();\n/// }\n//" + k40 + k40 + k40 + "\n\n";
  CHECK(fit(code) == code);
}

TEST_CASE("clang-format is switched off where a name is too long for any line", "[plugin]") {
  const std::string line = "class " + k40 + k40 + k20 + " {};\n";
  CHECK(fit("\n" + line) == "// clang-format off\n\n" + line);
}

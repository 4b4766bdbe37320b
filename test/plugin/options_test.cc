#include "options.h"

#include "languages.h"
#include "test/catch.h"

using Catch::Matchers::ContainsSubstring;
using namespace messi::plugin;

namespace {

Options parse(std::string_view parameter) {
  Diagnostics diagnostics;
  Options options = parse_options(parameter, diagnostics);
  CHECK(diagnostics.empty());
  return options;
}

std::string errors(std::string_view parameter) {
  Diagnostics diagnostics;
  parse_options(parameter, diagnostics);
  CHECK_FALSE(diagnostics.empty());
  return diagnostics.report();
}

}  // namespace

TEST_CASE("without options both sides are generated in C++", "[plugin]") {
  const Options options = parse("");
  CHECK(options.language->name == "cpp");
  CHECK(options.client());
  CHECK(options.server());
  CHECK(options.class_prefix.empty());
  CHECK(options.header_extension == ".messi.h");
  CHECK(options.runtime_include_prefix.empty());
}

TEST_CASE("each option has its effect", "[plugin]") {
  CHECK_FALSE(parse("side=client").server());
  CHECK_FALSE(parse("side=server").client());
  CHECK(parse("side=both").server());
  CHECK(parse("lang=cpp").language->name == "cpp");
  CHECK(parse("class_prefix=Acme2").class_prefix == "Acme2");
  CHECK(parse("header_extension=.messi.hpp").header_extension == ".messi.hpp");
  CHECK(parse("runtime_include_prefix=deps/x").runtime_include_prefix == "deps/x/");
  CHECK(parse("runtime_include_prefix=deps/x/").runtime_include_prefix == "deps/x/");
  CHECK(parse(",side=client,,class_prefix=A,").class_prefix == "A");
}

TEST_CASE("an error names the option, what was given and what is allowed", "[plugin]") {
  CHECK(errors("side=sever") ==
        "1 error\nerror: option \"side\" is \"sever\"; write client, server or both");
  for (const char* name :
       {"side", "lang", "class_prefix", "header_extension", "runtime_include_prefix"}) {
    CHECK_THAT(errors("grpc=1"), ContainsSubstring(name));
    CHECK_THAT(errors(name), ContainsSubstring(std::string("option \"") + name + "\" is \"\""));
  }
  CHECK_THAT(errors("side=client,side=server"), ContainsSubstring("twice"));
}

TEST_CASE("values that would make no file or no class are refused", "[plugin]") {
  for (const char* parameter :
       {"header_extension=.pb.h", "header_extension=h", "header_extension=.",
        "header_extension=./x", "header_extension=.proto", "class_prefix=acme", "class_prefix=A_B",
        "class_prefix=2A", "runtime_include_prefix=<a>", "runtime_include_prefix=a b",
        "side=Client", "lang=C++"}) {
    CAPTURE(parameter);
    CHECK_THAT(errors(parameter), ContainsSubstring("1 error"));
  }
}

TEST_CASE("the help tells of every option", "[plugin]") {
  for (const char* name :
       {"side", "lang", "class_prefix", "header_extension", "runtime_include_prefix"}) {
    CHECK_THAT(options_help(), ContainsSubstring(std::string("  ") + name + "="));
  }
}

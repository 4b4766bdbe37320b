#include "request.h"

#include "cpp/cpp_options.h"
#include "test/catch.h"

using Catch::Matchers::ContainsSubstring;
using namespace messi::plugin;

namespace {

Request parse(std::string_view parameter) {
  Diagnostics diagnostics;
  Request request = parse_request(parameter, languages(), diagnostics);
  CHECK(diagnostics.empty());
  return request;
}

Options options(std::string_view parameter) { return parse(parameter).options; }

std::string errors(std::string_view parameter) {
  Diagnostics diagnostics;
  parse_request(parameter, languages(), diagnostics);
  CHECK_FALSE(diagnostics.empty());
  return diagnostics.report();
}

}  // namespace

TEST_CASE("without options both sides are generated in C++", "[plugin]") {
  const Request request = parse("");
  CHECK(request.language == "cpp");
  CHECK(request.options.client());
  CHECK(request.options.server());
  CHECK(request.options.class_prefix.empty());
}

TEST_CASE("each option has its effect", "[plugin]") {
  CHECK_FALSE(options("side=client").server());
  CHECK_FALSE(options("side=server").client());
  CHECK(options("side=both").server());
  CHECK(parse("lang=cpp").language == "cpp");
  CHECK(parse("lang=python").language == "python");
  CHECK(options("class_prefix=Acme2").class_prefix == "Acme2");
  CHECK(options(",side=client,,class_prefix=A,").class_prefix == "A");
}

TEST_CASE("each option of C++ has its effect", "[plugin]") {
  cpp::CppOptions options;
  const auto set = [all = cpp::options_for(options)](std::string_view name,
                                                     std::string_view value) {
    for (const Option& option : all) {
      if (option.name == name) CHECK(option.set(value));
    }
  };
  CHECK(options.header_extension == ".messi.h");
  CHECK(options.runtime_include_prefix.empty());
  set("header_extension", ".messi.hpp");
  set("runtime_include_prefix", "deps/x");
  CHECK(options.header_extension == ".messi.hpp");
  CHECK(options.runtime_include_prefix == "deps/x/");
  set("runtime_include_prefix", "deps/x/");
  CHECK(options.runtime_include_prefix == "deps/x/");
}

TEST_CASE("an option of one language is refused by the others, wherever they are named",
          "[plugin]") {
  const std::string error =
      "1 error\nerror: option \"header_extension\" was given with lang=python; it is for lang=cpp "
      "only";
  CHECK(errors("lang=python,header_extension=.h") == error);
  CHECK(errors("header_extension=.h,lang=python") == error);
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
    CHECK_THAT(options_help(languages()), ContainsSubstring(std::string("  ") + name + "="));
  }
}

#ifndef MESSI_TEST_FUZZ_PLUGIN_ANSWERS_H_
#define MESSI_TEST_FUZZ_PLUGIN_ANSWERS_H_

#include <google/protobuf/compiler/plugin.h>
#include <google/protobuf/compiler/plugin.pb.h>

#include <set>
#include <string>

#include "editions.h"
#include "generator.h"
#include "languages.h"
#include "test/fuzz/fuzzed_input.h"

namespace messi::fuzz {

/// The plugin's answer to a request. False if there is none: libprotobuf does not accept the
/// request, and `error` says why.
inline bool answer(const google::protobuf::compiler::CodeGeneratorRequest& request,
                   google::protobuf::compiler::CodeGeneratorResponse& response,
                   std::string& error) {
  const plugin::Generator generator(plugin::languages());
#if GOOGLE_PROTOBUF_VERSION < 5027000
  return plugin::generate_with_editions(generator, request, response, error);
#else
  return google::protobuf::compiler::GenerateCode(request, generator, &response, &error);
#endif
}

/// An answer is errors, or files with something in them.
inline void check_answer(const google::protobuf::compiler::CodeGeneratorResponse& response) {
  if (response.has_error()) {
    require(response.error().find("error: ") != std::string::npos, "an error says what is wrong");
    require(response.file_size() == 0, "there are errors or files, not both");
    return;
  }
  std::set<std::string> names;
  for (const auto& file : response.file()) {
    require(!file.name().empty() && !file.content().empty(), "a file has a name and a content");
    require(names.insert(file.name()).second, "no file is generated twice");
  }
}

}  // namespace messi::fuzz

#endif  // MESSI_TEST_FUZZ_PLUGIN_ANSWERS_H_

// Any bytes on the plugin's standard input get an answer: errors, files, or why the request is
// none.

#include <google/protobuf/compiler/plugin.pb.h>

#include <cstddef>
#include <cstdint>
#include <string>

#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/plugin_answers.h"
#include "test/fuzz/quiet.h"

using google::protobuf::compiler::CodeGeneratorRequest;
using google::protobuf::compiler::CodeGeneratorResponse;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  CodeGeneratorRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  CodeGeneratorResponse response;
  std::string error;
  if (!messi::fuzz::answer(request, response, error)) {
    messi::fuzz::require(!error.empty(), "a request that is refused is refused for a reason");
    return 0;
  }
  messi::fuzz::check_answer(response);
  return 0;
}

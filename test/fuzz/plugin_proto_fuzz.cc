// Any text that protoc's parser takes for a proto gets an answer from the plugin: errors with their
// places, or files. The options are what stands behind "// messi_opt: " in the first line.

#include <google/protobuf/compiler/importer.h>
#include <google/protobuf/compiler/plugin.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/common.h>

#include <cctype>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <string_view>

#include "messi/base/utf8.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/fuzz/plugin_answers.h"
#include "test/fuzz/quiet.h"

namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::compiler::CodeGeneratorRequest;
using google::protobuf::compiler::CodeGeneratorResponse;
using messi::is_utf8;
using messi::fuzz::require;

constexpr std::string_view kName = "fuzz.proto";
constexpr std::string_view kOptions = "// messi_opt: ";
// What a proto may import, apart from descriptor.proto.
constexpr std::string_view kOther =
    "syntax = \"proto3\"; package other; message Message { string text = 1; }"
    "message Outer { message Inner {} enum Kind { NONE = 0; } }";

#if GOOGLE_PROTOBUF_VERSION < 4022000
using Text = const std::string&;
#else
using Text = std::string_view;
#endif

class Sources final : public google::protobuf::compiler::SourceTree {
 public:
  explicit Sources(std::string_view text) : text_(text) {}

  google::protobuf::io::ZeroCopyInputStream* Open(Text name) override {
    if (name == kName) return stream(text_);
    if (name == "other.proto") return stream(kOther);
    return nullptr;
  }

 private:
  static google::protobuf::io::ZeroCopyInputStream* stream(std::string_view text) {
    return new google::protobuf::io::ArrayInputStream(text.data(), static_cast<int>(text.size()));
  }

  std::string_view text_;
};

class Errors final : public google::protobuf::compiler::MultiFileErrorCollector {
 public:
#if GOOGLE_PROTOBUF_VERSION < 4022000
  void AddError(Text /*file*/, int /*line*/, int /*column*/, Text /*problem*/) override {}
#else
  void RecordError(Text /*file*/, int /*line*/, int /*column*/, Text /*problem*/) override {}
#endif
};

/// As protoc does it: each file after those that it imports.
void add_files(const FileDescriptor& file, std::set<std::string>& added,
               CodeGeneratorRequest& request) {
  if (!added.insert(std::string(file.name())).second) return;
  for (int i = 0; i < file.dependency_count(); ++i) add_files(*file.dependency(i), added, request);
  auto* const proto = request.add_proto_file();
  file.CopyTo(proto);
  file.CopyJsonNameTo(proto);
  file.CopySourceCodeInfoTo(proto);
}

std::string_view options_in(std::string_view text) {
  if (text.substr(0, kOptions.size()) != kOptions) return "";
  text.remove_prefix(kOptions.size());
  return text.substr(0, text.find('\n'));
}

/// "3 errors", and then each of them with its place, or about an option.
void check_places(const std::string& report) {
  std::istringstream lines(report);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    if (line.rfind("error: option ", 0) == 0) continue;
    const std::string place = std::string(kName) + ":";
    if (line.rfind(place, 0) != 0) continue;  // the rest of what the line before quotes
    require(std::isdigit(static_cast<unsigned char>(line[place.size()])) != 0,
            "an error has a place");
  }
}

/// Nothing is cut in the middle of a character.
void check_utf8(const CodeGeneratorResponse& response) {
  require(is_utf8(response.error()), "errors about UTF-8 are UTF-8");
  for (const auto& each : response.file()) {
    require(is_utf8(each.content()), "what is generated from UTF-8 is UTF-8");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  messi::fuzz::silence_protobuf();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Sources sources(text);
  Errors errors;
  google::protobuf::compiler::Importer importer(&sources, &errors);
  const FileDescriptor* const file = importer.Import(std::string(kName));
  if (file == nullptr) return 0;

  CodeGeneratorRequest request;
  std::set<std::string> added;
  add_files(*file, added, request);
  request.add_file_to_generate(std::string(kName));
  request.set_parameter(std::string(options_in(text)));
  CodeGeneratorResponse response;
  std::string error;
  require(messi::fuzz::answer(request, response, error), "what protoc accepts gets an answer");
  messi::fuzz::check_answer(response);
  if (response.has_error()) check_places(response.error());
  if (is_utf8(text)) check_utf8(response);

  CodeGeneratorResponse again;
  require(messi::fuzz::answer(request, again, error), "the same request gets an answer again");
  require(again.SerializeAsString() == response.SerializeAsString(), "it gets the same answer");
  return 0;
}

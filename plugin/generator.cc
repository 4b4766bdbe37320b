#include "generator.h"

#include <google/protobuf/compiler/plugin.pb.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/zero_copy_stream.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "diagnostics.h"
#include "editions.h"
#include "names.h"
#include "protocol.h"
#include "request.h"
#include "schema_reader.h"

namespace messi::plugin {
namespace {

using google::protobuf::FileDescriptor;
using google::protobuf::compiler::GeneratorContext;
using google::protobuf::io::ZeroCopyOutputStream;

/// The releases 3.21 and its successors 22 (4.22), 27 (5.27), 36 (7.36) count in their second
/// number. Build systems other than protoc give no version: then we assume that the other
/// generators are of the release that we were built with.
int protobuf_release(const GeneratorContext& context) {
  google::protobuf::compiler::Version version;
  context.GetCompilerVersion(&version);
  return version.major() >= 3 ? version.minor() : GOOGLE_PROTOBUF_VERSION / 1000 % 1000;
}

bool write(const std::string& path, std::string_view text, GeneratorContext& context) {
  const std::unique_ptr<ZeroCopyOutputStream> stream(context.Open(path));
  while (!text.empty()) {
    void* data = nullptr;
    int space = 0;
    if (!stream->Next(&data, &space)) return false;
    const std::size_t size = std::min(static_cast<std::size_t>(space), text.size());
    std::memcpy(data, text.data(), size);
    text.remove_prefix(size);
    if (text.empty()) stream->BackUp(space - static_cast<int>(size));
  }
  return true;
}

}  // namespace

bool Generator::Generate(const FileDescriptor* file, const std::string& parameter,
                         GeneratorContext* context, std::string* error) const {
  return GenerateAll({file}, parameter, context, error);
}

bool Generator::GenerateAll(const std::vector<const FileDescriptor*>& files,
                            const std::string& parameter, GeneratorContext* context,
                            std::string* error) const {
  Diagnostics diagnostics;
  Request request = parse_request(parameter, languages_, diagnostics);
  request.options.protobuf_release = protobuf_release(*context);
  const Options& options = request.options;
  const Emitter& emitter = *request.emitter;

  const Schema schema = read_schema(files);
  std::vector<std::optional<Protocol>> protocols;
  for (const FileDescriptor* descriptor : files) {
    const File& file = *schema.find_file(to_string(descriptor->name()));
    protocols.push_back(read_protocol(schema, file, diagnostics));
    if (protocols.back()) emitter.check(*protocols.back(), options, diagnostics);
    emitter.check_file(file, options, diagnostics);
  }
  std::fputs(diagnostics.warnings().c_str(), stderr);
  if (!diagnostics.empty()) {
    *error = diagnostics.report();
    return false;
  }

  for (std::size_t i = 0; i < files.size(); ++i) {
    const File& file = *schema.find_file(to_string(files[i]->name()));
    const std::vector<Output> outputs =
        protocols[i] ? emitter.emit(*protocols[i], options) : emitter.emit_nothing(file, options);
    for (const Output& output : outputs) {
      if (!write(output.path, output.text, *context)) {
        *error = "cannot write " + output.path;
        return false;
      }
    }
  }
  return true;
}

#if GOOGLE_PROTOBUF_VERSION >= 5027000
google::protobuf::Edition Generator::GetMinimumEdition() const {
  return static_cast<google::protobuf::Edition>(kOldestEdition);
}

google::protobuf::Edition Generator::GetMaximumEdition() const {
  // The library that we were built with must know the edition too.
#if GOOGLE_PROTOBUF_VERSION >= 6030000
  const int known = google::protobuf::compiler::ProtocMaximumEdition();
#else
  const int known = google::protobuf::EDITION_2023;
#endif
  return static_cast<google::protobuf::Edition>(std::min(known, kNewestEdition));
}
#endif

}  // namespace messi::plugin

#ifndef MESSI_PLUGIN_GENERATOR_H_
#define MESSI_PLUGIN_GENERATOR_H_

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/stubs/common.h>

#include <cstdint>
#include <string>
#include <vector>

#include "languages.h"

namespace messi::plugin {

/// The interface to protoc: reads the protocols and gathers all errors of the run. If there are
/// none, it writes an output for every input.
class Generator : public google::protobuf::compiler::CodeGenerator {
 public:
  /// The languages must outlive the generator.
  explicit Generator(const Languages& languages) : languages_(languages) {}

  bool Generate(const google::protobuf::FileDescriptor* file, const std::string& parameter,
                google::protobuf::compiler::GeneratorContext* context,
                std::string* error) const override;

  bool GenerateAll(const std::vector<const google::protobuf::FileDescriptor*>& files,
                   const std::string& parameter,
                   google::protobuf::compiler::GeneratorContext* context,
                   std::string* error) const override;

#if GOOGLE_PROTOBUF_VERSION >= 5027000
  std::uint64_t GetSupportedFeatures() const override {
    return FEATURE_PROTO3_OPTIONAL | FEATURE_SUPPORTS_EDITIONS;
  }
  google::protobuf::Edition GetMinimumEdition() const override;
  google::protobuf::Edition GetMaximumEdition() const override;
#else
  // run_plugin() handles editions.
  std::uint64_t GetSupportedFeatures() const override { return FEATURE_PROTO3_OPTIONAL; }
#endif

 private:
  const Languages& languages_;
};

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_GENERATOR_H_

#ifndef MESSI_PLUGIN_EDITIONS_H_
#define MESSI_PLUGIN_EDITIONS_H_

#include <google/protobuf/compiler/code_generator.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/common.h>

#if GOOGLE_PROTOBUF_VERSION < 5027000
#include <google/protobuf/compiler/plugin.pb.h>

#include <string>
#endif

namespace messi::plugin {

// What editions set by features, and what proto2 and proto3 fix.

/// Whether the field is text whose parsers refuse what is not UTF-8.
bool must_be_utf8(const google::protobuf::FieldDescriptor& field);

/// Whether a single field can be absent.
bool has_presence(const google::protobuf::FieldDescriptor& field);

/// Whether a repeated field of numbers is one field on the wire.
bool is_packed(const google::protobuf::FieldDescriptor& field);

/// Whether a number that the enum does not have is an unknown field.
bool is_closed(const google::protobuf::EnumDescriptor& enumeration);

// The editions that were tested: proto2, which counts as one, to 2026.
constexpr int kOldestEdition = 998;
constexpr int kNewestEdition = 1002;

/// Answers protoc's request on standard input, like PluginMain. Before protobuf 27 PluginMain
/// refuses files with editions. A protocol looks the same in all of them, so this reads such files
/// as proto2. Returns the exit status.
int run_plugin(int argc, char* argv[], const google::protobuf::compiler::CodeGenerator& generator);

#if GOOGLE_PROTOBUF_VERSION < 5027000
/// The same without the streams. False if the request is malformed; then `error` says how.
bool generate_with_editions(const google::protobuf::compiler::CodeGenerator& generator,
                            google::protobuf::compiler::CodeGeneratorRequest request,
                            google::protobuf::compiler::CodeGeneratorResponse& response,
                            std::string& error);
#endif

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_EDITIONS_H_

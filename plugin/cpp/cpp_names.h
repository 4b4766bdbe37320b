#ifndef MESSI_PLUGIN_CPP_CPP_NAMES_H_
#define MESSI_PLUGIN_CPP_CPP_NAMES_H_

#include <string>
#include <string_view>
#include <vector>

#include "../options.h"
#include "../protocol.h"
#include "cpp_options.h"

namespace messi::plugin::cpp {

// Our names.

/// `acme/chat.proto` -> `acme/chat.messi.h`
std::string header_path(std::string_view proto_path, const CppOptions& options);

/// `chat.messi.h` -> `CHAT_MESSI_H_`. Different paths have different guards.
std::string include_guard(std::string_view header_path);

/// `my_protocol` -> `MyProtocolCodec`
std::string codec_class(const Protocol& protocol, const Options& options);

// Protobuf's names. `release` is that of the protobuf whose generated code has them.

/// `acme/chat.proto` -> `acme/chat.pb.h`
std::string protobuf_header(std::string_view proto_path);

/// A release that escapes all keywords, and few other names. Ours are like its own where messages
/// are structs of ours.
inline constexpr int kViewsRelease = 29;

/// Whether protobuf appends an underscore to the name.
bool is_keyword(std::string_view name, int release);

/// `acme.chat` -> `acme::chat`, empty without a package.
std::string namespace_name(std::string_view package, int release);

/// The release of protobuf that began to append underscores to names of most methods of its
/// classes.
inline constexpr int kEscapesMethods = 30;

/// Whether a message cannot have the name, since every class of protobuf has a member of that name.
bool is_method_of_messages(std::string_view name, int release);

/// Whether it is a type of C++'s library that protobuf's classes use without a namespace.
bool is_type_in_messages(std::string_view name, int release);

/// `chat.Outer.Inner` -> `::chat::Outer_Inner`
std::string qualified_class(const Message& type, int release);

/// The accessor: `connect_req` -> `connect_req`, `fooBar` -> `foobar`, `delete` -> `delete_`.
std::string accessor(std::string_view field_name, int release);

/// The value of messages_case(): `connect_req` -> `kConnectReq`
std::string case_constant(std::string_view field_name);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_NAMES_H_

#include "cpp_options.h"

#include <string_view>

#include "../names.h"

namespace messi::plugin::cpp {
namespace {

bool set_header_extension(std::string_view value, CppOptions& options) {
  const bool is_protobufs = value == ".pb.h" || value == ".pb.cc" || value == ".proto";
  const bool is_extension =
      value.size() > 1 && value.front() == '.' && consists_of_alnum(value, ".-_+");
  if (!is_extension || is_protobufs) return false;
  options.header_extension = value;
  return true;
}

bool set_runtime_include_prefix(std::string_view value, CppOptions& options) {
  if (value.empty() || !consists_of_alnum(value, ".-_+/")) return false;
  options.runtime_include_prefix = value;
  if (value.back() != '/') options.runtime_include_prefix += '/';
  return true;
}

bool set_messages(std::string_view value, CppOptions& options) {
  options.views = value == "views";
  return options.views || value == "libprotobuf";
}

bool set_client(std::string_view value, CppOptions& options) {
  options.device_calls = value == "device_with_calls" || value == "session_device_with_calls";
  options.device_sessions = value == "session_device" || value == "session_device_with_calls";
  options.device = value == "device" || options.device_sessions || options.device_calls;
  return options.device || value == "loop";
}

}  // namespace

std::vector<Option> options_for(CppOptions& options) {
  return {
      {"header_extension",
       "<.ext>",
       "what the header's name is to end with, a dot first, such as .messi.hpp",
       {"C++: the end of the header's name. Default: .messi.h."},
       [&options](std::string_view value) { return set_header_extension(value, options); }},
      {"runtime_include_prefix",
       "<path>",
       "a path of letters, digits and .-_+/",
       {"C++: put in front of the runtime's headers: with deps, they are included",
        "as \"deps/messi/client.h\"."},
       [&options](std::string_view value) { return set_runtime_include_prefix(value, options); }},
      {"messages",
       "libprotobuf|views",
       "libprotobuf or views",
       {"C++: what messages are: libprotobuf's classes, or structs with views into what",
        "was received, in the same header. Default: libprotobuf."},
       [&options](std::string_view value) { return set_messages(value, options); }},
      {"client",
       "loop|device|session_device|device_with_calls|session_device_with_calls",
       "loop, device, session_device, device_with_calls or session_device_with_calls",
       {"C++: what the client is: one on an event loop, one for devices, or one for devices",
        "with sessions, both also with calls. Those for devices need messages=views and are",
        "all that is generated. Default: loop."},
       [&options](std::string_view value) { return set_client(value, options); }},
  };
}

}  // namespace messi::plugin::cpp

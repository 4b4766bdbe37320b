#include "cpp_check.h"

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "../class_names.h"
#include "../names.h"
#include "../split.h"
#include "cpp_members.h"
#include "cpp_names.h"

namespace messi::plugin::cpp {
namespace {

/// Names that even protobuf's own C++ code cannot have as a namespace or class.
constexpr std::string_view kStd = "std";
constexpr std::string_view kStdMeaning = "the namespace of C++'s library";

void check_package(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  const File& file = protocol.file;
  const std::vector<std::string_view> parts = split(file.package, '.');
  for (const std::string_view view : parts) {
    const std::string part(view);
    if (part == kStd) {
      diagnostics.error(file.package_location,
                        "package " + in_quotes(file.package) + " has " + in_quotes(part) +
                            " in it, which is " + std::string(kStdMeaning),
                        "give the package another name");
    }
    // If protobuf escapes keywords, the namespace is another word.
    if (namespace_name(part, options.protobuf_release) != part) continue;
    if (!is_keyword(part, options.protobuf_release)) continue;
    diagnostics.error(file.package_location,
                      "package " + in_quotes(file.package) + " has the C++ keyword " +
                          in_quotes(part) + ", which protobuf's C++ code supports since release 27",
                      "give the package another name, or use a newer protobuf");
  }
  if (!parts.empty() && parts.front() == "messi") {
    diagnostics.error(file.package_location,
                      "package " + in_quotes(file.package) + " is in messi's own namespace",
                      "give the package another name, such as \"my." + file.package + '"');
  }
}

/// `ChatClient` -> `acme.chat.ChatClient`
std::string in_package(const File& file, const std::string& name) {
  return file.package.empty() ? name : file.package + '.' + name;
}

/// Whether protobuf's C++ code of the file declares a class, value or namespace of that name.
bool declares(const File& file, const std::string& full_name) {
  const auto any = [](const auto& things, const auto& is_it) {
    return std::any_of(things.begin(), things.end(), is_it);
  };
  const auto is_called_so = [&](const auto& each) { return each.full_name == full_name; };
  const auto has_value = [&](const Enum& each) {
    return any(each.values,
               [&](const EnumValue& value) { return in_package(file, value.name) == full_name; });
  };
  const auto is_class = [&](const Service& each) {
    return each.has_cpp_class && each.full_name == full_name;
  };
  return any(file.messages, is_called_so) || any(file.enums, is_called_so) ||
         any(file.enums, has_value) || any(file.extensions, is_called_so) ||
         any(file.services, is_class) || (file.package + '.').rfind(full_name + '.', 0) == 0;
}

void check_class(const Protocol& protocol, const std::string& name, Diagnostics& diagnostics) {
  const std::string full_name = in_package(protocol.file, name);
  const std::deque<File>& files = protocol.schema.files;
  const bool is_declared = std::any_of(files.begin(), files.end(),
                                       [&](const File& each) { return declares(each, full_name); });
  if (!is_declared) return;
  diagnostics.error(protocol.location(),
                    "the class " + in_quotes(name) +
                        " that is generated for this file has the name of " + in_quotes(full_name),
                    "give that or the file another name, or use --messi_opt=class_prefix=...");
}

void check_device(const Protocol& protocol, const Options& options, const CppOptions& cpp_options,
                  Diagnostics& diagnostics) {
  if (!cpp_options.device) return;
  const auto refuse = [&](const std::string& problem, const std::string& remedy) {
    const std::string client = std::string(cpp_options.device_sessions ? "session_" : "") +
                               "device" + (cpp_options.device_calls ? "_with_calls" : "");
    diagnostics.error({}, "option \"client\" is " + in_quotes(client) + ", and " + problem, remedy);
  };
  if (!cpp_options.views) {
    refuse("messages are libprotobuf's, which need a heap", "add messages=views");
  }
  if (!options.client()) refuse("there are no servers for devices", "remove side=server");
  if (cpp_options.device_calls && !has_pairs(protocol)) {
    refuse("no request of the protocol has a reply", "remove _with_calls");
  }
}

void check_classes(const Protocol& protocol, const Options& options, const CppOptions& cpp_options,
                   Diagnostics& diagnostics) {
  if (!check_class_base(protocol, options, diagnostics)) return;
  if (cpp_options.device) {
    return check_class(protocol, device_class(protocol, options), diagnostics);
  }
  if (options.client()) check_class(protocol, client_class(protocol, options), diagnostics);
  if (options.server()) {
    check_class(protocol, server_class(protocol, options), diagnostics);
    check_class(protocol, server_client_class(protocol, options), diagnostics);
  }
  check_class(protocol, codec_class(protocol, options), diagnostics);
}

/// Refuses a message or enum of the protocol's package that would hide what generated code uses.
void check_type(const Protocol& protocol, const std::string& name, std::string_view meaning,
                Diagnostics& diagnostics) {
  const std::string full_name = in_package(protocol.file, name);
  const auto check = [&](const Type& type) {
    if (type.full_name != full_name) return;
    diagnostics.error(type.location,
                      in_quotes(full_name) + " has the name of " + std::string(meaning),
                      "give it another name");
  };
  for (const File& file : protocol.schema.files) {
    for (const Message& message : file.messages) check(message);
    for (const Enum& enumeration : file.enums) check(enumeration);
  }
}

void check_types(const Protocol& protocol, Diagnostics& diagnostics) {
  check_type(protocol, std::string(kStd), kStdMeaning, diagnostics);
  if (!protocol.file.package.empty()) return;
  check_type(protocol, "messi", "messi's own namespace", diagnostics);
  check_type(protocol, "google", "protobuf's namespace", diagnostics);
  check_type(protocol, "absl", "the namespace of Abseil", diagnostics);
}

/// Whether protobuf's class of a direction already has this accessor.
bool is_of_the_oneof(const std::string& accessor) {
  return accessor == "messages_case" || accessor == "has_messages" || accessor == "clear_messages";
}

void check_members(const Direction& direction, const Options& options,
                   const CppOptions& cpp_options, Diagnostics& diagnostics) {
  const std::string& message = direction.message.name();
  const auto named = [&](const std::string& name) {
    return "member " + in_quotes(name) + " of " + message;
  };
  std::map<std::string, std::string> owners;
  for (const Member& member : direction.members) {
    const std::string method = accessor(member.field.name, options.protobuf_release);
    if (!cpp_options.views && is_of_the_oneof(method)) {
      diagnostics.error(member.field.location,
                        named(member.field.name) + " would get the accessor \"" + method +
                            "()\", which protobuf's class has already",
                        "give it another name");
    }
    std::vector<std::string> names = {case_constant(member.field.name)};
    if (!cpp_options.views) names = {method + "()", names.front(), "has_" + method + "()"};
    for (const std::string& name : names) {
      const auto [owner, is_new] = owners.emplace(name, member.field.name);
      if (is_new) continue;
      diagnostics.error(member.field.location,
                        named(member.field.name) + " and member " + in_quotes(owner->second) +
                            " are both " + in_quotes(name) + " in " +
                            (cpp_options.views ? "generated" : "protobuf's") + " C++ code",
                        "give one of them another name");
      break;
    }
  }
}

}  // namespace

void check(const Protocol& protocol, const Options& options_of_run, const CppOptions& cpp_options,
           Diagnostics& diagnostics) {
  Options options = options_of_run;
  if (cpp_options.views) options.protobuf_release = kViewsRelease;
  check_package(protocol, options, diagnostics);
  check_device(protocol, options, cpp_options, diagnostics);
  check_classes(protocol, options, cpp_options, diagnostics);
  check_types(protocol, diagnostics);
  check_words(protocol, options, cpp_options, diagnostics);
  check_members(protocol.client_to_server, options, cpp_options, diagnostics);
  check_members(protocol.server_to_client, options, cpp_options, diagnostics);
}

}  // namespace messi::plugin::cpp

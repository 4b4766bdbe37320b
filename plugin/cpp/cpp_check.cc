#include "cpp_check.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "../class_names.h"
#include "../descriptor_location.h"
#include "../names.h"
#include "cpp_members.h"
#include "cpp_names.h"
#include "macros.h"

namespace messi::plugin::cpp {
namespace {

/// The first part of `package`, and the rest in its place.
std::string_view take_part(std::string_view& package) {
  const std::size_t end = std::min(package.find('.'), package.size());
  const std::string_view part = package.substr(0, end);
  package.remove_prefix(std::min(end + 1, package.size()));
  return part;
}

/// What not even protobuf's own C++ code can have as a namespace or class.
constexpr std::string_view kStd = "std";
constexpr std::string_view kStdMeaning = "the namespace of C++'s library";

void check_package(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  std::string_view rest = protocol.package;
  while (!rest.empty()) {
    const std::string part(take_part(rest));
    if (part == kStd || is_object_macro(part)) {
      diagnostics.error(protocol.package_location,
                        "package " + in_quotes(protocol.package) + " has " + in_quotes(part) +
                            " in it, which is " +
                            (part == kStd ? std::string(kStdMeaning) : "a macro of C++'s library"),
                        "give the package another name");
    }
    if (is_gnu_macro(part)) {
      warn_of_gnu_macro(
          protocol.package_location,
          "package " + in_quotes(protocol.package) + " has " + in_quotes(part) + " in it, which",
          diagnostics);
    }
    // Where protobuf escapes keywords, the namespace is another word.
    if (namespace_name(part, options.protobuf_release) != part) continue;
    if (!is_keyword(part, options.protobuf_release)) continue;
    diagnostics.error(protocol.package_location,
                      "package " + in_quotes(protocol.package) + " has the C++ keyword " +
                          in_quotes(part) + ", which protobuf's C++ code supports since release 27",
                      "give the package another name, or use a newer protobuf");
  }
  rest = protocol.package;
  if (take_part(rest) == "messi") {
    diagnostics.error(protocol.package_location,
                      "package " + in_quotes(protocol.package) + " is in messi's own namespace",
                      "give the package another name, such as \"my." + protocol.package + '"');
  }
}

/// Whether protobuf's C++ code declares something called `full_name` in the package's namespace.
bool is_declared(const google::protobuf::DescriptorPool& pool, const std::string& full_name) {
  if (const auto* service = pool.FindServiceByName(full_name)) {
    return service->file()->options().cc_generic_services();
  }
  return pool.FindFileContainingSymbol(full_name) != nullptr;
}

void check_class(const Protocol& protocol, const std::string& name, Diagnostics& diagnostics) {
  const std::string full_name = protocol.package.empty() ? name : protocol.package + '.' + name;
  if (!is_declared(*protocol.file->pool(), full_name)) return;
  diagnostics.error(protocol.location,
                    "the class " + in_quotes(name) +
                        " that is generated for this file has the name of " + in_quotes(full_name),
                    "give that or the file another name, or use --messi_opt=class_prefix=...");
}

void check_classes(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  if (!check_class_base(protocol, options, diagnostics)) return;
  if (options.client()) check_class(protocol, client_class(protocol, options), diagnostics);
  if (options.server()) check_class(protocol, server_class(protocol, options), diagnostics);
  if (has_codec(protocol)) {
    check_class(protocol, codec_class(protocol, options), diagnostics);
  }
}

/// Refuses a message or enum of the protocol's package that would hide what generated code uses.
void check_type(const Protocol& protocol, const std::string& name, std::string_view meaning,
                Diagnostics& diagnostics) {
  const google::protobuf::DescriptorPool& pool = *protocol.file->pool();
  const std::string full_name = protocol.package.empty() ? name : protocol.package + '.' + name;
  const auto refuse = [&](const auto& type) {
    diagnostics.error(location_of(type),
                      in_quotes(full_name) + " has the name of " + std::string(meaning),
                      "give it another name");
  };
  if (const auto* message = pool.FindMessageTypeByName(full_name)) refuse(*message);
  if (const auto* enumeration = pool.FindEnumTypeByName(full_name)) refuse(*enumeration);
}

void check_types(const Protocol& protocol, Diagnostics& diagnostics) {
  check_type(protocol, std::string(kStd), kStdMeaning, diagnostics);
  if (!protocol.package.empty()) return;
  check_type(protocol, "messi", "messi's own namespace", diagnostics);
  check_type(protocol, "google", "protobuf's namespace", diagnostics);
  check_type(protocol, "absl", "the namespace of Abseil", diagnostics);
}

/// Whether the class that protobuf makes of a direction has this accessor already.
bool is_of_the_oneof(const std::string& accessor) {
  return accessor == "messages_case" || accessor == "has_messages" || accessor == "clear_messages";
}

void check_members(const Direction& direction, const Options& options, Diagnostics& diagnostics) {
  const std::string message = direction.message.scope.back();
  const auto named = [&](const std::string& name) {
    return "member " + in_quotes(name) + " of " + message;
  };
  std::map<std::string, std::string> owners;
  for (const Member& member : direction.members) {
    const std::string method = accessor(member.name, options.protobuf_release);
    if (is_of_the_oneof(method)) {
      diagnostics.error(member.location,
                        named(member.name) + " would get the accessor \"" + method +
                            "()\", which protobuf's class has already",
                        "give it another name");
    }
    for (const std::string& name :
         {method + "()", case_constant(member.name), "has_" + method + "()"}) {
      const auto [owner, is_new] = owners.emplace(name, member.name);
      if (is_new) continue;
      diagnostics.error(member.location,
                        named(member.name) + " and member " + in_quotes(owner->second) +
                            " are both " + in_quotes(name) + " in protobuf's C++ code",
                        "give one of them another name");
      break;
    }
  }
}

}  // namespace

void check(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  check_package(protocol, options, diagnostics);
  check_classes(protocol, options, diagnostics);
  check_types(protocol, diagnostics);
  check_words(protocol, options, diagnostics);
  check_members(protocol.client_to_server, options, diagnostics);
  check_members(protocol.server_to_client, options, diagnostics);
}

}  // namespace messi::plugin::cpp

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "../descriptor_location.h"
#include "../names.h"
#include "cpp_check.h"
#include "cpp_names.h"
#include "macros.h"

namespace messi::plugin::cpp {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;

/// Goes through all names that are names in protobuf's C++ code too, and might not compile there.
class WordsCheck {
 public:
  WordsCheck(const Options& options, Diagnostics& diagnostics)
      : options_(options), diagnostics_(diagnostics) {}

  void check(const FileDescriptor& file) {
    if (!seen_.insert(&file).second || is_protobufs(file)) return;
    for (int i = 0; i < file.dependency_count(); ++i) {
      check(*file.dependency(i));
      check_package(*file.dependency(i));
    }
    for (int i = 0; i < file.message_type_count(); ++i) check(*file.message_type(i));
    for (int i = 0; i < file.enum_type_count(); ++i) check(*file.enum_type(i));
    for (int i = 0; i < file.extension_count(); ++i) check_extension(*file.extension(i));
  }

 private:
  static bool is_protobufs(const FileDescriptor& file) {
    return to_string(file.name()).rfind("google/protobuf/", 0) == 0;
  }

  /// Of an import: the protocol's own is checked by others.
  void check_package(const FileDescriptor& file) {
    const std::string package = to_string(file.package());
    std::string_view rest = package;
    while (!rest.empty()) {
      const std::string part(rest.substr(0, rest.find('.')));
      rest.remove_prefix(std::min(rest.size(), part.size() + 1));
      if (!is_object_macro(part) && !is_gnu_macro(part)) continue;
      google::protobuf::SourceLocation place;
      const bool is_known =
          file.GetSourceLocation({FileDescriptorProto::kPackageFieldNumber}, &place);
      const Location location =
          is_known ? to_location(file, place) : Location{to_string(file.name())};
      const std::string what =
          "package " + in_quotes(package) + " has " + in_quotes(part) + " in it, which";
      if (is_gnu_macro(part)) {
        warn_of_gnu_macro(location, what, diagnostics_);
      } else {
        diagnostics_.error(location, what + " is a macro of C++'s library",
                           "give the package another name");
      }
    }
  }

  void check(const Descriptor& message) {
    const std::string name = to_string(message.name());
    // A nested class has the names of those around it in front.
    const bool is_nested = message.containing_type() != nullptr;
    if (is_replaced(name, !is_nested)) refuse(message, "message " + in_quotes(name), name);
    check_scope(message, "message", name, /*in_class=*/true);
    for (int i = 0; i < message.field_count(); ++i) check_field(*message.field(i));
    for (int i = 0; i < message.nested_type_count(); ++i) check(*message.nested_type(i));
    for (int i = 0; i < message.enum_type_count(); ++i) check(*message.enum_type(i));
    for (int i = 0; i < message.extension_count(); ++i) check_extension(*message.extension(i));
  }

  void check(const EnumDescriptor& enumeration) {
    const std::string name = to_string(enumeration.name());
    const bool is_nested = enumeration.containing_type() != nullptr;
    if (is_replaced(name, false)) refuse(enumeration, "enum " + in_quotes(name), name);
    check_scope(enumeration, "enum", name, is_nested);
    for (int i = 0; i < enumeration.value_count(); ++i) {
      const std::string value = to_string(enumeration.value(i)->name());
      if (is_replaced(value, false)) {
        refuse(*enumeration.value(i), "value " + in_quotes(value) + " of enum " + name, value);
      }
      check_scope(*enumeration.value(i), "value", value, is_nested);
    }
  }

  void check_field(const FieldDescriptor& field) {
    const std::string method = accessor(to_string(field.name()), options_.protobuf_release);
    check_scope(field, "field", method, /*in_class=*/true);
    if (!is_replaced(method, true)) return;
    refuse(field,
           "field " + in_quotes(to_string(field.name())) + " of " +
               to_string(field.containing_type()->name()) + " gets the accessor \"" + method +
               "()\", which",
           method);
  }

  void check_extension(const FieldDescriptor& extension) {
    const std::string name = to_string(extension.name());
    if (is_replaced(name, true)) refuse(extension, "extension " + in_quotes(name), name);
  }

  /// Refuses what protobuf's own classes have, or name.
  template <typename AnyDescriptor>
  void check_scope(const AnyDescriptor& descriptor, const std::string& kind,
                   const std::string& name, bool in_class) {
    const int release = options_.protobuf_release;
    const bool is_method = is_taken(kind, name, in_class, release);
    if (!is_method && !is_type_in_messages(name, release)) return;
    const std::string escaped = kind == "field" ? accessor(name, kEscapesMethods) : name;
    diagnostics_.error(location_of(descriptor),
                       kind + ' ' + in_quotes(to_string(descriptor.name())) + " has the name of " +
                           (is_method ? "something that every class of protobuf's has"
                                      : "a type that protobuf's C++ code uses"),
                       is_taken(kind, escaped, in_class, kEscapesMethods)
                           ? "give it another name"
                           : "give it another name, or use protobuf 30 or newer");
  }

  static bool is_taken(const std::string& kind, const std::string& name, bool in_class,
                       int release) {
    // `arena` is what constructors call their parameter.
    return (in_class && is_method_of_messages(name, release)) ||
           (kind == "message" && name == "arena");
  }

  /// Protobuf puts underscores behind keywords, of which some are macros.
  bool is_replaced(const std::string& name, bool before_parenthesis) const {
    if (is_keyword(name, options_.protobuf_release)) return false;
    return is_object_macro(name) || is_gnu_macro(name) ||
           (before_parenthesis && is_function_macro(name));
  }

  template <typename AnyDescriptor>
  void refuse(const AnyDescriptor& descriptor, const std::string& what, const std::string& macro) {
    if (is_gnu_macro(macro)) {
      warn_of_gnu_macro(location_of(descriptor), what, diagnostics_);
      return;
    }
    diagnostics_.error(location_of(descriptor),
                       what + " is a macro of C++'s library or the system's headers",
                       "give it another name");
  }

  const Options& options_;
  Diagnostics& diagnostics_;
  std::set<const FileDescriptor*> seen_;
};

}  // namespace

void check_words(const Protocol& protocol, const Options& options, Diagnostics& diagnostics) {
  WordsCheck(options, diagnostics).check(*protocol.file);
}

void warn_of_gnu_macro(const Location& location, const std::string& what,
                       Diagnostics& diagnostics) {
  diagnostics.warning(location, what + " is a macro of compilers, unless they are told -std=c++17",
                      "compile with that (in CMake, CXX_EXTENSIONS OFF), or with -Ulinux -Uunix");
}

}  // namespace messi::plugin::cpp

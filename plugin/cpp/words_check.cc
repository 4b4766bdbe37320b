#include <set>
#include <string>
#include <string_view>

#include "../names.h"
#include "../split.h"
#include "cpp_check.h"
#include "cpp_names.h"
#include "macros.h"

namespace messi::plugin::cpp {
namespace {

/// Checks all names that are also names in protobuf's C++ code, and might not compile there.
class WordsCheck {
 public:
  WordsCheck(const Options& options, bool views, Diagnostics& diagnostics)
      : options_(options), views_(views), diagnostics_(diagnostics) {}

  void check(const File& file) {
    if (!seen_.insert(&file).second || is_protobufs(file)) return;
    check_package(file);
    for (const File* import : file.imports) check(*import);
    for (const Message& message : file.messages) check(message);
    for (const Enum& enumeration : file.enums) check(enumeration);
    for (const Extension& extension : file.extensions) check(extension);
  }

 private:
  static bool is_protobufs(const File& file) { return file.path.rfind("google/protobuf/", 0) == 0; }

  void check_package(const File& file) {
    for (const std::string_view view : split(file.package, '.')) {
      const std::string part(view);
      if (!is_object_macro(part) && !is_gnu_macro(part)) continue;
      const std::string what =
          "package " + in_quotes(file.package) + " has " + in_quotes(part) + " in it, which";
      if (is_gnu_macro(part)) {
        warn_of_gnu_macro(file.package_location, what, diagnostics_);
      } else {
        diagnostics_.error(file.package_location, what + " is a macro of C++'s library",
                           "give the package another name");
      }
    }
  }

  void check(const Message& message) {
    // The name of a nested class begins with the names of those around it.
    const bool is_nested = message.parent != nullptr;
    refuse_macro(message, "message " + in_quotes(message.name()), message.name(), !is_nested);
    check_scope(message, "message", message.name(), message.name(), /*in_class=*/true);
    for (const Field& field : message.fields) check(field, message);
    for (const Message& nested : message.messages) check(nested);
    for (const Enum& enumeration : message.enums) check(enumeration);
    for (const Extension& extension : message.extensions) check(extension);
  }

  void check(const Enum& enumeration) {
    const std::string& name = enumeration.name();
    const bool is_nested = enumeration.parent != nullptr;
    refuse_macro(enumeration, "enum " + in_quotes(name), name, false);
    check_scope(enumeration, "enum", name, name, is_nested);
    for (const EnumValue& value : enumeration.values) {
      refuse_macro(value, "value " + in_quotes(value.name) + " of enum " + name, value.name, false);
      check_scope(value, "value", value.name, value.name, is_nested);
    }
  }

  void check(const Field& field, const Message& message) {
    if (views_) {
      refuse_macro(field, "field " + in_quotes(field.name) + " of " + message.name(), field.name,
                   false);
      return;
    }
    const std::string method = accessor(field.name, options_.protobuf_release);
    check_scope(field, "field", field.name, method, /*in_class=*/true);
    refuse_macro(field,
                 "field " + in_quotes(field.name) + " of " + message.name() +
                     " gets the accessor \"" + method + "()\", which",
                 method, true);
  }

  void check(const Extension& extension) {
    refuse_macro(extension, "extension " + in_quotes(extension.name), extension.name, true);
  }

  /// Refuses what protobuf's own classes have or use; `name` is the name in C++.
  void check_scope(const Element& at, const std::string& kind, const std::string& proto_name,
                   const std::string& name, bool in_class) {
    if (views_) return;
    const int release = options_.protobuf_release;
    const bool is_method = is_taken(kind, name, in_class, release);
    if (!is_method && !is_type_in_messages(name, release)) return;
    const std::string escaped = kind == "field" ? accessor(name, kEscapesMethods) : name;
    diagnostics_.error(at.location,
                       kind + ' ' + in_quotes(proto_name) + " has the name of " +
                           (is_method ? "something that every class of protobuf's has"
                                      : "a type that protobuf's C++ code uses"),
                       is_taken(kind, escaped, in_class, kEscapesMethods)
                           ? "give it another name"
                           : "give it another name, or use protobuf 30 or newer");
  }

  static bool is_taken(const std::string& kind, const std::string& name, bool in_class,
                       int release) {
    // `arena` is the name of a parameter of constructors.
    return (in_class && is_method_of_messages(name, release)) ||
           (kind == "message" && name == "arena");
  }

  void refuse_macro(const Element& at, const std::string& what, const std::string& name,
                    bool before_parenthesis) {
    // protobuf appends underscores to keywords, and some of these are macros.
    if (is_keyword(name, options_.protobuf_release)) return;
    if (is_gnu_macro(name)) {
      warn_of_gnu_macro(at.location, what, diagnostics_);
    } else if (is_object_macro(name) || (before_parenthesis && is_function_macro(name))) {
      diagnostics_.error(at.location, what + " is a macro of C++'s library or the system's headers",
                         "give it another name");
    }
  }

  const Options& options_;
  const bool views_;
  Diagnostics& diagnostics_;
  std::set<const File*> seen_;
};

}  // namespace

void check_words(const Protocol& protocol, const Options& options, const CppOptions& cpp_options,
                 Diagnostics& diagnostics) {
  WordsCheck(options, cpp_options.views, diagnostics).check(protocol.file);
}

void warn_of_gnu_macro(const Location& location, const std::string& what,
                       Diagnostics& diagnostics) {
  diagnostics.warning(location, what + " is a macro of compilers, unless they are told -std=c++17",
                      "compile with that (in CMake, CXX_EXTENSIONS OFF), or with -Ulinux -Uunix");
}

}  // namespace messi::plugin::cpp

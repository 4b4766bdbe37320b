#ifndef MESSI_PLUGIN_CPP_MACROS_H_
#define MESSI_PLUGIN_CPP_MACROS_H_

#include <string_view>

namespace messi::plugin::cpp {

// The macros of the headers that every generated header includes: those of C++ and the system,
// protobuf and Abseil. It is a list, since a plugin does not know what headers define; a test
// compares it with what they define here.

/// Whether the name is a macro that is always replaced: `EOF`, `NAN`, `errno`.
bool is_object_macro(std::string_view name);

/// Whether it is a macro that is replaced only before a parenthesis: `assert`, `va_end`.
bool is_function_macro(std::string_view name);

/// Whether it is one that g++ and clang++ have with -std=gnu++17, but not with -std=c++17.
bool is_gnu_macro(std::string_view name);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_MACROS_H_

#ifndef MESSI_PLUGIN_CPP_MACROS_H_
#define MESSI_PLUGIN_CPP_MACROS_H_

#include <string_view>

namespace messi::plugin::cpp {

// Of the headers that every generated header includes: C++'s and the system's, protobuf's and
// Abseil's. A list, since what headers define is not known to a plugin; a test compares it with
// what they define here.

/// Whether the name is a macro that is replaced wherever it stands: `EOF`, `NAN`, `errno`.
bool is_object_macro(std::string_view name);

/// Whether it is one that is replaced in front of a parenthesis: `assert`, `va_end`.
bool is_function_macro(std::string_view name);

/// Whether it is one that g++ and clang++ have with -std=gnu++17, but not with -std=c++17.
bool is_gnu_macro(std::string_view name);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_MACROS_H_

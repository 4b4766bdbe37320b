#ifndef MESSI_PLUGIN_CPP_CPP_CHECK_H_
#define MESSI_PLUGIN_CPP_CPP_CHECK_H_

#include <string>

#include "../diagnostics.h"
#include "../options.h"
#include "../protocol.h"
#include "cpp_options.h"

namespace messi::plugin::cpp {

/// Refuses a legal protocol that would not compile: names that C++, or protobuf's own C++ code,
/// cannot have.
void check(const Protocol& protocol, const Options& options, const CppOptions& cpp_options,
           Diagnostics& diagnostics);

/// The part of it for single words, in the protocol's file and all that it imports.
void check_words(const Protocol& protocol, const Options& options, const CppOptions& cpp_options,
                 Diagnostics& diagnostics);

/// Warns that `what`, such as `field "linux" of Versions`, is by default a macro of compilers.
void warn_of_gnu_macro(const Location& location, const std::string& what, Diagnostics& diagnostics);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_CHECK_H_

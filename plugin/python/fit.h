#ifndef MESSI_PLUGIN_PYTHON_FIT_H_
#define MESSI_PLUGIN_PYTHON_FIT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace messi::plugin::python {

constexpr std::size_t kColumns = 100;

/// Breaks lines of generated code that are too long, where Python's formatters would break them. It
/// knows what the emitter prints on one line: `def` and `class` with their parentheses, and calls
/// that are statements.
std::string fit(std::string_view code);

}  // namespace messi::plugin::python

#endif  // MESSI_PLUGIN_PYTHON_FIT_H_

#ifndef MESSI_PLUGIN_CPP_FIT_H_
#define MESSI_PLUGIN_CPP_FIT_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace messi::plugin::cpp {

constexpr std::size_t kColumns = 100;

/// Formats the emitter's code as clang-format does: the length of a line depends on the schema.
///
/// It knows the shapes that the emitter prints, and leaves all else as it is:
///
/// - A line that ends with a comma goes on in the next one, unless it is a value of an enum.
/// - A function with one statement is on one line if that fits, else on three; one behind a line
///   with its `template` always on three.
/// - Parameters and arguments that do not fit are aligned behind the parenthesis, or if that does
///   not fit either, begin on a line of their own. Then the type may have its own line, too.
///
/// - `Type name = {};` that does not fit has the name on a line of its own.
/// - `if (...) statement;` that does not fit breaks before the statement, a constant and
///   a reference before its value.
///
/// Names of more than half a line are beyond these rules: clang-format is then switched off.
std::string fit(std::string_view code);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_FIT_H_

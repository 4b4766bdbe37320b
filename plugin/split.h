#ifndef MESSI_PLUGIN_SPLIT_H_
#define MESSI_PLUGIN_SPLIT_H_

#include <string_view>
#include <vector>

namespace messi::plugin {

/// `a.b` -> `a`, `b`: what is between separators. Behind the last one is nothing, unless there is
/// text: `a\n` has one line.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SPLIT_H_

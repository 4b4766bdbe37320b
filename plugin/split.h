#ifndef MESSI_PLUGIN_SPLIT_H_
#define MESSI_PLUGIN_SPLIT_H_

#include <string_view>
#include <vector>

namespace messi::plugin {

/// `a.b` -> `a`, `b`: the text between separators. After a separator at the end there is no further
/// piece: `a\n` has one line.
std::vector<std::string_view> split(std::string_view text, char separator);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_SPLIT_H_

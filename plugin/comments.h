#ifndef MESSI_PLUGIN_COMMENTS_H_
#define MESSI_PLUGIN_COMMENTS_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "schema.h"

namespace messi::plugin {

/// The text of a comment, as protoc passes it on, as lines that are safe after a comment marker.
Comment clean_comment(std::string_view text);

/// `first`, a blank line, `second`; either may be empty.
Comment join_comments(Comment first, Comment second);

/// `comment` with `marker` (`///`, `#`) in front of each line, a newline after it, and lines longer
/// than `width` broken between words.
std::string format_comment(const Comment& comment, std::string_view marker, std::size_t width);

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_COMMENTS_H_

#ifndef MESSI_PLUGIN_CPP_CPP_MEMBERS_H_
#define MESSI_PLUGIN_CPP_CPP_MEMBERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "../protocol.h"
#include "../text.h"
#include "cpp_context.h"

namespace messi::plugin::cpp {

/// Whether there are messages that need code to become bytes: flat ones, and those with text.
bool has_codec(const Protocol& protocol, const TextTypes& texts);

/// Prints the two skeletons for each member of a direction: `each`, and where the member's type
/// occurs once in the direction also `if_unique`. Members with a comment stand between blank lines.
///
/// Holes: $comment$, $deprecated$ (an attribute and a space, or nothing), $name$, $number$, $Type$,
/// $Codec$ (a comma and the codec of a flat message, or nothing), $Codecs$ (the same, and where the
/// message has text), $accessor$ and $Case$ (what
/// protobuf's code calls the member).
void emit_members(const Context& context, const Direction& direction, std::string_view each,
                  std::string_view if_unique = {});

/// The same, with holes beyond those.
void emit_members(const Context& context, const Direction& direction,
                  const std::vector<Text::Hole>& more_holes, std::string_view each);

/// `send_<name>` and `send`, for whatever ::messi::codec::send can send through.
void emit_senders(const Context& context, const Direction& direction);

/// A struct with the numbers of the members, and their names by number.
void emit_numbers(const Context& context, const Direction& direction, const std::string& name);

/// What is received, kept from one receive to the next.
void emit_incoming(const Context& context, const Direction& direction);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_MEMBERS_H_

#ifndef MESSI_PLUGIN_CPP_CPP_MEMBERS_H_
#define MESSI_PLUGIN_CPP_CPP_MEMBERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "../protocol.h"
#include "../text.h"
#include "cpp_context.h"

namespace messi::plugin::cpp {

/// Prints the two skeletons for each member of a direction: `each`, and if the member's type occurs
/// only once in the direction also `if_unique`. Members with a comment are between blank lines.
///
/// Holes: $comment$, $deprecated$ (an attribute and a space, or nothing), $name$, $number$, $Type$,
/// $Case$ (a constant's name), $parse$ (gets the member from `in`, as `message`), $codec$ (the room
/// of the runtime that does that) and $sent_as$ (`, ` with what is needed to send the type, or
/// nothing). $sent_member$ is the number or, of a reply, with that of its request. $condition$ is
/// what the dispatch of requests and replies asks besides.
void emit_members(const Context& context, const Direction& direction, std::string_view each,
                  std::string_view if_unique = {});

/// The same, with holes beyond those.
void emit_members(const Context& context, const Direction& direction,
                  const std::vector<Text::Hole>& more_holes, std::string_view each);

/// Prints the skeletons for each request of a direction, with the holes of `emit_members` and
/// besides: $Reply$ (the reply's type), $pair$ (both numbers), $reply_number$, $reply_kind$ (`, `
/// with what is needed to answer later, or nothing).
void emit_pairs(const Context& context, const Direction& requests,
                const std::vector<Text::Hole>& more_holes, std::string_view each,
                std::string_view if_unique = {});

/// The declarations of `call_<name>` and `call`, and of `answer_later_<name>` and `answer_later`.
void emit_calls(const Context& context, const Direction& requests);
void emit_later_answers(const Context& context, const Direction& requests);

/// The declarations of `send_<name>` and `send`.
void emit_senders(const Context& context, const Direction& direction);
/// And of those with `try_` before it.
void emit_tries(const Context& context, const Direction& direction);
/// A class with the same senders for other threads.
void emit_sender_class(const Context& context, const Direction& direction, const std::string& to);
/// Their definitions.
void emit_sender_definitions(const Context& context, const Direction& direction,
                             const std::string& to);

/// A struct with the numbers of the members, their names by number, and their types.
void emit_numbers(const Context& context, const Direction& direction, const std::string& name);

}  // namespace messi::plugin::cpp

#endif  // MESSI_PLUGIN_CPP_CPP_MEMBERS_H_

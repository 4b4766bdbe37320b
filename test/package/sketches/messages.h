// What the programs of doc/messages.md leave out.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "post.messi.h"

using blog::Post;
using blog::PostClient;

void add_to_index(std::string_view tag);
void rate(std::int32_t rating);
void show(std::string_view text);

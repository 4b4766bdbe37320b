#include "near_misses.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "names.h"

namespace messi::plugin {
namespace {

/// `Client_To_Server` -> `clienttoserver`
std::string only_letters(const std::string& name) {
  std::string letters = lower_case(name);
  letters.erase(std::remove(letters.begin(), letters.end(), '_'), letters.end());
  return letters;
}

/// The number of letters to add, remove, replace, or exchange with their neighbour.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> rows(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        rows[i][j] = i + j;
        continue;
      }
      rows[i][j] = std::min({rows[i - 1][j] + 1, rows[i][j - 1] + 1,
                             rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        rows[i][j] = std::min(rows[i][j], rows[i - 2][j - 2] + 1);
      }
    }
  }
  return rows[a.size()][b.size()];
}

bool is_near(const Message& message, std::string_view wanted) {
  constexpr std::size_t kMostLetters = 30;
  constexpr std::size_t kFewSlips = 2;
  const std::string letters = only_letters(message.name());
  const std::string wanted_letters = only_letters(std::string(wanted));
  if (letters == wanted_letters) return true;
  // A message with a similar name counts only if it has a oneof.
  return !message.oneofs.empty() && letters.size() < kMostLetters &&
         distance(letters, wanted_letters) <= kFewSlips;
}

void warn(const Message& message, Diagnostics& diagnostics) {
  for (const std::string_view wanted : {"ClientToServer", "ServerToClient"}) {
    if (!is_near(message, wanted)) continue;
    const std::string name(wanted);
    const bool is_nested = message.parent != nullptr;
    diagnostics.warning(
        message.location,
        "message " + in_quotes(message.full_name) + " looks like " + name +
            (is_nested ? ", but is nested" : ", but is not called so") +
            ", and this file has no protocol",
        is_nested ? "move it out of \"" + message.parent->name() + "\" and call it " + name
                  : "call it " + name);
  }
  for (const Message& nested : message.messages) warn(nested, diagnostics);
}

}  // namespace

void warn_of_near_misses(const File& file, Diagnostics& diagnostics) {
  for (const Message& message : file.messages) warn(message, diagnostics);
}

}  // namespace messi::plugin

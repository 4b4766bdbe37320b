#include "fit.h"

#include <vector>

#include "../split.h"

namespace messi::plugin::python {
namespace {

constexpr std::string_view kStep = "    ";

/// The pieces of `text` between `separator`s that are outside of brackets.
std::vector<std::string_view> split_outside_brackets(std::string_view text,
                                                     std::string_view separator) {
  std::vector<std::string_view> pieces;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '(' || text[i] == '[') ++depth;
    if (text[i] == ')' || text[i] == ']') --depth;
    if (depth == 0 && text.substr(i, separator.size()) == separator) {
      pieces.push_back(text.substr(begin, i - begin));
      begin = i + separator.size();
    }
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

/// `message: A | B = None,` on several lines; if necessary, with a line for each type:
///
///     message: (
///         A | B
///     ) = None,
std::string break_union(std::string_view parameter, const std::string& indent) {
  const std::size_t colon = parameter.find(": ");
  const std::size_t equals = std::min(parameter.find(" = "), parameter.size());
  const std::string_view types = parameter.substr(colon + 2, equals - colon - 2);
  const std::string inner_indent = indent + std::string(kStep);
  std::string broken = indent + std::string(parameter.substr(0, colon)) + ": (\n";
  if (inner_indent.size() + types.size() <= kColumns) {
    broken += inner_indent + std::string(types) + '\n';
  } else {
    std::string_view bar;
    for (const std::string_view type : split_outside_brackets(types, " | ")) {
      broken += inner_indent + std::string(bar) + std::string(type) + '\n';
      bar = "| ";
    }
  }
  return broken + indent + ")" + std::string(parameter.substr(equals)) + ",\n";
}

/// `head(a, b)tail` on several lines: all arguments on one line, or else each on its own.
std::string break_parentheses(std::string_view line) {
  const std::size_t open = line.find('(');
  const std::size_t close = line.rfind(')');
  const std::string indent(line.find_first_not_of(' '), ' ');
  const std::string inner_indent = indent + std::string(kStep);
  const std::string_view inner = line.substr(open + 1, close - open - 1);

  std::string broken = std::string(line.substr(0, open + 1)) + '\n';
  const bool is_one = inner.find(", ") == std::string_view::npos;
  if (!is_one && inner_indent.size() + inner.size() <= kColumns) {
    broken += inner_indent + std::string(inner) + '\n';
  } else {
    for (const std::string_view each : split_outside_brackets(inner, ", ")) {
      const bool fits = inner_indent.size() + each.size() + 1 <= kColumns;
      if (fits || each.find(" | ") == std::string_view::npos) {
        broken += inner_indent + std::string(each) + ",\n";
      } else {
        broken += break_union(each, inner_indent);
      }
    }
  }
  return broken + indent + std::string(line.substr(close)) + '\n';
}

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool can_break(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  for (const std::string_view start : {"def ", "async def ", "class ", "self.", "return self."}) {
    if (begins_with(line, start)) return line.find('(') != std::string_view::npos;
  }
  return false;
}

}  // namespace

std::string fit(std::string_view code) {
  std::string fitting;
  for (const std::string_view line : split(code, '\n')) {
    if (line.size() > kColumns && can_break(line)) {
      fitting += break_parentheses(line);
    } else {
      fitting += line;
      fitting += '\n';
    }
  }
  // An empty block at the end of the file leaves the blank line before it.
  while (fitting.size() > 1 && fitting[fitting.size() - 2] == '\n') fitting.pop_back();
  return fitting;
}

}  // namespace messi::plugin::python

#include "fit.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "../split.h"

namespace messi::plugin::cpp {
namespace {

using Lines = std::vector<std::string>;

bool starts_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

bool fits(std::string_view line) { return line.size() <= kColumns; }

std::string_view without_indentation(std::string_view line) {
  return line.substr(std::min(line.find_first_not_of(' '), line.size()));
}

std::string indentation(std::string_view line) {
  return std::string(line.size() - without_indentation(line).size(), ' ');
}

bool is_code(std::string_view line) {
  const std::string_view text = without_indentation(line);
  return !text.empty() && !starts_with(text, "//") && !starts_with(text, "#");
}

/// `RED = 1,`
bool is_enum_value(std::string_view line) {
  return line.find(" = ") != std::string_view::npos && line.find('(') == std::string_view::npos;
}

Lines join_after_commas(const std::vector<std::string_view>& lines) {
  Lines joined;
  bool goes_on = false;
  for (const std::string_view line : lines) {
    if (goes_on) {
      joined.back() += ' ';
      joined.back() += without_indentation(line);
    } else {
      joined.emplace_back(line);
    }
    goes_on = is_code(line) && ends_with(line, ",") && !is_enum_value(line);
  }
  return joined;
}

bool ends_with_body(std::string_view line) {
  return ends_with(line, ") {") || ends_with(line, ") const {") || ends_with(line, ") final {");
}

/// `head {`, with an indentation.
bool opens_function(std::string_view line) {
  if (!is_code(line) || !ends_with_body(line)) return false;
  const std::string_view text = without_indentation(line);
  return !starts_with(text, "if (") && !starts_with(text, "switch (") && !starts_with(text, ": ");
}

bool is_template_head(std::string_view line) {
  return starts_with(without_indentation(line), "template <");
}

bool is_statement(std::string_view line) {
  return is_code(line) && ends_with(line, ";") && !starts_with(without_indentation(line), "if (");
}

Lines join_short_functions(const Lines& lines) {
  Lines joined;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    joined.push_back(lines[i]);
    if (i > 0 && is_template_head(lines[i - 1])) continue;
    const bool has_one_statement = i + 2 < lines.size() && opens_function(lines[i]) &&
                                   is_statement(lines[i + 1]) &&
                                   lines[i + 2] == indentation(lines[i]) + '}';
    if (!has_one_statement) continue;
    const std::string line = lines[i] + ' ' + std::string(without_indentation(lines[i + 1])) + " }";
    if (!fits(line)) continue;
    joined.back() = line;
    i += 2;
  }
  return joined;
}

/// Where the list of parameters or arguments begins and ends, without its parentheses.
struct List {
  std::size_t begin;
  std::size_t end;
};

std::optional<List> find_list(std::string_view line) {
  const std::size_t end = line.rfind(')');
  if (end == std::string_view::npos) return std::nullopt;
  int depth = 0;
  for (std::size_t i = end + 1; i-- > 0;) {
    if (line[i] == ')') ++depth;
    if (line[i] == '(' && --depth == 0) return List{i + 1, end};
  }
  return std::nullopt;
}

Lines split_list(std::string_view list) {
  Lines items;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == '(' || list[i] == '{' || list[i] == '<') ++depth;
    if (list[i] == ')' || list[i] == '}' || list[i] == '>') --depth;
    if (list[i] != ',' || depth > 0) continue;
    items.emplace_back(list.substr(begin, i + 1 - begin));
    begin = i + 2;
  }
  items.emplace_back(list.substr(std::min(begin, list.size())));
  return items;
}

/// As many items on a line as fit, the first of them behind `start`.
Lines fill(std::string start, const std::string& indent, const Lines& items,
           std::string_view tail) {
  Lines lines = {std::move(start)};
  bool is_at_begin = true;
  for (const std::string& item : items) {
    const std::string_view behind = &item == &items.back() ? tail : std::string_view();
    const std::string extended =
        lines.back() + (is_at_begin ? "" : " ") + item + std::string(behind);
    if (is_at_begin || fits(extended)) {
      lines.back() = extended;
    } else {
      lines.push_back(indent + item + std::string(behind));
    }
    is_at_begin = false;
  }
  return lines;
}

/// Breaks a line whose list is too long.
Lines break_list(const std::string& line) {
  const std::optional<List> list = find_list(line);
  if (!list || list->begin == list->end) return {line};
  const Lines items =
      split_list(std::string_view(line).substr(list->begin, list->end - list->begin));
  const std::string start = line.substr(0, list->begin);
  const std::string tail = line.substr(list->end);
  if (!fits(start) && opens_function(line) && start.find(' ') != std::string::npos) {
    // The type has a line of its own.
    const std::size_t name = start.rfind(' ') + 1;
    const std::string named = line.substr(name);
    Lines lines = fits(named) ? Lines{named} : break_list(named);
    if (std::all_of(lines.begin(), lines.end(), fits)) {
      lines.insert(lines.begin(), line.substr(0, name - 1));
      return lines;
    }
  }
  if (items.size() > 1) {
    Lines aligned = fill(start, std::string(start.size(), ' '), items, tail);
    if (std::all_of(aligned.begin(), aligned.end(), fits)) return aligned;
  }
  const std::string indent = indentation(line) + "    ";
  Lines lines = fill(indent, indent, items, tail);
  lines.insert(lines.begin(), start);
  return lines;
}

/// `virtual void hook(...) {}`
Lines break_empty_function(const std::string& line) {
  Lines lines = break_list(line.substr(0, line.size() - 1));
  if (fits(lines.back() + '}')) {
    lines.back() += '}';
  } else {
    lines.push_back(indentation(line) + '}');
  }
  return lines;
}

/// `Type name_;`
Lines break_declaration(const std::string& line) {
  const std::size_t place = line.rfind(' ');
  return {line.substr(0, place), indentation(line) + "    " + line.substr(place + 1)};
}

/// `Template<A, B> name = {};`
Lines break_member(const std::string& line) {
  const std::size_t place = line.rfind(' ', line.size() - std::string_view(" = {};").size() - 1);
  const std::string type = line.substr(0, place);
  Lines lines = {type};
  const std::size_t begin = type.find('<') + 1;
  if (!fits(type) && begin != 0) {
    const std::string_view list = std::string_view(type).substr(begin, type.size() - 1 - begin);
    lines = fill(type.substr(0, begin), std::string(begin, ' '), split_list(list), ">");
    if (!fits(lines.front())) {
      const std::string indent = indentation(line) + "    ";
      lines = fill(indent, indent, split_list(list), ">");
      lines.insert(lines.begin(), type.substr(0, begin));
    }
  }
  lines.push_back(indentation(line) + "    " + line.substr(place + 1));
  return lines;
}

/// `if (...) statement;`
Lines break_if(const std::string& line) {
  int depth = 0;
  std::size_t place = line.find('(');
  do {
    if (line[place] == '(') ++depth;
    if (line[place] == ')') --depth;
    ++place;
  } while (depth > 0);
  const std::string statement = indentation(line) + "  " + line.substr(place + 1);
  Lines lines = {line.substr(0, place)};
  for (std::string& each : fits(statement) ? Lines{statement} : break_list(statement)) {
    lines.push_back(std::move(each));
  }
  return lines;
}

/// `constant = value;`
Lines break_assignment(const std::string& line) {
  const std::size_t place = line.find(" = ");
  return {line.substr(0, place + 2), indentation(line) + "    " + line.substr(place + 3)};
}

Lines break_line(const std::string& line) {
  if (starts_with(without_indentation(line), "if (") && ends_with(line, ";")) return break_if(line);
  const bool is_cast = line.find(" = static_cast<") != std::string::npos;
  if ((is_cast || starts_with(without_indentation(line), "static constexpr")) &&
      ends_with(line, ";")) {
    return break_assignment(line);
  }
  if (ends_with(line, ") {}")) {
    const std::string opened = line.substr(0, line.size() - 1);
    if (fits(opened)) return {opened, indentation(line) + '}'};
    return break_empty_function(line);
  }
  if (ends_with_body(line) || ends_with(line, ");") || ends_with(line, ") const;") ||
      ends_with(line, ") final;") || ends_with(line, ")")) {
    return break_list(line);
  }
  if (ends_with(line, " = {};")) return break_member(line);
  if (ends_with(line, "_;")) {
    return break_declaration(line);
  }
  return {line};
}

Lines break_long_lines(const Lines& lines) {
  Lines broken;
  for (const std::string& line : lines) {
    if (fits(line) || !is_code(line)) {
      broken.push_back(line);
    } else {
      for (std::string& each : break_line(line)) broken.push_back(std::move(each));
    }
  }
  return broken;
}

bool is_too_long(const std::string& line) { return is_code(line) && !fits(line); }

}  // namespace

std::string fit(std::string_view code) {
  const Lines lines = break_long_lines(join_short_functions(join_after_commas(split(code, '\n'))));
  std::string fitted;
  if (std::any_of(lines.begin(), lines.end(), is_too_long)) fitted += "// clang-format off\n";
  for (const std::string& line : lines) fitted += line + '\n';
  return fitted;
}

}  // namespace messi::plugin::cpp

#include "comments.h"

#include <algorithm>
#include <utility>

#include "split.h"

namespace messi::plugin {
namespace {

/// The bytes of the UTF-8 character that `text` begins with, or 0 if it begins with none.
std::size_t utf8_length(std::string_view text) {
  struct Form {
    unsigned char first_least, first_most, second_least, second_most;
    std::size_t length;
  };
  constexpr Form kForms[] = {{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
                             {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
                             {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
                             {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4}};
  const auto is_between = [&](std::size_t i, unsigned char least, unsigned char most) {
    const auto byte = static_cast<unsigned char>(text[i]);
    return byte >= least && byte <= most;
  };
  if (is_between(0, 0, 0x7f)) return 1;
  for (const Form& form : kForms) {
    if (!is_between(0, form.first_least, form.first_most) || text.size() < form.length) continue;
    if (!is_between(1, form.second_least, form.second_most)) continue;
    if (form.length > 2 && !is_between(2, 0x80, 0xbf)) continue;
    if (form.length > 3 && !is_between(3, 0x80, 0xbf)) continue;
    return form.length;
  }
  return 0;
}

/// U+202A to U+202E and U+2066 to U+2069 make source code look different from what it is, and
/// compilers warn of them.
bool is_bidirectional_control(std::string_view character) {
  return (character >= "\u202a" && character <= "\u202e") ||
         (character >= "\u2066" && character <= "\u2069");
}

std::string only_printable(std::string_view line) {
  std::string printable;
  while (!line.empty()) {
    const std::size_t length = utf8_length(line);
    const std::string_view character = line.substr(0, std::max<std::size_t>(length, 1));
    const bool is_control = length == 1 && (line[0] < ' ' || line[0] == '\x7f');
    if (length == 0) {
      printable += '?';
    } else if (character == "\t") {
      printable += "  ";
    } else if (!is_control && !is_bidirectional_control(character)) {
      printable += character;
    }
    line.remove_prefix(character.size());
  }
  return printable;
}

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

/// A backslash at the end of a line, or the trigraph for it, would make the next line of code a
/// part of the comment.
void strip_end(std::string& line) {
  while (true) {
    if (ends_with(line, " ") || ends_with(line, "\\")) {
      line.pop_back();
    } else if (ends_with(line, "?\?/")) {
      line.resize(line.size() - 3);
    } else {
      return;
    }
  }
}

Comment printable_lines(std::string_view text) {
  Comment lines;
  for (const std::string_view line : split(text, '\n')) {
    lines.push_back(only_printable(line));
    strip_end(lines.back());
  }
  return lines;
}

void remove_empty_ends(Comment& lines) {
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  while (!lines.empty() && lines.front().empty()) lines.erase(lines.begin());
}

/// What remains before each line when the proto has `/// text`.
void remove_third_slash(Comment& lines) {
  const auto has_slash = [](const std::string& line) { return line.empty() || line[0] == '/'; };
  if (!std::all_of(lines.begin(), lines.end(), has_slash)) return;
  for (std::string& line : lines) line.erase(0, 1);
}

void remove_shared_indentation(Comment& lines) {
  std::size_t shared = std::string::npos;
  for (const std::string& line : lines) {
    if (!line.empty()) shared = std::min(shared, line.find_first_not_of(' '));
  }
  for (std::string& line : lines) line.erase(0, shared);
}

/// The columns that the text takes, or a few more: East Asian characters take two.
std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char c : text) {
    const bool is_ascii = static_cast<unsigned char>(c) < 0x80;
    const bool is_continuation = (static_cast<unsigned char>(c) & 0xc0) == 0x80;
    width += is_ascii ? 1 : is_continuation ? 0 : 2;
  }
  return width;
}

/// Breaks between words. New lines are indented like the line that was broken.
Comment wrap(std::string_view line, std::size_t width) {
  const std::string indent(std::min(line.find_first_not_of(' '), line.size()), ' ');
  Comment wrapped;
  std::string current;
  if (display_width(line) <= width) return {std::string(line)};
  line.remove_prefix(indent.size());
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' ', line.find_first_not_of(' ')), line.size());
    const std::string_view word = line.substr(0, end);
    if (!current.empty() && display_width(current) + display_width(word) > width) {
      strip_end(current);
      wrapped.push_back(std::move(current));
      current.clear();
    }
    current += current.empty() ? indent + std::string(word.substr(word.find_first_not_of(' ')))
                               : std::string(word);
    line.remove_prefix(end);
  }
  wrapped.push_back(std::move(current));
  return wrapped;
}

}  // namespace

Comment clean_comment(std::string_view text) {
  // What remains when the proto has `/** text */`.
  if (!text.empty() && text.front() == '*') text.remove_prefix(1);
  Comment lines = printable_lines(text);
  remove_empty_ends(lines);
  remove_third_slash(lines);
  remove_shared_indentation(lines);
  return lines;
}

Comment join_comments(Comment first, Comment second) {
  if (!first.empty() && !second.empty()) first.emplace_back();
  for (std::string& line : second) first.push_back(std::move(line));
  return first;
}

std::string format_comment(const Comment& comment, std::string_view marker, std::size_t width) {
  std::string formatted;
  for (const std::string& long_line : comment) {
    for (const std::string& line : wrap(long_line, width - marker.size() - 1)) {
      formatted += marker;
      if (!line.empty()) formatted += ' ' + line;
      formatted += '\n';
    }
  }
  return formatted;
}

}  // namespace messi::plugin

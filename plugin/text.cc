#include "text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "split.h"

namespace messi::plugin {
namespace {

constexpr std::string_view kBlanks = " \t";

[[noreturn]] void broken_skeleton(std::string_view what, std::string_view line) {
  std::fprintf(stderr, "protoc-gen-messi: broken skeleton: %.*s in: %.*s\n",
               static_cast<int>(what.size()), what.data(), static_cast<int>(line.size()),
               line.data());
  std::abort();
}

std::string_view indentation(std::string_view line) {
  return line.substr(0, std::min(line.find_first_not_of(kBlanks), line.size()));
}

bool is_blank(std::string_view line) { return indentation(line).size() == line.size(); }

std::vector<std::string_view> dedent(std::string_view skeleton) {
  if (!skeleton.empty() && skeleton.front() == '\n') skeleton.remove_prefix(1);
  std::vector<std::string_view> lines = split(skeleton, '\n');
  if (!lines.empty() && is_blank(lines.back())) lines.pop_back();

  std::size_t shared = std::string_view::npos;
  for (const std::string_view line : lines) {
    if (!is_blank(line)) shared = std::min(shared, indentation(line).size());
  }
  for (std::string_view& line : lines) line.remove_prefix(std::min(shared, line.size()));
  return lines;
}

const Text::Filling& find(const std::vector<Text::Hole>& holes, std::string_view name,
                          std::string_view line) {
  const auto hole = std::find_if(holes.begin(), holes.end(),
                                 [&](const Text::Hole& each) { return each.name == name; });
  if (hole == holes.end()) broken_skeleton("unknown hole", line);
  return hole->filling;
}

/// The name of the hole that is alone on its line: `hooks` in `  $hooks$;`. Empty if there is none.
std::string_view block_name(std::string_view line) {
  line.remove_prefix(indentation(line).size());
  if (!line.empty() && line.back() == ';') line.remove_suffix(1);
  if (line.size() < 3 || line.front() != '$' || line.back() != '$') return {};
  line = line.substr(1, line.size() - 2);
  return line.find('$') == std::string_view::npos ? line : std::string_view();
}

std::string fill(const std::vector<Text::Hole>& holes, std::string_view line) {
  std::string filled;
  std::string_view rest = line;
  while (true) {
    const std::size_t open = rest.find('$');
    filled += rest.substr(0, open);
    if (open == std::string_view::npos) return filled;
    const std::size_t close = rest.find('$', open + 1);
    if (close == std::string_view::npos) broken_skeleton("hole without end", line);
    const std::string_view name = rest.substr(open + 1, close - open - 1);
    if (name.empty()) {
      filled += '$';
    } else {
      const auto* text = std::get_if<std::string>(&find(holes, name, line));
      if (text == nullptr) broken_skeleton("callback within a line", line);
      filled += *text;
    }
    rest.remove_prefix(close + 1);
  }
}

}  // namespace

void Text::emit(const std::vector<Hole>& holes, std::string_view skeleton) {
  const std::vector<std::string_view> skeleton_lines = dedent(skeleton);
  for (std::size_t i = 0; i < skeleton_lines.size(); ++i) {
    const std::string_view current = skeleton_lines[i];
    const std::string_view block = block_name(current);
    if (block.empty()) {
      line(fill(holes, current));
      continue;
    }
    const std::size_t before = text_.size();
    emit_block(find(holes, block, current), indentation(current));
    if (text_.size() > before) continue;
    const bool is_last = i + 1 == skeleton_lines.size();
    if (is_last && i > 0 && is_blank(skeleton_lines[i - 1])) text_.pop_back();
    if (!is_last && is_blank(skeleton_lines[i + 1])) ++i;
  }
}

void Text::lines(std::string_view text) {
  for (const std::string_view each : split(text, '\n')) line(each);
}

void Text::emit_block(const Filling& filling, std::string_view indent) {
  const std::size_t outer = indent_.size();
  indent_ += indent;
  if (const auto* text = std::get_if<std::string>(&filling)) {
    lines(*text);
  } else {
    std::get<std::function<void()>>(filling)();
  }
  indent_.resize(outer);
}

void Text::line(std::string_view text) {
  if (!is_blank(text)) {
    text_ += indent_;
    text_ += text;
  }
  text_ += '\n';
}

}  // namespace messi::plugin

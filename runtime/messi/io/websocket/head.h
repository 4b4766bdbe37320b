#ifndef MESSI_IO_WEBSOCKET_HEAD_H_
#define MESSI_IO_WEBSOCKET_HEAD_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace messi::websocket {

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether two words are the same, whatever the case of their letters.
inline bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The head of a request or of a response of HTTP: a line, and fields. It is strict, so that nobody
/// on the way can take it for another one. Everything points into the text.
class Head {
 public:
  /// `text` ends with the empty line. Nothing if it is malformed.
  static std::optional<Head> parse(std::string_view text) {
    constexpr std::string_view kEnd = "\r\n";
    Head head;
    for (bool first = true;; first = false) {
      const std::size_t size = text.find(kEnd);
      if (size == std::string_view::npos) return std::nullopt;
      const std::string_view line = text.substr(0, size);
      text.remove_prefix(size + kEnd.size());
      if (!is_printable(line)) return std::nullopt;
      if (first) {
        head.line_ = line;
      } else if (line.empty()) {
        return head;
      } else if (!head.add(line)) {
        return std::nullopt;
      }
    }
  }

  /// "GET / HTTP/1.1"
  std::string_view line() const { return line_; }

  bool has(std::string_view name) const {
    return std::any_of(fields_.begin(), fields_.end(),
                       [&](const Field& field) { return same_word(field.first, name); });
  }

  /// The value of a field that is there once; nothing if it is not.
  std::optional<std::string_view> one(std::string_view name) const {
    std::optional<std::string_view> value;
    for (const Field& field : fields_) {
      if (!same_word(field.first, name)) continue;
      if (value) return std::nullopt;
      value = field.second;
    }
    return value;
  }

  /// Whether a word is in a list, which may be in several fields.
  bool lists(std::string_view name, std::string_view word) const {
    for (const auto& [its_name, value] : fields_) {
      if (!same_word(its_name, name)) continue;
      for (std::string_view rest = value; !rest.empty();) {
        const std::size_t size = std::min(rest.find(','), rest.size());
        if (same_word(trimmed(rest.substr(0, size)), word)) return true;
        rest.remove_prefix(std::min(size + 1, rest.size()));
      }
    }
    return false;
  }

 private:
  using Field = std::pair<std::string_view, std::string_view>;

  static bool is_printable(std::string_view line) {
    return std::all_of(line.begin(), line.end(), [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return c == '\t' || (byte >= 0x20 && byte != 0x7f);
    });
  }

  bool add(std::string_view line) {
    constexpr std::string_view kToken =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
    const std::size_t colon = line.find_first_not_of(kToken);
    if (colon == 0 || colon == std::string_view::npos || line[colon] != ':') return false;
    fields_.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    return true;
  }

  std::string_view line_;
  std::vector<Field> fields_;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_HEAD_H_

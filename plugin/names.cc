#include "names.h"

#include <algorithm>

namespace messi::plugin {
namespace {

// The ones of <cctype> depend on the locale.
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }

}  // namespace

std::string strip_proto(std::string_view proto_path) {
  for (const std::string_view extension : {".proto", ".protodevel"}) {
    if (proto_path.size() > extension.size() &&
        proto_path.substr(proto_path.size() - extension.size()) == extension) {
      proto_path.remove_suffix(extension.size());
      break;
    }
  }
  return std::string(proto_path);
}

std::string base_name(std::string_view proto_path) {
  return strip_proto(proto_path.substr(proto_path.find_last_of('/') + 1));
}

std::string pascal_case(std::string_view name) {
  std::string pascal;
  bool word_begins = true;
  for (const char c : name) {
    if (is_alnum(c)) pascal += word_begins && is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c;
    word_begins = !is_alnum(c);
  }
  return pascal;
}

std::string lower_case(std::string_view name) {
  std::string lower;
  for (const char c : name) lower += is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

bool is_identifier(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_alnum(c) || c == '_'; });
}

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

}  // namespace messi::plugin

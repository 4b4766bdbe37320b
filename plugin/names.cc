#include "names.h"

#include <algorithm>

namespace messi::plugin {

bool consists_of_alnum(std::string_view text, std::string_view others) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return is_alnum(c) || others.find(c) != std::string_view::npos;
  });
}

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
    if (is_alnum(c)) pascal += word_begins ? to_upper(c) : c;
    word_begins = !is_alnum(c);
  }
  return pascal;
}

std::string lower_case(std::string_view name) {
  std::string lower;
  for (const char c : name) lower += to_lower(c);
  return lower;
}

bool is_identifier(std::string_view name) {
  return !name.empty() && !is_digit(name.front()) && consists_of_alnum(name, "_");
}

std::string in_quotes(std::string_view text) { return '"' + std::string(text) + '"'; }

std::string literal(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n') {
      escaped += "\\n";
    } else if (byte < ' ' || byte == 0x7f) {
      escaped += '\\';
      for (const int shift : {6, 3, 0}) escaped += static_cast<char>('0' + (byte >> shift & 7));
    } else {
      if (c == '"' || c == '\\') escaped += '\\';
      escaped += c;
    }
  }
  return in_quotes(escaped);
}

}  // namespace messi::plugin

#ifndef MESSI_PLUGIN_NAMES_H_
#define MESSI_PLUGIN_NAMES_H_

#include <algorithm>
#include <iterator>
#include <string>
#include <string_view>

namespace messi::plugin {

// For ASCII: those of <cctype> depend on the locale.
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alnum(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }
constexpr char to_upper(char c) { return is_lower(c) ? static_cast<char>(c - 'a' + 'A') : c; }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

/// Whether all characters are ASCII letters, digits, or among the `others`.
bool consists_of_alnum(std::string_view text, std::string_view others = {});

/// The path without `.proto`: `acme/my-protocol.proto` -> `acme/my-protocol`.
std::string strip_proto(std::string_view proto_path);

/// The file's name without folders and `.proto`. This is the protocol's name:
/// `acme/my-protocol.proto` -> `my-protocol`.
std::string base_name(std::string_view proto_path);

/// Everything but ASCII letters and digits separates words: `my_protocol` and `my-protocol` ->
/// `MyProtocol`, `chat.v2` -> `ChatV2`, `myProtocol` -> `MyProtocol`.
std::string pascal_case(std::string_view name);

/// ASCII capitals become lower case: `FooBar` -> `foobar`.
std::string lower_case(std::string_view name);

/// Whether it is a name in C++, Python and similar languages: `chat_2`, but not `2chat`.
bool is_identifier(std::string_view name);

template <typename Words, typename Word>
bool is_among(const Words& words, const Word& word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

/// `chat` -> `"chat"`, for messages to the user.
std::string in_quotes(std::string_view text);

/// A string literal of C++ and of Python.
std::string literal(std::string_view text);

/// A copy of a name that protobuf returns: a std::string, or since release 30 an absl::string_view.
template <typename ProtobufString>
std::string to_string(const ProtobufString& text) {
  return std::string(text.data(), text.size());
}

}  // namespace messi::plugin

#endif  // MESSI_PLUGIN_NAMES_H_

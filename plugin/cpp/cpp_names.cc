#include "cpp_names.h"

#include <cstdint>

#include "../class_names.h"
#include "../names.h"
#include "../split.h"

namespace messi::plugin::cpp {
namespace {

// The releases of protobuf that began to append underscores to more names.
constexpr int kEscapesCpp20 = 22;
constexpr int kEscapesAssert = 23;
constexpr int kEscapesPackages = 27;

constexpr std::string_view kKeywords[] = {
    "NULL",          "alignas",      "alignof",   "and",        "and_eq",
    "asm",           "auto",         "bitand",    "bitor",      "bool",
    "break",         "case",         "catch",     "char",       "class",
    "compl",         "const",        "constexpr", "const_cast", "continue",
    "decltype",      "default",      "delete",    "do",         "double",
    "dynamic_cast",  "else",         "enum",      "explicit",   "export",
    "extern",        "false",        "float",     "for",        "friend",
    "goto",          "if",           "inline",    "int",        "long",
    "mutable",       "namespace",    "new",       "noexcept",   "not",
    "not_eq",        "nullptr",      "operator",  "or",         "or_eq",
    "private",       "protected",    "public",    "register",   "reinterpret_cast",
    "return",        "short",        "signed",    "sizeof",     "static",
    "static_assert", "static_cast",  "struct",    "switch",     "template",
    "this",          "thread_local", "throw",     "true",       "try",
    "typedef",       "typeid",       "typename",  "union",      "unsigned",
    "using",         "virtual",      "void",      "volatile",   "wchar_t",
    "while",         "xor",          "xor_eq"};

constexpr std::string_view kCpp20Keywords[] = {"char16_t",  "char32_t", "char8_t", "co_await",
                                               "co_return", "co_yield", "concept", "consteval",
                                               "constinit", "requires"};

constexpr std::string_view kAccessorsOfAllMessages[] = {"default_instance", "descriptor",
                                                        "mutable_unknown_fields", "unknown_fields"};

constexpr std::string_view kMethodsOfAllMessages[] = {
    "Clear",     "CopyFrom", "GetDescriptor", "GetMetadata",     "GetReflection",   "IsInitialized",
    "MergeFrom", "New",      "Swap",          "UnsafeArenaSwap", "default_instance"};

constexpr std::string_view kOtherMethodsOfAllMessages[] = {
    "ByteSizeLong",   "CreateMaybeMessage", "GetArena",      "GetCachedSize", "GetClassData",
    "GetOwningArena", "InternalSwap",       "SetCachedSize", "descriptor"};

constexpr std::string_view kTypesInMessages[] = {"int32_t",  "int64_t",  "size_t",
                                                 "uint32_t", "uint64_t", "uint8_t"};

std::string with_underscore(std::string name, bool has_it) {
  if (has_it) name += '_';
  return name;
}

/// Whether no other path gives the same words: `chat.messi.h`, `my_protocol.messi.h`.
bool is_plain(std::string_view header_path) {
  constexpr std::string_view kExtension = ".messi.h";
  if (header_path.size() <= kExtension.size()) return false;
  const std::string_view stem = header_path.substr(0, header_path.size() - kExtension.size());
  if (header_path.substr(stem.size()) != kExtension || !is_lower(stem.front())) return false;
  char previous = '_';
  for (const char c : stem) {
    if (!is_lower(c) && !is_digit(c) && (c != '_' || previous == '_')) return false;
    previous = c;
  }
  return previous != '_';
}

std::string fnv1a_in_hex(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  std::string digits;
  for (int shift = 28; shift >= 0; shift -= 4) digits += "0123456789ABCDEF"[hash >> shift & 0xf];
  return digits;
}

}  // namespace

std::string header_path(std::string_view proto_path, const CppOptions& options) {
  return strip_proto(proto_path) + options.header_extension;
}

std::string include_guard(std::string_view header_path) {
  std::string words;
  for (const char c : header_path) {
    if (is_alnum(c)) {
      words += to_upper(c);
    } else if (!words.empty() && words.back() != '_') {
      words += '_';
    }
  }
  if (is_plain(header_path)) return words + '_';
  return "MESSI_" + words + '_' + fnv1a_in_hex(header_path) + '_';
}

std::string codec_class(const Protocol& protocol, const Options& options) {
  return class_base(protocol, options) + "Codec";
}

std::string protobuf_header(std::string_view proto_path) {
  return strip_proto(proto_path) + ".pb.h";
}

bool is_keyword(std::string_view name, int release) {
  return is_among(kKeywords, name) ||
         (release >= kEscapesCpp20 && is_among(kCpp20Keywords, name)) ||
         (release >= kEscapesAssert && name == "assert");
}

std::string namespace_name(std::string_view package, int release) {
  std::string name;
  for (const std::string_view part : split(package, '.')) {
    if (!name.empty()) name += "::";
    name += with_underscore(std::string(part),
                            release >= kEscapesPackages && is_keyword(part, release));
  }
  return name;
}

bool is_method_of_messages(std::string_view name, int release) {
  return is_among(kOtherMethodsOfAllMessages, name) ||
         (release < kEscapesMethods && is_among(kMethodsOfAllMessages, name));
}

bool is_type_in_messages(std::string_view name, int release) {
  return release < kEscapesMethods && is_among(kTypesInMessages, name);
}

std::string qualified_class(const Message& type, int release) {
  std::string name;
  for (const std::string& part : type.scope) {
    if (!name.empty()) name += '_';
    name += part;
    name = with_underscore(
        name, is_keyword(name, release) ||
                  (release >= kEscapesMethods && is_among(kMethodsOfAllMessages, name)));
  }
  const std::string scope = namespace_name(type.file->package, release);
  return (scope.empty() ? "::" : "::" + scope + "::") + name;
}

std::string accessor(std::string_view field_name, int release) {
  const std::string name = lower_case(field_name);
  return with_underscore(
      name, is_keyword(name, release) ||
                (release >= kEscapesMethods && is_among(kAccessorsOfAllMessages, name)));
}

std::string case_constant(std::string_view field_name) {
  std::string name = "k";
  bool word_begins = true;
  for (const char c : field_name) {
    if (c != '_') name += word_begins ? to_upper(c) : c;
    word_begins = c == '_' || is_digit(c);
  }
  return name;
}

}  // namespace messi::plugin::cpp

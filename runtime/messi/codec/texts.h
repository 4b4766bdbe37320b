#ifndef MESSI_CODEC_TEXTS_H_
#define MESSI_CODEC_TEXTS_H_

// Text must be UTF-8: receivers refuse other text. libprotobuf only logs bad text when it encodes,
// so this checks what it has written. Generated tables say which fields are text.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "messi/base/utf8.h"
#include "messi/codec/varint.h"

namespace messi::codec {

/// A field that is text, or a message with text inside.
struct TextField {
  std::uint32_t number;
  int type;  ///< The type of the message; kText for text.
  std::string_view name;
};
constexpr int kText = -1;

/// A message with text inside. Its fields are fields[begin] to fields[end - 1], by number.
struct TextType {
  std::string_view name;  ///< "chat.MessageInd"
  std::size_t begin;
  std::size_t end;
};

/// All messages that one side of a protocol sends. A type is an index into `types`.
struct TextTable {
  /// Reads the text in generated code. Each type has a line with its name, and below it a line for
  /// each of its fields: a blank, the number, the name, and for a message its type.
  ///
  ///     chat.Person
  ///      1 name
  ///      2 address 1
  ///     chat.Address
  ///      4 street
  explicit TextTable(std::string_view text);

  std::vector<TextType> types;
  std::vector<TextField> fields;
};

/// A place with text that is not UTF-8. Without a field there is none.
struct BadText {
  const TextType* type = nullptr;
  const TextField* field = nullptr;
};

/// The first bad text in an encoded message of `type`.
inline BadText find_bad_text(const TextTable& table, int type, std::string_view message);

/// Field `number`, which is text, of a message of `type`.
inline BadText text_field(const TextTable& table, int type, std::uint32_t number);

/// Prints the field on stderr.
inline void complain_of(const BadText& bad) {
  const std::string name = std::string(bad.type->name) + '.' + std::string(bad.field->name);
  std::fprintf(stderr, "messi: %s is not UTF-8\n", name.c_str());
}

// ---------------------------------------------------------------------------------------------

namespace internal {

class TextFinder {
 public:
  TextFinder(const TextTable& table, std::string_view bytes) : table_(table), bytes_(bytes) {}

  /// Checks the fields of one message, up to the end of the message or group.
  BadText find(int type, int levels) {
    static constexpr TextType kNothing = {"", 0, 0};
    const TextType& message = type < 0 ? kNothing : table_.types[static_cast<std::size_t>(type)];
    const TextField* const begin = table_.fields.data() + message.begin;
    const TextField* const end = table_.fields.data() + message.end;
    const TextField* field = begin;
    std::uint64_t tag = 0;
    while (read_varint<5>(bytes_, tag)) {
      const auto number = static_cast<std::uint32_t>(tag) >> 3;
      // Fields are nearly always in the order of their numbers.
      if (field == end || number < field->number) field = begin;
      while (field != end && field->number < number) ++field;
      const bool is_known = field != end && field->number == number;
      BadText bad;
      switch (tag & 7) {
        case 0:
          skip_varint();
          break;
        case 1:
          skip(8);
          break;
        case 2: {
          const std::string_view value = take();
          if (!is_known) break;
          if (field->type == kText) {
            if (!is_utf8(value)) return {&message, field};
          } else if (levels > 0) {
            bad = TextFinder(table_, value).find(field->type, levels - 1);
          }
          break;
        }
        case 3:
          if (levels == 0) return {};
          bad = find(is_known ? field->type : -1, levels - 1);
          break;
        case 5:
          skip(4);
          break;
        default:  // The end of a group.
          return {};
      }
      if (bad.field != nullptr) return bad;
    }
    return {};
  }

 private:
  void skip_varint() {
    std::uint64_t ignored = 0;
    if (!read_varint<10>(bytes_, ignored)) bytes_ = {};
  }
  void skip(std::size_t size) { bytes_.remove_prefix(size < bytes_.size() ? size : bytes_.size()); }
  std::string_view take() {
    std::uint64_t size = 0;
    if (!read_varint<5>(bytes_, size)) bytes_ = {};
    const std::string_view value = bytes_.substr(0, static_cast<std::size_t>(size));
    bytes_.remove_prefix(value.size());
    return value;
  }

  const TextTable& table_;
  std::string_view bytes_;
};

}  // namespace internal

inline TextTable::TextTable(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    if (line.front() != ' ') {
      types.push_back({line, fields.size(), fields.size()});
      continue;
    }
    const auto take_word = [&line] {
      line.remove_prefix(1);
      const std::string_view word = line.substr(0, line.find(' '));
      line.remove_prefix(word.size());
      return word;
    };
    const auto number_of = [](std::string_view digits) {
      std::uint32_t number = 0;
      for (const char digit : digits)
        number = 10 * number + static_cast<std::uint32_t>(digit - '0');
      return number;
    };
    const std::uint32_t number = number_of(take_word());
    const std::string_view name = take_word();
    const int type = line.empty() ? kText : static_cast<int>(number_of(take_word()));
    fields.push_back({number, type, name});
    types.back().end = fields.size();
  }
}

inline BadText find_bad_text(const TextTable& table, int type, std::string_view message) {
  // Deeper messages are refused by receivers anyway.
  constexpr int kLevels = 100;
  return internal::TextFinder(table, message).find(type, kLevels);
}

inline BadText text_field(const TextTable& table, int type, std::uint32_t number) {
  const TextType& message = table.types[static_cast<std::size_t>(type)];
  const TextField* field = table.fields.data() + message.begin;
  while (field->number != number) ++field;
  return {&message, field};
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_TEXTS_H_

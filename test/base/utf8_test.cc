#include "messi/base/utf8.h"

#include <iterator>
#include <random>
#include <string>
#include <string_view>

#include "test/catch.h"

using messi::is_utf8;

namespace {

/// By the definition: code points in the shortest form, without surrogates. Slow and simple.
bool is_utf8_by_definition(std::string_view text) {
  constexpr unsigned kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const unsigned first = byte(0);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xc0 ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf8 ? 4
                                            : 0;
    if (size == 0 || at + size > text.size()) return false;
    unsigned code = size == 1 ? first : first & (0xffU >> (size + 1));
    for (std::size_t i = 1; i < size; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return false;
      code = code << 6 | (byte(i) & 0x3f);
    }
    if (code < kSmallest[size] || code > 0x10ffff) return false;
    if (code >= 0xd800 && code <= 0xdfff) return false;
    at += size;
  }
  return true;
}

}  // namespace

TEST_CASE("UTF-8 is what the definition says", "[codec]") {
  CHECK(is_utf8(""));
  CHECK(is_utf8("Grüße, 世界 🌍"));
  CHECK(is_utf8(std::string_view("a\0b", 3)));
  std::string text(4, '\0');
  int differences = 0;
  for (unsigned start = 0; start < 0x10000; ++start) {
    text[0] = static_cast<char>(start >> 8);
    text[1] = static_cast<char>(start);
    for (const unsigned third :
         {0x00U, 0x7fU, 0x80U, 0x8fU, 0x9fU, 0xa0U, 0xbfU, 0xc0U, 0xc3U, 0xffU}) {
      text[2] = static_cast<char>(third);
      for (const unsigned fourth : {0x00U, 0x7fU, 0x80U, 0xbfU, 0xc0U, 0xffU}) {
        text[3] = static_cast<char>(fourth);
        for (std::size_t size = 1; size <= 4; ++size) {
          const std::string_view part(text.data(), size);
          if (is_utf8(part) != is_utf8_by_definition(part)) ++differences;
        }
      }
    }
  }
  CHECK(differences == 0);
}

TEST_CASE("characters of a long text are what the definition says", "[codec]") {
  std::string text(45, 'x');
  std::size_t at = 0;
  int differences = 0;
  for (unsigned start = 0; start < 0x10000; ++start) {
    for (const unsigned third : {0x7fU, 0x80U, 0x8fU, 0x90U, 0xa0U, 0xbfU, 0xc3U}) {
      for (const unsigned fourth : {0x7fU, 0x80U, 0xbfU, 0xc0U}) {
        const unsigned characters[] = {start >> 8, start & 0xff, third, fourth};
        // The last place is the end of the text, and the next time it is another one.
        at = (at + 1) % (text.size() - 3);
        for (std::size_t i = 0; i < 4; ++i) text[at + i] = static_cast<char>(characters[i]);
        const std::string_view part(text.data() + at, 4);
        if (is_utf8(text) != is_utf8_by_definition(part)) ++differences;
        text.replace(at, 4, "xxxx");
      }
    }
  }
  CHECK(differences == 0);
}

TEST_CASE("long text of all kinds of characters is what the definition says", "[codec]") {
  constexpr const char* kCharacters[] = {"a", " ",  "z",   "ü", "é", "߿",
                                         "ࠀ", "世", "퟿", "𐀀", "🌍", "\U0010ffff"};
  std::minstd_rand random(1);
  const auto below = [&random](std::size_t bound) { return random() % bound; };
  int differences = 0, valid = 0;
  for (int round = 0; round < 100'000; ++round) {
    std::string text;
    const std::size_t size = below(200), kinds = 1 + below(std::size(kCharacters));
    while (text.size() < size) text += kCharacters[below(kinds)];
    if (below(50) == 0) text.insert(below(text.size() + 1), 100, 'x');
    const std::size_t faults = below(3);
    for (std::size_t i = 0; i < faults && !text.empty(); ++i) {
      text[below(text.size())] = static_cast<char>(0x80 + below(0x80));
    }
    // What is around it is not looked at.
    const std::string around = '\xf0' + text + '\x80';
    const bool is_valid = is_utf8_by_definition(text);
    valid += is_valid ? 1 : 0;
    if (is_utf8(std::string_view(around).substr(1, text.size())) != is_valid) ++differences;
  }
  CHECK(differences == 0);
  CHECK(valid > 10'000);
  CHECK(valid < 90'000);
}

TEST_CASE("a character that is cut by ASCII is found wherever it is", "[codec]") {
  for (const std::string_view cut : {"\xc3", "\xe4", "\xe4\xb8", "\xf0\x9f\x8c"}) {
    for (std::size_t before = 0; before <= 200; ++before) {
      std::string text = "世界" + std::string(before, 'x');
      text += cut;
      text.append(200, 'x');
      CHECK_FALSE(is_utf8(text));
    }
  }
}

TEST_CASE("a byte that is not UTF-8 is found wherever it is", "[codec]") {
  for (std::size_t size = 1; size <= 100; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      text[at] = '\x80';
      CHECK_FALSE(is_utf8(text));
      text[at] = '\xc3';
      CHECK_FALSE(is_utf8(text));
      if (at + 1 == size) continue;
      text[at + 1] = '\xbc';
      CHECK(is_utf8(text));
    }
  }
}

TEST_CASE("text is copied, and told whether it is UTF-8", "[codec]") {
  for (std::size_t size = 0; size <= 100; ++size) {
    std::string text(size, 'x');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    const auto copies = [&] {
      std::string copy(size + 1, '!');
      const bool valid = messi::copy_utf8(text, copy.data());
      CHECK(copy == text + '!');
      return valid;
    };
    CHECK(copies());
    for (std::size_t at = 0; at < size; ++at) {
      const char before = text[at];
      text[at] = '\xff';
      CHECK_FALSE(copies());
      text[at] = before;
    }
    if (size >= 2) {
      text.replace(size - 2, 2, "ü");
      CHECK(copies());
    }
  }
}

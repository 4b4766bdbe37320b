#ifndef MESSI_BASE_UTF8_H_
#define MESSI_BASE_UTF8_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "messi/base/utf8_blocks.h"

namespace messi {

/// Whether `text` is UTF-8: no overlong encodings, no surrogates, nothing above U+10FFFF. Takes
/// 0.02 to 0.04 ns per byte of long ASCII text, and less than 0.3 ns per byte of other long text
/// (check_utf8 of bench/parts.cc).
inline bool is_utf8(std::string_view text);

/// Whether all bytes are below 0x80.
inline bool is_ascii(std::string_view text);

/// Copies `text` to `out`; whether it is UTF-8.
inline bool copy_utf8(std::string_view text, void* out);

// ---------------------------------------------------------------------------------------------

namespace utf8 {

using Vector = std::uint64_t __attribute__((vector_size(16)));

/// Small machines have none, and little room for the code.
inline constexpr bool kHasVectors = sizeof(std::size_t) >= 8;

inline bool is_ascii(std::uint64_t bytes) { return (bytes & 0x8080808080808080) == 0; }
inline bool is_ascii(Vector bytes) { return is_ascii(bytes[0] | bytes[1]); }

/// Text of this size is covered by two words, which may overlap.
inline constexpr std::size_t kShort = 2 * sizeof(Vector);

/// Whether a text of one to two words is ASCII. Copies it, unless `out` is null.
template <typename Word>
[[gnu::always_inline]] inline bool pass_words(std::string_view text, char* out) {
  const std::size_t last = text.size() - sizeof(Word);
  Word words[2];
  std::memcpy(&words[0], text.data(), sizeof(Word));
  std::memcpy(&words[1], text.data() + last, sizeof(Word));
  if (out != nullptr) {
    std::memcpy(out, &words[0], sizeof(Word));
    std::memcpy(out + last, &words[1], sizeof(Word));
  }
  return is_ascii(words[0] | words[1]);
}
/// The same of a short text. Calls of memcpy, and loops, would take longer than the work.
[[gnu::always_inline]] inline bool pass_short(std::string_view text, char* out) {
  if (text.size() >= 16) return pass_words<Vector>(text, out);
  if (text.size() >= 8) return pass_words<std::uint64_t>(text, out);
  if (text.size() >= 4) return pass_words<std::uint32_t>(text, out);
  if (text.size() >= 2) return pass_words<std::uint16_t>(text, out);
  return text.empty() || pass_words<std::uint8_t>(text, out);
}

/// The first byte that is not ASCII.
inline const char* skip_ascii(const char* at, const char* end) {
  const auto vector = [&at](int i) {
    Vector bytes;
    std::memcpy(&bytes, at + 16 * i, 16);
    return bytes;
  };
  const auto word = [&at](int i) {
    std::uint64_t bytes;
    std::memcpy(&bytes, at + 8 * i, 8);
    return bytes;
  };
  const auto half_word = [&at] {
    std::uint32_t bytes;
    std::memcpy(&bytes, at, 4);
    return bytes;
  };
  while (kHasVectors && end - at >= 128) {
    const Vector all = vector(0) | vector(1) | vector(2) | vector(3) | vector(4) | vector(5) |
                       vector(6) | vector(7);
    if (!is_ascii(all)) break;
    at += 128;
  }
  while (kHasVectors && end - at >= 16 && is_ascii(vector(0))) at += 16;
  while (end - at >= 8 && is_ascii(word(0))) at += 8;
  if (end - at >= 4 && is_ascii(half_word())) at += 4;
  while (at != end && static_cast<unsigned char>(*at) < 0x80) ++at;
  return at;
}

/// The length of the character at `at`, which is not ASCII; 0 if it is not valid.
inline std::ptrdiff_t character_size(const char* at, const char* end) {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const auto continues = [&byte](int i) { return (byte(i) & 0xc0) == 0x80; };
  const unsigned char first = byte(0);
  const std::ptrdiff_t left = end - at;
  if (first < 0xc2 || left < 2 || !continues(1)) return 0;
  if (first < 0xe0) return 2;
  const unsigned code = static_cast<unsigned>(first) << 8 | byte(1);
  if (left < 3 || !continues(2)) return 0;
  if (first < 0xf0) {
    const bool overlong = code < 0xe0a0;
    const bool surrogate = code >= 0xeda0 && code <= 0xedbf;
    return overlong || surrogate ? 0 : 3;
  }
  if (left < 4 || !continues(3)) return 0;
  return code >= 0xf090 && code <= 0xf48f ? 4 : 0;
}

[[gnu::noinline]] inline bool is_valid(std::string_view text) {
  const char* at = text.data();
  const char* const end = at + text.size();
  const bool in_blocks = kHasVectors && text.size() >= kSmallest && can_look_up();
  while ((at = skip_ascii(at, end)) != end) {
    do {
      if (in_blocks && at - text.data() >= kBefore) return is_valid_in_blocks(at, end);
      const std::ptrdiff_t size = character_size(at, end);
      if (size == 0) return false;
      at += size;
    } while (at != end && static_cast<unsigned char>(*at) >= 0x80);
  }
  return true;
}

/// See copy_utf8. Each text of a message calls it, and should not have it inline.
[[gnu::noinline]] inline bool copy(std::string_view text, char* out) {
  if (text.size() <= kShort) {
    if (pass_short(text, out)) return true;
  } else {
    // What is read twice is near the second time, and memcpy is the fastest that the machine has.
    std::memcpy(out, text.data(), text.size());
  }
  return is_valid(text);
}

}  // namespace utf8

inline bool is_ascii(std::string_view text) {
  const char* const end = text.data() + text.size();
  return utf8::skip_ascii(text.data(), end) == end;
}

inline bool is_utf8(std::string_view text) {
  if (text.size() <= utf8::kShort && utf8::pass_short(text, nullptr)) return true;
  return utf8::is_valid(text);
}

inline bool copy_utf8(std::string_view text, void* out) {
  return utf8::copy(text, static_cast<char*>(out));
}

}  // namespace messi

#endif  // MESSI_BASE_UTF8_H_

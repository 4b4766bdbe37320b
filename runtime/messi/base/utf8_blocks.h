#ifndef MESSI_BASE_UTF8_BLOCKS_H_
#define MESSI_BASE_UTF8_BLOCKS_H_

// Whether long text is UTF-8, sixteen bytes at a time, where the machine can look up sixteen bytes
// at once. The method is Keiser's and Lemire's, "Validating UTF-8 in less than one instruction per
// byte": nearly every fault shows in two bytes that follow each other. doc/performance.md has the
// figures, and says why this is no library.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace messi::utf8 {

using Block = std::uint8_t __attribute__((vector_size(16)));

/// Whether there is `look_up`: on x86-64 since 2006, on 64-bit ARM always.
inline bool can_look_up() {
#if defined(__x86_64__)
  // In a virtual machine the processor takes microseconds to answer. The compiler's way to ask and
  // remember is 8 kB of machine code.
  enum : unsigned char { kUnknown, kNo, kYes };
  static std::atomic<unsigned char> answer{kUnknown};
  if (answer.load(std::memory_order_relaxed) == kUnknown) {
    unsigned a = 1, b, c = 0, d;
    asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    constexpr unsigned kSsse3 = 1U << 9;
    answer.store((c & kSsse3) != 0 ? kYes : kNo, std::memory_order_relaxed);
  }
  return answer.load(std::memory_order_relaxed) == kYes;
#elif defined(__aarch64__)
  return true;
#else
  return false;
#endif
}

/// For each index, which is less than 16, what is there in `table`. Written as assembly: an
/// intrinsic would want a header, and all that calls it compiled for newer machines.
inline Block look_up(Block table, Block index) {
#if defined(__x86_64__)
  asm("pshufb %1, %0" : "+x"(table) : "x"(index));
#elif defined(__aarch64__)
  asm("tbl %0.16b, {%0.16b}, %1.16b" : "+w"(table) : "w"(index));
#else
  static_cast<void>(index);
#endif
  return table;
}

inline Block load(const char* at) {
  Block block;
  std::memcpy(&block, at, sizeof block);
  return block;
}

inline bool is_zero(Block block) {
  std::uint64_t words[2];
  std::memcpy(words, &block, sizeof block);
  return (words[0] | words[1]) == 0;
}

/// What may be wrong with a byte and the one before it. Three tables tell what the halves of these
/// bytes leave possible.
namespace fault {

inline constexpr unsigned kTooShort = 0x01;     ///< a character is begun and not continued
inline constexpr unsigned kTooLong = 0x02;      ///< ASCII is continued
inline constexpr unsigned kOverlong2 = 0x04;    ///< 0xc0 or 0xc1
inline constexpr unsigned kOverlong3 = 0x08;    ///< 0xe0, then less than 0xa0
inline constexpr unsigned kSurrogate = 0x10;    ///< 0xed, then 0xa0 and more
inline constexpr unsigned kTooLarge = 0x20;     ///< 0xf4 and more, then 0x90 and more
inline constexpr unsigned kOutOfRange4 = 0x40;  ///< 0xf0, or 0xf5 and more, then less than 0x90
/// Both continue. Wrong unless a character of three or four bytes has begun before.
inline constexpr unsigned kTwoContinue = 0x80;

constexpr unsigned of_first_upper(unsigned half) {
  if (half < 0x8) return kTooLong;
  if (half < 0xc) return kTwoContinue;
  if (half == 0xc) return kTooShort | kOverlong2;
  if (half == 0xd) return kTooShort;
  if (half == 0xe) return kTooShort | kOverlong3 | kSurrogate;
  return kTooShort | kTooLarge | kOutOfRange4;
}
constexpr unsigned of_first_lower(unsigned half) {
  constexpr unsigned kAny = kTooShort | kTooLong | kTwoContinue;
  if (half == 0x0) return kAny | kOverlong2 | kOverlong3 | kOutOfRange4;
  if (half == 0x1) return kAny | kOverlong2;
  if (half < 0x4) return kAny;
  if (half == 0x4) return kAny | kTooLarge;
  if (half == 0xd) return kAny | kTooLarge | kOutOfRange4 | kSurrogate;
  return kAny | kTooLarge | kOutOfRange4;
}
constexpr unsigned of_second_upper(unsigned half) {
  constexpr unsigned kContinues = kTooLong | kTwoContinue | kOverlong2;
  if (half < 0x8 || half >= 0xc) return kTooShort;
  if (half == 0x8) return kContinues | kOverlong3 | kOutOfRange4;
  if (half == 0x9) return kContinues | kOverlong3 | kTooLarge;
  return kContinues | kSurrogate | kTooLarge;
}

template <typename Of, unsigned... kHalf>
constexpr Block table(const Of& of, std::integer_sequence<unsigned, kHalf...>) {
  return Block{static_cast<std::uint8_t>(of(kHalf))...};
}
using Halves = std::make_integer_sequence<unsigned, 16>;
inline constexpr Block kFirstUpper = table(of_first_upper, Halves());
inline constexpr Block kFirstLower = table(of_first_lower, Halves());
inline constexpr Block kSecondUpper = table(of_second_upper, Halves());

}  // namespace fault

/// How many bytes before a block are looked at.
inline constexpr std::ptrdiff_t kBefore = 3;

/// What is wrong with each byte of the block at `at`, given those before it. That the last of them
/// begin a character does not show.
inline Block faults_at(const char* at) {
  const Block second = load(at);
  const Block first = load(at - 1);
  const Block pair = look_up(fault::kFirstUpper, first >> 4) &
                     look_up(fault::kFirstLower, first & 0x0f) &
                     look_up(fault::kSecondUpper, second >> 4);
  const auto must_continue =
      reinterpret_cast<Block>((load(at - 2) >= 0xe0) | (load(at - 3) >= 0xf0));
  return pair ^ (must_continue & fault::kTwoContinue);
}

/// Whether a character that begins in the bytes before `end` goes on behind it.
inline bool is_cut(const char* end) {
  const auto before = [end](int i) { return static_cast<unsigned char>(end[-i]); };
  return before(1) >= 0xc0 || before(2) >= 0xe0 || before(3) >= 0xf0;
}

/// The smallest text that `is_valid_in_blocks` is for.
inline constexpr std::size_t kSmallest = sizeof(Block) + kBefore;

/// Whether the text goes on at `at` as UTF-8. It has `kSmallest` bytes or more, of which `kBefore`
/// or more, all of them valid, are before `at`.
[[gnu::noinline]] inline bool is_valid_in_blocks(const char* at, const char* end) {
  constexpr std::ptrdiff_t kBlock = sizeof(Block);
  Block faults = {};
  while (end - at >= 4 * kBlock) {
    const Block all = load(at) | load(at + kBlock) | load(at + 2 * kBlock) | load(at + 3 * kBlock);
    const char* const next = at + 4 * kBlock;
    if (is_zero(all & 0x80)) {
      if (is_cut(at)) return false;
      at = next;
    }
    for (; at != next; at += kBlock) faults |= faults_at(at);
  }
  // Of the last block some bytes may have been looked at already.
  for (; at < end; at += kBlock) faults |= faults_at(end - at < kBlock ? end - kBlock : at);
  return is_zero(faults) && !is_cut(end);
}

}  // namespace messi::utf8

#endif  // MESSI_BASE_UTF8_BLOCKS_H_

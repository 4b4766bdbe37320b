#ifndef MESSI_TEST_SIMULATION_MESSAGES_H_
#define MESSI_TEST_SIMULATION_MESSAGES_H_

// The messages of a run: made from a few numbers, and hashed by what a user can read from them.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "simulation.pb.h"
#include "test/simulation/random.h"

namespace messi::simulation {

using ::simulation::AskReq;
using ::simulation::AskRsp;
using ::simulation::Empty;
using ::simulation::First;
using ::simulation::Flat;
using ::simulation::Nested;
using ::simulation::TellReq;
using ::simulation::TellRsp;
using ::simulation::Text;

/// The form of a message.
enum class Form : std::uint8_t { kEmpty, kFlat, kText, kNested };

/// What a message is made from.
struct Recipe {
  Form form = Form::kEmpty;
  std::uint32_t size = 0;  ///< Of its content, about the payload's size in bytes.
};

class Hash {
 public:
  explicit Hash(std::uint64_t kind) : value_(mix(kind)) {}
  Hash& add(std::uint64_t number) {
    value_ = (value_ ^ number) * 0x9e3779b97f4a7c15;
    value_ ^= value_ >> 29;
    return *this;
  }
  Hash& add(std::string_view bytes) {
    add(bytes.size());
    for (; bytes.size() >= sizeof(std::uint64_t); bytes.remove_prefix(sizeof(std::uint64_t))) {
      std::uint64_t word;
      std::memcpy(&word, bytes.data(), sizeof(word));
      add(word);
    }
    std::uint64_t rest = 0;
    if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
    return add(rest);
  }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_;
};

inline std::uint64_t hash_of(const First& message) {
  return Hash(100).add(message.journal()).value();
}
inline std::uint64_t hash_of(const Empty& /*message*/) { return Hash(101).value(); }
inline std::uint64_t hash_of(const Flat& message) {
  std::uint64_t value;
  const double number = message.value();
  std::memcpy(&value, &number, sizeof(value));
  return Hash(102)
      .add(static_cast<std::uint64_t>(message.number()))
      .add(message.data())
      .add(message.yes() ? 1 : 0)
      .add(value)
      .value();
}
inline std::uint64_t hash_of(const Text& message) { return Hash(103).add(message.text()).value(); }
inline std::uint64_t hash_of(const Nested& message) {
  Hash hash(104);
  for (const Text& text : message.texts()) hash.add(text.text());
  std::uint64_t named = 0;  // a map has no order
  for (const auto& [number, text] : message.named()) named ^= Hash(number).add(text).value();
  return hash.add(named).add(message.has_flat() ? hash_of(message.flat()) : 0).value();
}

template <typename Request>
std::uint64_t hash_of_request(const Request& request) {
  return Hash(105)
      .add(request.call())
      .add(request.manner())
      .add(request.after_ms())
      .add(request.data())
      .value();
}
inline std::uint64_t hash_of(const AskReq& message) { return hash_of_request(message); }
inline std::uint64_t hash_of(const TellReq& message) { return hash_of_request(message); }
template <typename Reply>
std::uint64_t hash_of_reply(const Reply& reply) {
  return Hash(106).add(reply.call()).add(reply.salt()).add(reply.data()).value();
}
inline std::uint64_t hash_of(const AskRsp& message) { return hash_of_reply(message); }
inline std::uint64_t hash_of(const TellRsp& message) { return hash_of_reply(message); }

/// Makes messages; each is valid until the next one of its form.
class Kitchen {
 public:
  /// Calls `use(message)` with a message that follows the recipe; `salt` makes it unlike others.
  template <typename Use>
  void make(Recipe recipe, std::uint64_t salt, Use&& use) {
    salt = mix(salt);
    switch (recipe.form) {
      case Form::kEmpty:
        return use(std::as_const(empty_));
      case Form::kFlat:
        fill(flat_, recipe.size, salt);
        return use(std::as_const(flat_));
      case Form::kText:
        text_.set_text(text(recipe.size, salt));
        return use(std::as_const(text_));
      case Form::kNested:
        fill_nested(recipe.size, salt);
        return use(std::as_const(nested_));
    }
  }
  const Text& bad_text() {
    text_.set_text("not UTF-8: \xff");
    return text_;
  }

 private:
  static constexpr std::size_t kShelf = 1 << 20;
  static constexpr std::size_t kMostSalt = 1 << 12;

  /// Bytes to cut contents from. With two bytes for each character of text.
  static const std::string& shelf(bool ascii) {
    static const auto filled = [](bool plain) {
      std::string bytes(kShelf + kMostSalt, '\0');
      Random random(7);
      for (std::size_t i = 0; i < bytes.size(); i += 2) {
        const std::uint64_t number = random.next();
        bytes[i] = static_cast<char>(plain ? ' ' + number % 95 : 0xc3);
        bytes[i + 1] = static_cast<char>(plain ? ' ' + number / 95 % 95 : 0x80 + number % 64);
      }
      return bytes;
    };
    static const std::array<std::string, 2> shelves = {filled(false), filled(true)};
    return shelves[ascii ? 1 : 0];
  }
  static std::string_view cut(std::size_t size, std::uint64_t salt) {
    return {shelf(true).data() + salt % kMostSalt, std::min(size, kShelf)};
  }
  static std::string text(std::size_t size, std::uint64_t salt) {
    if (salt % 3 != 0) return std::string(cut(size, salt));
    return std::string(shelf(false).data() + salt % (kMostSalt / 2) * 2,
                       std::min(size, kShelf) / 2 * 2);
  }
  static void fill(Flat& flat, std::size_t size, std::uint64_t salt) {
    flat.set_number(static_cast<std::int64_t>(salt));
    flat.set_yes(salt % 2 == 0);
    flat.set_value(static_cast<double>(salt));
    flat.mutable_data()->assign(cut(size, salt));
  }
  void fill_nested(std::size_t size, std::uint64_t salt) {
    nested_.Clear();
    const std::size_t parts = 1 + salt % 5;
    for (std::size_t i = 0; i < parts; ++i) {
      nested_.add_texts()->set_text(text(size / parts / 2, salt + i));
      (*nested_.mutable_named())[static_cast<std::uint32_t>(i)] = cut(size / parts / 2, salt + i);
    }
    if (salt % 2 == 0) fill(*nested_.mutable_flat(), salt % 30, salt);
  }

  Empty empty_;
  Flat flat_;
  Text text_;
  Nested nested_;
};

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_MESSAGES_H_

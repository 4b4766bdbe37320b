#ifndef MESSI_TEST_SUPPORT_NONSENSE_H_
#define MESSI_TEST_SUPPORT_NONSENSE_H_

#include <cstddef>
#include <random>
#include <string>
#include <utility>

#include "test/support/bytes.h"
#include "test/support/chat.h"

namespace messi::test {

/// Streams of bytes, the same ones for the same seed, as no peer of ours would send them.
class Nonsense {
 public:
  enum class From { kClient, kServer };

  Nonsense(From from, unsigned seed) : from_(from), random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_()) % n; }

  std::string bytes(std::size_t most) {
    std::string result(below(most + 1), '\0');
    for (char& byte : result) byte = static_cast<char>(random_());
    return result;
  }

  /// Something between a perfect stream and noise.
  std::string stream() {
    std::string result;
    const std::size_t count = below(8);
    for (std::size_t i = 0; i < count; ++i) result += piece();
    switch (below(4)) {
      case 0:
        return result.substr(0, below(result.size() + 1));
      case 1:
        return flip(std::move(result));
      default:
        return result;
    }
  }

 private:
  std::string piece() {
    switch (below(8)) {
      case 0:
        return bytes(300);
      case 1:
        return header(static_cast<int>(below(6)), below(0x1000000));
      case 2:
        return frame(static_cast<int>(below(256)), bytes(100));
      case 3:
        return frame(from_ == From::kClient ? 1 : 2, bytes(20));
      case 4: {
        std::string inner = flip(encoded(message("hello there")).substr(4));
        return frame(from_ == From::kClient ? 1 : 2, inner);
      }
      case 5:
        return from_ == From::kClient ? kPing : kPong;
      case 6:
        return from_ == From::kClient ? from_client(connect_req())
                                      : from_server(chat::ConnectRsp());
      default:
        return encoded(message(std::string(below(5'000), 'x')));
    }
  }

  std::string encoded(const chat::MessageInd& message) const {
    return from_ == From::kClient ? from_client(message) : from_server(message);
  }

  std::string flip(std::string text) {
    for (std::size_t i = 0; i < 1 + below(3) && !text.empty(); ++i) {
      text[below(text.size())] = static_cast<char>(random_());
    }
    return text;
  }

  From from_;
  std::mt19937 random_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_NONSENSE_H_

#ifndef MESSI_IO_WEBSOCKET_MASK_KEYS_H_
#define MESSI_IO_WEBSOCKET_MASK_KEYS_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "messi/base/bytes.h"
#include "messi/io/event_loop.h"
#include "messi/io/websocket/frame.h"

namespace messi::websocket {

/// Keys that nobody can guess. The system is asked for many at once.
class MaskKeys {
 public:
  explicit MaskKeys(EventLoop& loop) : loop_(loop) {}

  MaskKey next() {
    if (at_ == bytes_.size()) {
      loop_.fill_secret({bytes_.data(), bytes_.size()});
      at_ = 0;
    }
    MaskKey key{};
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at_), key.size(), key.begin());
    at_ += key.size();
    return key;
  }

 private:
  EventLoop& loop_;
  std::array<char, 256> bytes_{};
  std::size_t at_ = bytes_.size();
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_MASK_KEYS_H_

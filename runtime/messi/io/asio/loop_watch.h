#ifndef MESSI_IO_ASIO_LOOP_WATCH_H_
#define MESSI_IO_ASIO_LOOP_WATCH_H_

#include "messi/io/asio/asio.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

class LoopWatch;

/// A loop that says when it goes.
class WatchedLoop {
 protected:
  WatchedLoop() = default;
  ~WatchedLoop() = default;

  inline void tell_watches();

 private:
  friend class LoopWatch;
  LoopWatch* first_ = nullptr;
};

/// Is told that its loop goes, while that can still be used. It must not outlive the loop.
class LoopWatch {
 public:
  LoopWatch(const LoopWatch&) = delete;
  LoopWatch& operator=(const LoopWatch&) = delete;

 protected:
  explicit LoopWatch(WatchedLoop& loop) : loop_(loop), next_(loop.first_) {
    if (next_ != nullptr) next_->previous_ = this;
    loop.first_ = this;
  }
  ~LoopWatch() {
    (previous_ != nullptr ? previous_->next_ : loop_.first_) = next_;
    if (next_ != nullptr) next_->previous_ = previous_;
  }

 private:
  friend class WatchedLoop;
  /// Must destroy this object.
  virtual void handle_loop_end() = 0;

  WatchedLoop& loop_;
  LoopWatch* previous_ = nullptr;
  LoopWatch* next_;
};

inline void WatchedLoop::tell_watches() {
  while (first_ != nullptr) first_->handle_loop_end();
}

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_LOOP_WATCH_H_

#ifndef MESSI_IO_ASIO_CONTEXT_WATCH_H_
#define MESSI_IO_ASIO_CONTEXT_WATCH_H_

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "messi/io/asio/asio.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// Counts the loops on a context. If that goes before they do, the program ends with a line on
/// stderr: their sockets would touch memory that is gone.
class LoopCount final : public net::execution_context::service {
 public:
  using key_type = LoopCount;
  static inline net::execution_context::id id;

  explicit LoopCount(net::execution_context& context) : service(context) {}

  std::atomic<int> loops{0};

 private:
  void shutdown() noexcept override {
    if (loops == 0) return;
    std::fprintf(stderr, "messi: an io_context must not go before its AsioLoop\n");
    std::abort();
  }
};

/// One of the loops on a context.
class ContextWatch {
 public:
  explicit ContextWatch(net::execution_context& context)
      : count_(net::use_service<LoopCount>(context)) {
    ++count_.loops;
  }
  ContextWatch(const ContextWatch&) = delete;
  ContextWatch& operator=(const ContextWatch&) = delete;
  ~ContextWatch() { --count_.loops; }

 private:
  LoopCount& count_;
};

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_CONTEXT_WATCH_H_

#ifndef MESSI_CORO_SLEEP_H_
#define MESSI_CORO_SLEEP_H_

#include "messi/base/time.h"
#include "messi/coro/awaiter.h"

namespace messi::coro {

class [[nodiscard]] Sleep final : public Awaiter {
 public:
  explicit Sleep(Duration duration) : Awaiter(duration) {}
  bool await_ready() { return false; }
  void await_resume() {}

 private:
  bool ready() override { return false; }
};

/// `co_await sleep(duration)` waits for so long. Zero: until the loop has taken a turn.
inline Sleep sleep(Duration duration) { return Sleep(duration); }

}  // namespace messi::coro

#endif  // MESSI_CORO_SLEEP_H_

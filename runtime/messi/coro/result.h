#ifndef MESSI_CORO_RESULT_H_
#define MESSI_CORO_RESULT_H_

#include "absl/status/status.h"
#include "messi/base/status.h"

namespace messi::coro {

/// A value, or why there is none: `while (auto result = co_await ...) use(*result);`
template <typename Value>
using Result = messi::Result<Value, absl::Status>;

}  // namespace messi::coro

#endif  // MESSI_CORO_RESULT_H_

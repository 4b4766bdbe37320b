#ifndef MESSI_USER_STATUS_H_
#define MESSI_USER_STATUS_H_

// The status that the front doors give to users. The compiled flavour only declares absl::Status,
// since its header takes as long to compile as all of messi's.

#include "messi/flavour.h"

#if defined(MESSI_NO_ABSEIL)

#include "messi/base/status.h"

namespace messi {
/// Without Abseil messi's own, which has `ok()`, `code()` and `message()` too.
using UserStatus = Status;
}  // namespace messi

#else

#ifdef MESSI_COMPILED

#include "absl/base/config.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
class Status;
ABSL_NAMESPACE_END
}  // namespace absl

#else

#include "absl/status/status.h"

#endif

namespace messi {
/// In a program without Abseil it is messi::Status.
using UserStatus = absl::Status;
}  // namespace messi

#endif

#endif  // MESSI_USER_STATUS_H_

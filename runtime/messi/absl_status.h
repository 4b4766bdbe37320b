#ifndef MESSI_ABSL_STATUS_H_
#define MESSI_ABSL_STATUS_H_

// absl::Status for the front doors. The compiled flavour only declares it, since its header takes
// as long to compile as all of messi's.

#include "messi/flavour.h"

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

#endif  // MESSI_ABSL_STATUS_H_

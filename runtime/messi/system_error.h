#ifndef MESSI_SYSTEM_ERROR_H_
#define MESSI_SYSTEM_ERROR_H_

#ifdef MESSI_NO_ABSEIL

#include "messi/base/status.h"

namespace messi {

/// The system's errno in a status from a client or server; 0 if there is none.
inline int errno_of(const Status& status) { return status.system_error(); }

}  // namespace messi

#else

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace messi {

/// The payload of a status that has the system's errno.
inline constexpr const char* kErrnoPayload = "errno";

/// The system's errno in a status from a client or server; 0 if there is none.
inline int errno_of(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  return payload ? std::atoi(std::string(*payload).c_str()) : 0;
}

}  // namespace messi

#endif

#endif  // MESSI_SYSTEM_ERROR_H_

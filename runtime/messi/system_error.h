#ifndef MESSI_SYSTEM_ERROR_H_
#define MESSI_SYSTEM_ERROR_H_

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace messi {

/// Where a status keeps the system's errno.
inline constexpr const char* kErrnoPayload = "errno";

/// The system's error in a status that a client or server was given; 0 if there is none.
inline int errno_of(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  return payload ? std::atoi(std::string(*payload).c_str()) : 0;
}

}  // namespace messi

#endif  // MESSI_SYSTEM_ERROR_H_

#ifndef MESSI_SYSTEM_ERROR_H_
#define MESSI_SYSTEM_ERROR_H_

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

#endif  // MESSI_SYSTEM_ERROR_H_

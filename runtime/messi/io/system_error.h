#ifndef MESSI_IO_SYSTEM_ERROR_H_
#define MESSI_IO_SYSTEM_ERROR_H_

#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"

namespace messi {

inline constexpr const char* kErrnoPayload = "errno";

/// "<what>: <what the system says of `error`>". Never kInvalidArgument, which is for URIs that can
/// never work: whatever the system says may be otherwise tomorrow, even EINVAL.
inline absl::Status status_from_errno(int error, const std::string& what) {
  absl::Status status = absl::ErrnoToStatus(error, what);
  if (absl::IsInvalidArgument(status)) status = absl::UnavailableError(status.message());
  status.SetPayload(kErrnoPayload, absl::Cord(std::to_string(error)));
  return status;
}

/// The system's error in a status that a client or server was given; 0 if there is none.
inline int errno_of(const absl::Status& status) {
  const auto payload = status.GetPayload(kErrnoPayload);
  return payload ? std::atoi(std::string(*payload).c_str()) : 0;
}

}  // namespace messi

#endif  // MESSI_IO_SYSTEM_ERROR_H_

#ifndef MESSI_IMPL_TO_USER_H_
#define MESSI_IMPL_TO_USER_H_

#include "messi/base/status.h"
#include "messi/user_status.h"

#ifdef MESSI_NO_ABSEIL

namespace messi {

inline const Status& to_user(const Status& status) { return status; }

}  // namespace messi

#else

#include <string>

#include "absl/status/status.h"
#include "absl/strings/cord.h"
#include "messi/system_error.h"

namespace messi {

/// Converts the status of the rooms below for users.
inline absl::Status to_user(const Status& status) {
  absl::Status result(static_cast<absl::StatusCode>(status.code()), status.message());
  if (status.system_error() != 0) {
    result.SetPayload(kErrnoPayload, absl::Cord(std::to_string(status.system_error())));
  }
  return result;
}

}  // namespace messi

#endif

#endif  // MESSI_IMPL_TO_USER_H_

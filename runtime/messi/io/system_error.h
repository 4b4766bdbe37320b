#ifndef MESSI_IO_SYSTEM_ERROR_H_
#define MESSI_IO_SYSTEM_ERROR_H_

#include <cerrno>
#include <string>
#include <system_error>

#include "messi/base/status.h"

namespace messi::io {

/// The code that Abseil would choose for an errno that only Linux is sure to have.
inline StatusCode code_of_linux_errno([[maybe_unused]] int error) {
#ifdef __linux__
  switch (error) {
    case ENOMEDIUM:
      return StatusCode::kNotFound;
    case ENOTUNIQ:
      return StatusCode::kAlreadyExists;
    case ENOKEY:
      return StatusCode::kPermissionDenied;
    case EDQUOT:
    case EUSERS:
      return StatusCode::kResourceExhausted;
    case EBADFD:
    case EISNAM:
    case ENOTBLK:
    case ESHUTDOWN:
    case EUNATCH:
      return StatusCode::kFailedPrecondition;
    case ESTALE:
      return StatusCode::kAborted;
    case ECHRNG:
      return StatusCode::kOutOfRange;
    case ENOPKG:
    case EPFNOSUPPORT:
    case ESOCKTNOSUPPORT:
      return StatusCode::kUnimplemented;
    case ECOMM:
    case EHOSTDOWN:
    case ENONET:
      return StatusCode::kUnavailable;
    default:
      break;
  }
#endif
  return StatusCode::kUnknown;
}

/// The code that Abseil would choose for an errno.
inline StatusCode code_of_errno(int error) {
  switch (error) {
    case 0:
      return StatusCode::kOk;
    case ECANCELED:
      return StatusCode::kCancelled;
    case E2BIG:
    case EDESTADDRREQ:
    case EDOM:
    case EFAULT:
    case EILSEQ:
    case EINVAL:
    case ENAMETOOLONG:
    case ENOPROTOOPT:
    case ENOSTR:
    case ENOTSOCK:
    case ENOTTY:
    case EPROTOTYPE:
    case ESPIPE:
      return StatusCode::kInvalidArgument;
    case ETIME:
    case ETIMEDOUT:
      return StatusCode::kDeadlineExceeded;
    case ENODEV:
    case ENOENT:
    case ENXIO:
    case ESRCH:
      return StatusCode::kNotFound;
    case EADDRNOTAVAIL:
    case EALREADY:
    case EEXIST:
      return StatusCode::kAlreadyExists;
    case EACCES:
    case EPERM:
    case EROFS:
      return StatusCode::kPermissionDenied;
    case EMFILE:
    case EMLINK:
    case ENFILE:
    case ENOBUFS:
    case ENODATA:
    case ENOMEM:
    case ENOSPC:
    case ENOSR:
      return StatusCode::kResourceExhausted;
    case EADDRINUSE:
    case EBADF:
    case EBUSY:
    case ECHILD:
    case EISCONN:
    case EISDIR:
    case ENOTCONN:
    case ENOTDIR:
    case ENOTEMPTY:
    case EPIPE:
    case ETXTBSY:
      return StatusCode::kFailedPrecondition;
    case EDEADLK:
      return StatusCode::kAborted;
    case EFBIG:
    case EOVERFLOW:
    case ERANGE:
      return StatusCode::kOutOfRange;
    case EAFNOSUPPORT:
    case ENOSYS:
    case ENOTSUP:
    case EPROTONOSUPPORT:
    case EXDEV:
      return StatusCode::kUnimplemented;
    case EAGAIN:
    case ECONNABORTED:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EINTR:
    case ENETDOWN:
    case ENETRESET:
    case ENETUNREACH:
    case ENOLCK:
    case ENOLINK:
      return StatusCode::kUnavailable;
    default:
      return code_of_linux_errno(error);
  }
}

/// "<what>: <the system's text for `error`>". Never kInvalidArgument, which is for URIs that can
/// never work: every error of the system may pass, even EINVAL.
inline Status status_of_errno(int error, const std::string& what) {
  const StatusCode code = code_of_errno(error);
  return {code == StatusCode::kInvalidArgument ? StatusCode::kUnavailable : code,
          what + ": " + std::generic_category().message(error), error};
}

}  // namespace messi::io

#endif  // MESSI_IO_SYSTEM_ERROR_H_

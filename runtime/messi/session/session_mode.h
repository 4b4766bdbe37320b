#ifndef MESSI_SESSION_SESSION_MODE_H_
#define MESSI_SESSION_SESSION_MODE_H_

#include <cstdint>

namespace messi {

/// Whether messages outlive the connection on which they were sent.
enum class SessionMode : std::uint8_t {
  kOff,       ///< No: what is in flight when a connection breaks may be lost.
  kPrefer,    ///< Yes, with a peer that has sessions too.
  kRequired,  ///< Yes; a peer without sessions is refused.
};

}  // namespace messi

#endif  // MESSI_SESSION_SESSION_MODE_H_

#ifndef MESSI_LOG_H_
#define MESSI_LOG_H_

#include <cstdint>
#include <functional>
#include <string_view>

namespace messi {

enum class LogLevel : std::uint8_t {
  kInfo,     ///< Connections come and go.
  kWarning,  ///< Something went wrong, and messi goes on.
  kError,    ///< Something is wrong that time will not mend.
};

/// Gets a line about each event of connections, just before the hook for the same event; never one
/// about a message. `connection` is the `id` of a server's client; of a client's connections the
/// first is 1; 0 if there is none. The text is UTF-8 without control characters, and may have words
/// of the peer; it lives as long as the call. The loop waits for it. It must not call the client or
/// server; post that. An exception leaves the loop and ends the connection, as one of the hook
/// would, which is called nevertheless.
using LogHook =
    std::function<void(LogLevel level, std::uint64_t connection, std::string_view text)>;

}  // namespace messi

#endif  // MESSI_LOG_H_

#ifndef EXAMPLES_LOGGING_ABSL_LOG_H_
#define EXAMPLES_LOGGING_ABSL_LOG_H_

// messi's log by way of Abseil's, which needs Abseil 20230125 or newer: `options.log =
// absl_log("chat");`

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/log_severity.h"
#include "absl/log/log.h"
#include "messi/log.h"

inline messi::LogHook absl_log(std::string name) {
  return [name = std::move(name)](messi::LogLevel level, std::uint64_t connection,
                                  std::string_view text) {
    const auto severity = level == messi::LogLevel::kInfo      ? absl::LogSeverity::kInfo
                          : level == messi::LogLevel::kWarning ? absl::LogSeverity::kWarning
                                                               : absl::LogSeverity::kError;
    LOG(LEVEL(severity)) << name << ' ' << connection << ": " << text;
  };
}

#endif  // EXAMPLES_LOGGING_ABSL_LOG_H_

#ifndef EXAMPLES_LOGGING_SPDLOG_LOG_H_
#define EXAMPLES_LOGGING_SPDLOG_LOG_H_

// messi's log by way of spdlog: `options.log = spdlog_log("chat");`

#include <spdlog/spdlog.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "messi/log.h"

inline messi::LogHook spdlog_log(std::string name) {
  return [name = std::move(name)](messi::LogLevel level, std::uint64_t connection,
                                  std::string_view text) {
    const auto its_level = level == messi::LogLevel::kInfo      ? spdlog::level::info
                           : level == messi::LogLevel::kWarning ? spdlog::level::warn
                                                                : spdlog::level::err;
    spdlog::log(its_level, "{} {}: {}", name, connection, text);
  };
}

#endif  // EXAMPLES_LOGGING_SPDLOG_LOG_H_

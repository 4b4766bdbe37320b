#ifndef MESSI_IMPL_METRICS_REQUEST_H_
#define MESSI_IMPL_METRICS_REQUEST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messi/metrics.h"

// As much of HTTP/1.1 as a scrape of metrics needs: one request, one answer, the end.

namespace messi::metrics {

inline constexpr std::size_t kMostRequest = 4096;

enum class HttpStatus : std::uint16_t {
  kOk = 200,
  kBadRequest = 400,
  kNotFound = 404,
  kMethodNotAllowed = 405,
  kTooLarge = 431,
};

constexpr std::string_view to_string(HttpStatus status) {
  switch (status) {
    case HttpStatus::kOk:
      return "200 OK";
    case HttpStatus::kBadRequest:
      return "400 Bad Request";
    case HttpStatus::kNotFound:
      return "404 Not Found";
    case HttpStatus::kMethodNotAllowed:
      return "405 Method Not Allowed";
    case HttpStatus::kTooLarge:
      return "431 Request Header Fields Too Large";
  }
  return "";
}

struct Request {
  HttpStatus status;
  bool with_body = true;
  MetricsFormat format = MetricsFormat::kPrometheus;
};

/// Reads what has come so far; nothing if more is needed.
inline std::optional<Request> read_request(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (text.size() >= kMostRequest) return Request{HttpStatus::kTooLarge};
    return std::nullopt;
  }
  const std::string_view head = text.substr(0, end);
  const std::string_view line = head.substr(0, head.find("\r\n"));
  const std::size_t method_end = line.find(' ');
  const std::size_t target_end = line.rfind(' ');
  const bool http = target_end != std::string_view::npos && target_end > method_end &&
                    line.substr(target_end + 1, 7) == "HTTP/1.";
  if (!http) return Request{HttpStatus::kBadRequest};
  const std::string_view method = line.substr(0, method_end);
  std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  target = target.substr(0, target.find('?'));
  if (method != "GET" && method != "HEAD") return Request{HttpStatus::kMethodNotAllowed};
  Request request{HttpStatus::kOk};
  request.with_body = method == "GET";
  if (target != "/metrics") request.status = HttpStatus::kNotFound;
  // Only in an Accept header can there be such a thing, or where it does no harm.
  if (head.find("application/openmetrics-text") != std::string_view::npos) {
    request.format = MetricsFormat::kOpenMetrics;
  }
  return request;
}

inline std::string answer_to(const Request& request, const Metrics& metrics) {
  const bool ok = request.status == HttpStatus::kOk;
  const std::string body =
      ok ? metrics.text(request.format) : std::string(to_string(request.status)) + "\n";
  std::string text = "HTTP/1.1 ";
  text += to_string(request.status);
  text += "\r\nContent-Type: ";
  text += ok ? content_type(request.format) : "text/plain";
  text += "\r\nContent-Length: " + std::to_string(body.size());
  if (request.status == HttpStatus::kMethodNotAllowed) text += "\r\nAllow: GET, HEAD";
  text += "\r\nConnection: close\r\n\r\n";
  if (request.with_body) text += body;
  return text;
}

}  // namespace messi::metrics

#endif  // MESSI_IMPL_METRICS_REQUEST_H_

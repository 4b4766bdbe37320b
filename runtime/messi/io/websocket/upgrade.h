#ifndef MESSI_IO_WEBSOCKET_UPGRADE_H_
#define MESSI_IO_WEBSOCKET_UPGRADE_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/websocket/frame.h"
#include "messi/io/websocket/head.h"

namespace messi::websocket {

/// What both sides speak in a WebSocket.
inline constexpr std::string_view kSubprotocol = "messi.v1";

/// One side of the handshake that turns HTTP into a WebSocket, as bytes in and bytes out.
class Upgrade {
 public:
  /// The most that the other side may say before it ends its head.
  static constexpr std::size_t kMostHead = std::size_t{8} * 1024;

  virtual ~Upgrade() = default;

  /// Takes what has come. What is behind the other side's head belongs to the WebSocket: `rest`.
  void take(std::string_view input) {
    constexpr std::string_view kEnd = "\r\n\r\n";
    const std::size_t seen = head_.size();
    head_.append(input);
    if (Status status = judge_beginning(head_); !status.ok()) return decide(std::move(status));
    const std::size_t end = head_.find(kEnd, seen - std::min(seen, kEnd.size() - 1));
    if (end == std::string::npos) {
      if (head_.size() > kMostHead) decide(judge_too_long());
      return;
    }
    if (end + kEnd.size() > kMostHead) return decide(judge_too_long());
    rest_ = head_.substr(end + kEnd.size());
    head_.resize(end + kEnd.size());
    decide(judge(Head::parse(head_)));
  }
  /// Why there is no WebSocket, if the input has ended instead.
  virtual Status cut_short() const = 0;

  /// Once it is over: whether there is a WebSocket, or why not. The output is sent in both cases.
  const std::optional<Status>& outcome() const { return outcome_; }
  std::string take_rest() { return std::move(rest_); }

  std::string_view output() const { return output_; }
  void handle_written(std::size_t size) { output_.erase(0, size); }

 protected:
  void say(std::string_view text) { output_ += text; }
  bool has_heard() const { return !head_.empty(); }

  /// What can be told from the first bytes: whether it is HTTP.
  virtual Status judge_beginning(std::string_view bytes) = 0;
  /// Nothing if the head is malformed.
  virtual Status judge(const std::optional<Head>& head) = 0;
  virtual Status judge_too_long() = 0;

 private:
  void decide(Status outcome) { outcome_ = std::move(outcome); }

  std::string head_;
  std::string rest_;
  std::string output_;
  std::optional<Status> outcome_;
};

/// What begins with these bytes, if that is not HTTP.
inline std::string_view foreign_protocol(std::string_view begin) {
  // A record of TLS with a handshake or an alert.
  if (begin[0] == 0x16 || begin[0] == 0x15) return "TLS";
  // The header of a frame without a payload: the ping that a client of ours begins with.
  if (begin.substr(0, 4) == std::string_view("\x03\0\0\0", 4)) return "messi without WebSocket";
  return "something else";
}

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_UPGRADE_H_

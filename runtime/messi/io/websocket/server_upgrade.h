#ifndef MESSI_IO_WEBSOCKET_SERVER_UPGRADE_H_
#define MESSI_IO_WEBSOCKET_SERVER_UPGRADE_H_

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/harmless.h"
#include "messi/base/status.h"
#include "messi/io/websocket/accept_key.h"
#include "messi/io/websocket/frame.h"
#include "messi/io/websocket/frame_writer.h"
#include "messi/io/websocket/head.h"
#include "messi/io/websocket/options.h"
#include "messi/io/websocket/origin.h"
#include "messi/io/websocket/upgrade.h"

namespace messi::websocket {

/// The server's side: reads a request, and answers it.
class ServerUpgrade final : public Upgrade {
 public:
  /// Requests are for `path`. `options` must outlive it.
  ServerUpgrade(std::string path, const Options& options)
      : path_(std::move(path)), options_(options) {}

  Status cut_short() const override {
    return {StatusCode::kUnavailable, "the client has closed the connection during the handshake"};
  }

 private:
  Status judge_beginning(std::string_view bytes) override {
    // Of all methods.
    if (bytes[0] >= 'A' && bytes[0] <= 'Z') return {};
    return {StatusCode::kFailedPrecondition, "the client does not speak WebSocket; it speaks " +
                                                 std::string(foreign_protocol(bytes))};
  }

  Status judge_too_long() override {
    return refuse("431 Request Header Fields Too Large",
                  "the client's request is longer than 8 KiB");
  }

  Status judge(const std::optional<Head>& head) override {
    constexpr std::string_view kVersion = " HTTP/1.1";
    if (!head) return refuse("400 Bad Request", "the client's request is malformed");
    std::string_view line = head->line();
    const std::size_t method = line.find(' ');
    const bool is_http = method != std::string_view::npos &&
                         line.size() > method + kVersion.size() &&
                         line.substr(line.size() - kVersion.size()) == kVersion;
    if (!is_http) return refuse("400 Bad Request", "the client's request is not HTTP/1.1");
    if (line.substr(0, method) != "GET" || !head->lists("Upgrade", "websocket") ||
        !head->lists("Connection", "upgrade")) {
      return refuse("426 Upgrade Required",
                    "the client has not asked for a WebSocket, but for " + shown(line));
    }
    if (head->one("Sec-WebSocket-Version") != "13") {
      return refuse("426 Upgrade Required", "the client's WebSocket is not of version 13");
    }
    const std::optional<std::string_view> key = head->one("Sec-WebSocket-Key");
    const std::optional<std::string_view> host = head->one("Host");
    const bool has_body = head->has("Transfer-Encoding") ||
                          (head->has("Content-Length") && head->one("Content-Length") != "0");
    if (!key || !is_key(*key) || !host || has_body) {
      return refuse("400 Bad Request", !host      ? "the client's request names no host"
                                       : has_body ? "the client's request has a body"
                                                  : "the client's key is not 16 bytes in base64");
    }
    const std::string_view target =
        line.substr(method + 1, line.size() - method - 1 - kVersion.size());
    if (target.substr(0, target.find('?')) != path_) {
      return refuse("404 Not Found", "the client has asked for the path " + shown(target) +
                                         ", and not for " + path_);
    }
    accept(*head, *key);
    return judge_origin(*head, *host);
  }

  void accept(const Head& head, std::string_view key) {
    say("HTTP/1.1 101 Switching Protocols\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Accept: ");
    say(accept_key(key));
    if (head.lists("Sec-WebSocket-Protocol", kSubprotocol)) {
      say("\r\nSec-WebSocket-Protocol: ");
      say(kSubprotocol);
    }
    say("\r\n\r\n");
  }

  /// A browser shows its script a close frame, but not an answer of HTTP. So an origin is refused
  /// when there is a WebSocket already.
  Status judge_origin(const Head& head, std::string_view host) {
    if (!head.has("Origin")) return {};
    const std::string_view origin = head.one("Origin").value_or("several");
    const auto& allowed = options_.allowed_origins;
    if (is_same_host(origin, host) ||
        std::find(allowed.begin(), allowed.end(), origin) != allowed.end()) {
      return {};
    }
    constexpr int kCode = static_cast<int>(CloseCode::kPolicy);
    std::string reason = {static_cast<char>(kCode >> 8), static_cast<char>(kCode & 0xff)};
    reason += "This server does not allow pages of this origin.";
    FrameWriter writer(Side::kServer);
    writer.write_control(Opcode::kClose, reason, {});
    say(writer.output());
    return {StatusCode::kPermissionDenied,
            "the client is a page of an origin that is not allowed: " + shown(origin)};
  }

  Status refuse(const std::string& status, const std::string& why) {
    const std::string text =
        "This is a server for clients that speak WebSocket (RFC 6455) with the subprotocol " +
        std::string(kSubprotocol) + ".\nNo WebSocket was made: " + why + ".\n";
    say("HTTP/1.1 " + status +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Version: 13\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Length: " +
        std::to_string(text.size()) + "\r\n\r\n" + text);
    return {StatusCode::kFailedPrecondition, why};
  }

  static std::string shown(std::string_view text) {
    constexpr std::size_t kMost = 100;
    return harmless(text.substr(0, kMost)) + (text.size() > kMost ? "..." : "");
  }

  const std::string path_;
  const Options& options_;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_SERVER_UPGRADE_H_

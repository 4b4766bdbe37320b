#ifndef MESSI_IO_WEBSOCKET_CLIENT_UPGRADE_H_
#define MESSI_IO_WEBSOCKET_CLIENT_UPGRADE_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/harmless.h"
#include "messi/base/status.h"
#include "messi/io/websocket/accept_key.h"
#include "messi/io/websocket/head.h"
#include "messi/io/websocket/target.h"
#include "messi/io/websocket/upgrade.h"

namespace messi::websocket {

/// The client's side: a request, and whether the answer is the one that was asked for.
class ClientUpgrade final : public Upgrade {
 public:
  /// `nonce` is 16 random bytes.
  ClientUpgrade(const Target& target, std::string_view nonce) {
    const std::string key = base64(nonce);
    expected_ = accept_key(key);
    say("GET " + target.path + " HTTP/1.1\r\nHost: " + target.host +
        "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: " + key +
        "\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: " + std::string(kSubprotocol) +
        "\r\n\r\n");
  }

  Status cut_short() const override {
    return {StatusCode::kUnavailable,
            std::string("the server has closed the connection during the handshake") +
                (has_heard() ? "" : "; does it speak WebSocket?")};
  }

 private:
  Status judge_beginning(std::string_view bytes) override {
    constexpr std::string_view kHttp = "HTTP/1.1 ";
    if (bytes.substr(0, kHttp.size()) == kHttp.substr(0, bytes.size())) return {};
    constexpr std::string_view kAnyHttp = "HTTP/";
    if (bytes.substr(0, kAnyHttp.size()) == kAnyHttp.substr(0, bytes.size())) {
      return wrong("the server does not speak HTTP/1.1");
    }
    return wrong("the server does not speak WebSocket; it speaks " +
                 std::string(foreign_protocol(bytes)));
  }

  Status judge_too_long() override { return wrong("the server's answer is longer than 8 KiB"); }

  Status judge(const std::optional<Head>& head) override {
    if (!head) return wrong("the server's answer is malformed");
    constexpr std::size_t kBeforeCode = 9;  // "HTTP/1.1 "
    constexpr std::size_t kMostShown = 100;
    const std::string_view status = head->line().substr(kBeforeCode);
    if (status.substr(0, status.find(' ')) != "101") {
      return wrong("the server has not made a WebSocket, but answered " +
                   harmless(status.substr(0, kMostShown)));
    }
    if (!head->lists("Upgrade", "websocket") || !head->lists("Connection", "upgrade")) {
      return wrong("the server has changed to another protocol than WebSocket");
    }
    if (head->one("Sec-WebSocket-Accept") != expected_) {
      return wrong("the server's Sec-WebSocket-Accept does not belong to our key");
    }
    if (head->has("Sec-WebSocket-Extensions")) {
      return wrong("the server uses an extension, and we have offered none");
    }
    if (head->has("Sec-WebSocket-Protocol") &&
        head->one("Sec-WebSocket-Protocol") != kSubprotocol) {
      return wrong("the server has chosen a subprotocol that we have not offered");
    }
    return {};
  }

  static Status wrong(const std::string& what) { return {StatusCode::kFailedPrecondition, what}; }

  std::string expected_;
};

}  // namespace messi::websocket

#endif  // MESSI_IO_WEBSOCKET_CLIENT_UPGRADE_H_

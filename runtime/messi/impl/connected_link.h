#ifndef MESSI_IMPL_CONNECTED_LINK_H_
#define MESSI_IMPL_CONNECTED_LINK_H_

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "messi/base/harmless.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/link.h"
#include "messi/wire/close_frame.h"

namespace messi {

/// A client's link. It remembers with which words its server has ended the connection.
class ConnectedLink final : public connection::Link {
 public:
  using Link::Link;

  std::string_view hint() const { return text_.empty() ? Link::hint() : text_; }

  /// Whether the server has sent this client away.
  bool refused() const { return refused_; }
  /// How long the server wants not to see this client.
  Duration retry_after() const { return retry_after_; }

 private:
  static constexpr Duration kMostRetryAfter = std::chrono::minutes(5);

  // Defined here: see AcceptedLink.
  void handle_farewell(const wire::CloseFrame& frame) override {
    text_ = harmless(frame.text);
    refused_ = reason() != DisconnectReason::kDraining;
    retry_after_ =
        std::min<Duration>(std::chrono::milliseconds(frame.retry_after_ms), kMostRetryAfter);
  }

  std::string text_;
  bool refused_ = false;
  Duration retry_after_ = Duration::zero();
};

}  // namespace messi

#endif  // MESSI_IMPL_CONNECTED_LINK_H_

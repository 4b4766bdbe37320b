#ifndef MESSI_IMPL_CONNECTED_LINK_H_
#define MESSI_IMPL_CONNECTED_LINK_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "messi/base/harmless.h"
#include "messi/base/time.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/connection/farewell.h"
#include "messi/connection/link.h"
#include "messi/session/session.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"
#include "messi/wire/sent_numbers.h"
#include "messi/wire/session_frames.h"

namespace messi {

class ClientBase;

/// A client's link. It remembers with which words its server has ended the connection, and how far
/// an introduction has come.
class ConnectedLink final : public connection::Link {
 public:
  using Link::Link;

  std::string_view hint() const { return text_.empty() ? Link::hint() : text_; }

  /// Whether the other side is a server, and alive.
  bool proved() const { return Link::proved() || welcomed_; }
  /// Whether the server has sent this client away.
  bool refused() const { return refused_; }
  /// How long the server wants not to see this client.
  Duration retry_after() const { return retry_after_; }

  /// How far an introduction has come. A client that does not introduce itself has `kDone` at once.
  enum class Stage : std::uint8_t { kAwaitsOffer, kOffered, kAwaitsWelcome, kWelcomed, kDone };

  /// The two sides will introduce themselves; no message is dispatched until then. `client` hears
  /// how a session on this link ends.
  void introduce(ClientBase& client, std::size_t max_payload_size) {
    client_ = &client;
    stage_ = Stage::kAwaitsOffer;
    hold(max_payload_size);
  }
  Stage stage() const { return stage_; }
  /// Of kAwaitsOffer: whether something else was the first word, so that the server knows nothing
  /// of introductions.
  bool silent_server() const { return Link::proved() || paused(); }
  const wire::Offer& server_offer() const { return offer_; }

  /// The answer to the offer. Messages that arrive from now on are not for this client yet.
  void say_hello(const wire::Hello& hello) {
    add_frame(wire::hello_size(hello), [&](std::uint8_t* out) { wire::write_hello(out, hello); });
    stage_ = Stage::kAwaitsWelcome;
    begin_hearing();
  }
  /// Whether messages that arrive are for this client.
  bool introduced() const { return stage_ == Stage::kDone; }

  /// Of kWelcomed. Input waits until `resume`.
  const wire::Welcome& welcome() const { return welcome_; }

  /// The introduction is over. Messages go through the link itself; first those that were sent to
  /// `early`, if it is not null.
  void go_without_session(session::Session* early, bool with_calls) {
    if (with_calls) begin_calls(/*in_session=*/false);
    if (early != nullptr) adopt(*early);
    stage_ = Stage::kDone;
    begin_hearing();
  }
  /// The introduction is over. `session`, which is attached, is carried until `leave_session`.
  void carry(session::Session& session) {
    session_ = &session;
    stage_ = Stage::kDone;
    enter_session();
    want_ack();
  }

  /// Of a link that numbers messages: another one has arrived; returns its number.
  std::uint64_t count_received() { return ++received_; }

  void say_ack() { want_ack(); }
  /// Says that the session ends, behind what was handed over.
  void say_close(wire::CloseCode code, bool answers = false) {
    wire::CloseFrame frame{code};
    frame.reply = answers;
    add_close(frame);
  }

 private:
  static constexpr Duration kMostRetryAfter = std::chrono::minutes(5);

  void begin_hearing() {
    greet();
    if (paused()) resume();
  }

  // Defined here: see AcceptedLink.
  void handle_farewell(const wire::CloseFrame& frame) override {
    remember(frame);
    refused_ = reason() != DisconnectReason::kDraining;
    // A server that knows introductions says nothing more to a client that it does not know.
    if (stage_ == Stage::kOffered || stage_ == Stage::kAwaitsWelcome) abort();
  }
  void remember(const wire::CloseFrame& frame) {
    text_ = harmless(frame.text);
    retry_after_ =
        std::min<Duration>(std::chrono::milliseconds(frame.retry_after_ms), kMostRetryAfter);
  }
  session::Session* session() override { return session_; }
  bool expects_introduction(wire::FrameType type) const override {
    if (stage_ == Stage::kAwaitsOffer) return type == wire::FrameType::kOffer && !Link::proved();
    return stage_ == Stage::kAwaitsWelcome && type == wire::FrameType::kWelcome;
  }
  void handle_introduction(const wire::Frame& frame) override {
    if (stage_ == Stage::kAwaitsOffer) {
      const auto offer = wire::read_offer(frame.payload);
      if (!offer) return close(DisconnectReason::kProtocolError);
      offer_ = *offer;
      stage_ = Stage::kOffered;
      return;
    }
    const auto welcome = wire::read_welcome(frame.payload);
    if (!welcome) return close(DisconnectReason::kProtocolError);
    welcome_ = *welcome;
    tlvs_ = welcome->tlvs;
    welcome_.tlvs = tlvs_;
    stage_ = Stage::kWelcomed;
    welcomed_ = true;
    pause();
  }
  inline void handle_session_close(const wire::CloseFrame& frame) override;
  inline bool handle_call(std::string_view payload) override;
  wire::SentNumbers* sent_numbers() override { return &sent_; }

  wire::SentNumbers sent_;
  std::uint64_t received_ = 0;
  std::string text_;
  bool refused_ = false;
  bool welcomed_ = false;
  Stage stage_ = Stage::kDone;
  Duration retry_after_ = Duration::zero();
  ClientBase* client_ = nullptr;
  session::Session* session_ = nullptr;
  wire::Offer offer_;
  wire::Welcome welcome_;
  std::string tlvs_;
};

}  // namespace messi

#endif  // MESSI_IMPL_CONNECTED_LINK_H_

#ifndef MESSI_IMPL_SESSION_LINK_H_
#define MESSI_IMPL_SESSION_LINK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/time.h"
#include "messi/connection/connection.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/impl/accepted_link.h"
#include "messi/impl/server_session.h"
#include "messi/io/stream.h"
#include "messi/session/session.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/close_frame.h"
#include "messi/wire/frame.h"
#include "messi/wire/sent_numbers.h"
#include "messi/wire/session_frames.h"

namespace messi {

/// What a client has said of itself.
struct Introduction {
  wire::Hello hello;
  std::string tlvs;
};

/// A link whose client is asked to introduce itself.
class SessionLink final : public AcceptedLink {
 public:
  /// What is known of the client.
  enum class Stage : std::uint8_t {
    kOffered,      ///< Nothing yet.
    kSilent,       ///< It may be one that does not know OFFER. The user was not told of it yet.
    kProvisional,  ///< The same; the user may have been told. It has sent no message yet.
    kAsking,       ///< It has sent HELLO.
    kIntroduced,   ///< HELLO was looked at; the answer follows when the client is accepted.
    kPlain,        ///< It has no session.
    kSession,
  };

  SessionLink(const ServerSettings& settings, wire::BufferPool& pool,
              std::unique_ptr<Stream> stream, TimePoint now, Stage its_stage)
      : AcceptedLink(settings, pool, std::move(stream), now), stage(its_stage) {}

  /// From kAsking on, until it is answered.
  const wire::Hello& hello() const { return introduction_->hello; }
  std::string_view auth_token() const override {
    if (introduction_ == nullptr) return {};
    return wire::find_tlv(introduction_->tlvs, wire::kAuthTokenTlv);
  }
  /// For a link whose client has introduced itself to the server of another loop.
  void introduce(std::unique_ptr<Introduction> introduction);
  std::unique_ptr<Introduction> take_introduction() { return std::move(introduction_); }
  /// A message is dispatched: who has said one introduces himself no more.
  void handle_message() {
    if (stage == Stage::kProvisional) stage = Stage::kPlain;
  }
  /// Answers HELLO. Its session, if any, is attached.
  void welcome(const wire::Welcome& welcome);

  /// The session that it carries, or that waits for its client here; null if there is none.
  ServerSession* its_session() const { return session_.get(); }
  void give_session(std::unique_ptr<ServerSession> session) {
    session_ = std::move(session);
    session_->set_link(*this);
    stage = Stage::kSession;
  }
  std::unique_ptr<ServerSession> take_session() { return std::move(session_); }
  /// Says that the session ends, behind all that it has to send.
  void say_close() {
    take_all();
    add_close({wire::CloseCode::kClosed});
  }

  /// Of a link that numbers messages: another one has arrived; returns its number.
  std::uint64_t count_received() { return ++numbers_->received; }

  using Link::add_close;
  using Link::take_all;
  using Link::tell;
  using Link::want_ack;
  using Link::want_offer;

  bool goes_on() const override { return session_goes_on(); }

  Stage stage;
  bool was_provisional = false;
  bool superseded = false;          // another link has its place; nobody is told that it ends
  bool pause_when_greeted = false;  // as its client was before
  std::optional<DisconnectReason> took_over;  // from a link that ended for this reason

 private:
  struct Numbers {
    wire::SentNumbers sent;
    std::uint64_t received = 0;
  };

  // Link
  session::Session* session() override { return session_.get(); }
  // The rest is defined here: see AcceptedLink.
  bool expects_introduction(wire::FrameType type) const override { return awaits(type); }
  void handle_introduction(const wire::Frame& frame) override { introduced(frame); }
  wire::Offer offer() const override { return its_offer(); }
  void handle_session_close(const wire::CloseFrame& frame) override { session_closed(frame); }
  bool handle_call(std::string_view payload) override { return call_heard(payload); }
  wire::SentNumbers* sent_numbers() override {
    if (numbers_ == nullptr) numbers_ = std::make_unique<Numbers>();
    return &numbers_->sent;
  }

  bool session_goes_on() const;
  bool awaits(wire::FrameType type) const;
  void introduced(const wire::Frame& frame);
  wire::Offer its_offer() const;
  void session_closed(const wire::CloseFrame& frame);
  bool call_heard(std::string_view payload);

  std::unique_ptr<Introduction> introduction_;
  std::unique_ptr<ServerSession> session_;
  std::unique_ptr<Numbers> numbers_;  // null if it does not number messages
};

}  // namespace messi

#endif  // MESSI_IMPL_SESSION_LINK_H_

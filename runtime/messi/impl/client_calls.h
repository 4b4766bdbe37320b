#ifndef MESSI_IMPL_CLIENT_CALLS_H_
#define MESSI_IMPL_CLIENT_CALLS_H_

// A client's calls, and its answers to those of the server.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/calls/call_counts.h"
#include "messi/calls/current_request.h"
#include "messi/client.h"
#include "messi/impl/calls.h"
#include "messi/impl/observation.h"
#include "messi/send_result.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/outbox.h"

namespace messi {

class ClientCalls final : public Calls {
 public:
  explicit ClientCalls(ClientBase& client)
      : Calls(client.loop_, client.options_.max_open_calls,
              Observation::call_counts(client.observation_.get())),
        client_(client) {}

 private:
  void tell() override {
    client_.in_hook([this] { tell_over(); });
  }
  wire::Outbox* outbox_for_cancel() override {
    // What belongs to an earlier session has no way out any more.
    if (client_.own_calls().get() != this || !client_.peer_knows_calls()) return nullptr;
    return client_.outbox();
  }

  ClientBase& client_;
};

class ClientLaterAnswers final : public LoopLaterAnswers {
 public:
  explicit ClientLaterAnswers(ClientBase& client)
      : LoopLaterAnswers(client.loop_, Observation::call_counts(client.observation_.get())),
        client_(client) {}

  wire::Outbox* outbox(const calls::LaterAnswer& answer) override {
    return answer.peer == client_.epoch_ ? client_.outbox() : nullptr;
  }

 private:
  ClientBase& client_;
};

/// Those to which a call is added: of the session that takes what is sent, or without one.
MESSI_INLINE const std::shared_ptr<Calls>& ClientBase::own_calls() const {
  return sessions_ && sessions_->current ? sessions_->current->calls : calls_;
}
MESSI_INLINE std::shared_ptr<Calls>& ClientBase::own_calls() {
  return sessions_ && sessions_->current ? sessions_->current->calls : calls_;
}

/// Those to which what arrives belongs; null if there are none.
MESSI_INLINE Calls* ClientBase::heard_calls() {
  if (!sessions_) return calls_.get();
  const ClientSession* const session = carried_session();
  return session != nullptr ? session->calls.get() : calls_.get();
}

MESSI_INLINE bool ClientBase::peer_knows_calls() const {
  return sessions_ && sessions_->peer_knows_calls;
}

MESSI_INLINE std::uint64_t ClientBase::late_answers() const {
  return own_calls() ? own_calls()->open().late_count() : 0;
}

MESSI_INLINE bool ClientBase::prepare_call() {
  std::shared_ptr<Calls>& own = own_calls();
  if (!own) {
    own = std::make_shared<ClientCalls>(*this);
    own->set_numbered(peer_knows_calls());
  }
  return own->prepare();
}

MESSI_INLINE Call ClientBase::begin_call(std::uint32_t answering, SendResult sent, Duration timeout,
                                         CallHandler handler) {
  std::uint64_t number = 0;
  if (sent == SendResult::kOk && sessions_) {
    if (sessions_->current) {
      number = sessions_->current->last_accepted();
    } else if (link_->counts()) {
      number = link_->last_sent();
    }
  }
  return own_calls()->begin(sent, number, answering, timeout, std::move(handler));
}

MESSI_INLINE bool ClientBase::give_answer(Calls& calls, std::uint32_t member, const void* message) {
  return calls.take(member, message);
}

/// The request is answered.
MESSI_INLINE void ClientBase::take_request() {
  if (observation_) {
    observation_->answered(request_.answerable() ? CallEnd::kAnswered : CallEnd::kLost);
  }
  request_.take();
}

MESSI_INLINE AnyResponder ClientBase::keep_request(std::uint32_t request, std::uint32_t answering,
                                                   calls::SendAnswer send) {
  const std::optional<std::uint64_t> number = request_.find(request);
  if (!number) return {};
  if (!later_) later_ = std::make_unique<ClientLaterAnswers>(*this);
  // An answer to an epoch that is over has no way out.
  const std::uint64_t epoch = request_.answerable() ? epoch_ : epoch_ - 1;
  AnyResponder responder(later_->keep(epoch, *number, answering, send));
  request_.take();
  return responder;
}

MESSI_INLINE bool ClientBase::hear_call(std::string_view payload) {
  if (!link_->introduced()) return true;
  ClientSession* const session = carried_session();
  CallsOfPeer server{0, 0, heard_calls(), nullptr, epoch_};
  if (session != nullptr) {
    if (!session->dispatches()) return true;
    session->handle_dispatched(payload.size());
    server.sent = session->handed();
    server.received = session->rx();
  } else {
    server.sent = link_->last_sent();
    server.received = link_->count_received();
  }
  if (session == sessions_->current.get()) server.later = later_.get();
  request_.begin(0);
  const auto dispatch = [this](std::string_view message) { return this->dispatch(message); };
  const Heard heard = messi::hear_call(server, payload, dispatch);
  if (heard == Heard::kBroken) link_->close(DisconnectReason::kProtocolError);
  if (heard != Heard::kUndecodable) return true;
  if (session != nullptr) session->handle_undecodable();
  return false;
}

/// The session or connection of these calls, if there are any, is over. They are told before its
/// end.
MESSI_INLINE void ClientBase::end_calls(Calls* calls, DisconnectReason reason) {
  if (calls == nullptr) return;
  calls->end(reason);
  in_hook([calls] { calls->tell_over(); });
}

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_CALLS_H_

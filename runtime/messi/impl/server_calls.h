#ifndef MESSI_IMPL_SERVER_CALLS_H_
#define MESSI_IMPL_SERVER_CALLS_H_

// A server's calls to its clients, and its answers to theirs. What it knows of them is in tables at
// its side, so that other clients cost nothing.

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/call.h"
#include "messi/impl/calls.h"
#include "messi/impl/observation.h"
#include "messi/impl/server_session.h"
#include "messi/impl/session_link.h"
#include "messi/send_result.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/outbox.h"

namespace messi {

/// The calls to one client.
class ServerCalls final : public Calls {
 public:
  ServerCalls(ServerBase& server, std::uint64_t client_id)
      : Calls(server.loop_, server.options_.max_open_calls,
              Observation::call_counts(server.observation_.get())),
        server_(server),
        client_id_(client_id) {}

 private:
  void tell() override {
    ServerClient* const client = server_.table_.find(client_id_);
    if (client != nullptr) server_.in_hook_of(*client->link_, [this] { tell_over(); });
  }
  wire::Outbox* outbox_for_cancel() override {
    ServerClient* const client = server_.table_.find(client_id_);
    return client != nullptr && client->knows_calls() ? client->outbox_to_ask() : nullptr;
  }

  ServerBase& server_;
  const std::uint64_t client_id_;
};

class ServerLaterAnswers final : public LoopLaterAnswers {
 public:
  explicit ServerLaterAnswers(ServerBase& server)
      : LoopLaterAnswers(server.loop_, Observation::call_counts(server.observation_.get())),
        server_(server) {}

  wire::Outbox* outbox(const calls::LaterAnswer& answer) override {
    ServerClient* const client = server_.find_client_base(answer.peer);
    return client != nullptr ? client->outbox() : nullptr;
  }

 private:
  ServerBase& server_;
};

MESSI_INLINE bool ServerClient::knows_calls() const {
  const ServerSession* const session = link_->server().session_of(*link_);
  return session != nullptr ? session->knows_calls : link_->knows_calls();
}

MESSI_INLINE std::uint64_t ServerClient::late_answers() const {
  const Calls* const calls = link_->server().find_calls(*this);
  return calls != nullptr ? calls->open().late_count() : 0;
}

MESSI_INLINE bool ServerClient::prepare_call() { return link_->server().calls_to(*this).prepare(); }

MESSI_INLINE Call ServerClient::begin_call(std::uint32_t answering, SendResult sent,
                                           Duration timeout, CallHandler handler) {
  ServerBase& server = link_->server();
  const std::uint64_t number = sent == SendResult::kOk ? server.last_sent_to(*this) : 0;
  return server.calls_to(*this).begin(sent, number, answering, timeout, std::move(handler));
}

MESSI_INLINE std::optional<std::uint64_t> ServerClient::find_request(std::uint32_t member) const {
  const ServerBase& server = link_->server();
  return server.current_ == this ? server.request_.find(member) : std::nullopt;
}

MESSI_INLINE void ServerClient::take_request() {
  ServerBase& server = link_->server();
  server.request_.take();
  if (server.observation_) server.observation_->answered();
}

MESSI_INLINE Calls* ServerBase::find_calls(const ServerClient& client) const {
  const auto found = calls_.find(client.id());
  return found != calls_.end() ? found->second.get() : nullptr;
}

MESSI_INLINE Calls& ServerBase::calls_to(ServerClient& client) {
  if (Calls* const calls = find_calls(client)) return *calls;
  const auto made = std::make_shared<ServerCalls>(*this, client.id());
  made->set_numbered(client.knows_calls());
  calls_.emplace(client.id(), made);
  return *made;
}

/// The number of the last message; 0 if messages have none.
MESSI_INLINE std::uint64_t ServerBase::last_sent_to(ServerClient& client) const {
  AcceptedLink& link = *client.link_;
  if (ServerSession* const session = session_of(link)) return session->last_accepted();
  return link.counts() ? link.last_sent() : 0;
}

MESSI_INLINE bool ServerBase::give_answer(ServerClient& client, std::uint32_t member,
                                          const void* message) {
  Calls* const calls = find_calls(client);
  return calls != nullptr && calls->take(member, message);
}

MESSI_INLINE AnyResponder ServerBase::keep_request(std::uint32_t request, std::uint32_t answering,
                                                   calls::SendAnswer send) {
  const std::optional<std::uint64_t> number = request_.find(request);
  if (!number || current_ == nullptr) return {};
  if (!later_) later_ = std::make_unique<ServerLaterAnswers>(*this);
  AnyResponder responder(later_->keep(current_->id(), *number, answering, send));
  request_.take();
  return responder;
}

MESSI_INLINE bool ServerBase::hear_call(SessionLink& link, std::string_view payload) {
  ServerSession* const session = link.its_session();
  CallsOfPeer client{0, 0, find_calls(*link.client()), later_.get(), link.client()->id()};
  if (session != nullptr) {
    session->handle_dispatched(payload.size());
    client.sent = session->handed();
    client.received = session->rx();
  } else {
    client.sent = link.last_sent();
    client.received = link.count_received();
  }
  request_.begin(0);
  current_ = link.client();
  const auto dispatch = [this](std::string_view message) {
    return this->dispatch(*current_, message);
  };
  const Heard heard = messi::hear_call(client, payload, dispatch);
  if (heard == Heard::kBroken) close(link, DisconnectReason::kProtocolError);
  if (heard != Heard::kUndecodable) return true;
  if (session != nullptr) session->handle_undecodable();
  return false;
}

/// Tells the calls to a client that is gone soon, if there are any.
MESSI_INLINE void ServerBase::end_calls(AcceptedLink& link, DisconnectReason reason) {
  Calls* const calls = find_calls(*link.client());
  if (calls == nullptr) return;
  calls->end(reason);
  // Nothing may bring it back to the list meanwhile. After an exception the rest follows.
  link.set_unsettled(true);
  bool threw = true;
  const Finally guard([&] {
    link.set_unsettled(false);
    if (threw) needs_settling(link);
  });
  in_hook([calls] { calls->tell_over(); });
  threw = false;
}

MESSI_INLINE bool SessionLink::call_heard(std::string_view payload) {
  return server().hear_call(*this, payload);
}

}  // namespace messi

#endif  // MESSI_IMPL_SERVER_CALLS_H_

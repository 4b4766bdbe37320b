#ifndef MESSI_IMPL_BROADCASTS_H_
#define MESSI_IMPL_BROADCASTS_H_

// What several clients of a server get, all or a group: encoded once, into a buffer that they
// share. And what becomes of it if it is too much, for one of them or for all together.

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "messi/base/finally.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/flavour.h"
#include "messi/impl/groups.h"
#include "messi/impl/observation.h"
#include "messi/impl/server_session.h"
#include "messi/impl/server_sessions.h"
#include "messi/impl/slow_readers.h"
#include "messi/server.h"
#include "messi/session/session_loss.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/outbox.h"

namespace messi {

MESSI_INLINE std::uint8_t* ServerBase::begin_broadcast(std::size_t payload_size) {
  if (table_.size() == 0 && !others_have_clients()) return nullptr;
  std::uint8_t* const out = reserve_shared(payload_size);
  holders_.add_all();
  return out;
}

MESSI_INLINE void ServerBase::end_broadcast(std::uint32_t field, std::size_t payload_size,
                                            const ServerClient* except) {
  const wire::SharedFrame frame = shared_.commit(payload_size);
  if (shard_ != nullptr) announce(field, frame, nullptr);
  pass_to_all(field, frame, except);
}

MESSI_INLINE void ServerBase::pass_to_all(std::uint32_t field, wire::SharedFrame frame,
                                          const ServerClient* except) {
  if (may_be_too_much(frame, table_.size())) {
    return offer_shared(field, frame, [this, except](const auto& offer) {
      for (ServerClient& client : clients_as<ServerClient>()) {
        if (&client != except) offer(client);
      }
    });
  }
  for (ServerClient& client : clients_as<ServerClient>()) {
    if (&client == except) continue;
    needs_settling(*client.link_);
    client.link_->outbox()->send(frame);
  }
}

MESSI_INLINE std::uint8_t* ServerBase::begin_group_message(std::size_t members,
                                                           std::size_t payload_size) {
  std::uint8_t* const out = reserve_shared(payload_size);
  holders_.expect(members, table_.size());
  return out;
}

MESSI_INLINE void ServerBase::end_group_message(const GroupKey& key, std::uint32_t field,
                                                std::size_t payload_size,
                                                const GroupExcept& except) {
  const wire::SharedFrame frame = shared_.commit(payload_size);
  if (shard_ != nullptr) announce(field, frame, &key);
  if (const Groups::Group* const group = groups_.find(key)) {
    pass_to_group(*group, field, frame, &except);
  }
}

MESSI_INLINE void ServerBase::pass_to_group(const Groups::Group& group, std::uint32_t field,
                                            wire::SharedFrame frame, const GroupExcept* except) {
  const auto for_each = [&](const auto& call) {
    for (const auto& [id, client] : group.members) {
      if (!client->connected() || (except != nullptr && except->has(id))) continue;
      holders_.add(id);
      call(*client);
    }
  };
  if (may_be_too_much(frame, group.members.size())) {
    // Of each member of the schema the latest of each group.
    return offer_shared(group.number << 32 | field, frame, for_each);
  }
  for_each([this, frame](ServerClient& client) {
    needs_settling(*client.link_);
    client.link_->outbox()->send(frame);
  });
}

/// Space for a payload that several clients get.
MESSI_INLINE std::uint8_t* ServerBase::reserve_shared(std::size_t payload_size) {
  if (shared_.has_room(payload_size)) return shared_.reserve(payload_size);
  const auto tell = [this](ServerClient& client) {
    client.link_->handle_full(shared_.buffer());
    if (ServerSession* const session = session_of(*client.link_)) {
      session->handle_buffer_full(shared_.buffer());
    }
  };
  if (holders_.all()) {
    for (ServerClient& client : clients_as<ServerClient>()) tell(client);
  } else {
    for (const std::uint64_t id : holders_.ids()) {
      if (ServerClient* const client = find_client_base(id)) tell(*client);
    }
  }
  std::uint8_t* const out = shared_.reserve(payload_size);
  holders_.clear();
  return out;
}

/// What may be too much, for a client or for all together.
template <typename ForEach>
[[gnu::noinline]] void ServerBase::offer_shared(std::uint64_t kind, wire::SharedFrame frame,
                                                const ForEach& for_each) {
  wire::Buffer* copy = nullptr;
  const Finally after([&] {
    if (copy != nullptr) loop_.buffers().release(copy);
  });
  const std::size_t size = frame.end - frame.begin;
  const bool all = options_.slow_reader == SlowReader::kDisconnect;
  const std::size_t most = all ? settings_.max_pending_bytes : most_for_broadcasts();
  for_each([&](ServerClient& client) {
    AcceptedLink& link = *client.link_;
    needs_settling(link);
    if (!all && (link.behind() || (link.slow() && crowded(size)))) {
      return leave_out(kind, frame, link, copy);
    }
    keep_total(size);
    wire::Outbox* const outbox = outbox_of(link);
    if (outbox == nullptr || outbox->offer(frame, most)) return;
    if (all) {
      outbox->refuse(wire::Accepted::kFull);
    } else {
      leave_out(kind, frame, link, copy);
    }
  });
}

MESSI_INLINE void ServerBase::note_dropped(SlowReaders::Row& row) {
  ++row.dropped;
  if (observation_) observation_->dropped_broadcast();
}

/// `copy` is for all clients that keep the frame, and for nothing else: what is shared with other
/// frames would be held longer than they are waiting.
MESSI_INLINE void ServerBase::leave_out(std::uint64_t kind, const wire::SharedFrame& frame,
                                        AcceptedLink& link, wire::Buffer*& copy) {
  SlowReaders::Row& row = slow_readers_.add(link.client()->id());
  link.fall_behind();
  if (ServerSession* const session = session_of(link)) session->note_left_out();
  if (options_.slow_reader == SlowReader::kDropNewest) {
    note_dropped(row);
    return;
  }
  if (copy == nullptr) {
    const std::size_t size = frame.end - frame.begin;
    copy = loop_.buffers().take(size);
    std::memcpy(copy->extend(size), frame.buffer->data() + frame.begin, size);
  }
  keep_total(copy->used());
  wire::Outbox* const outbox = outbox_of(link);
  if (outbox == nullptr) return;
  if (row.latest.keep(kind, *copy)) note_dropped(row);
  if (row.latest.size() <= settings_.max_pending_bytes) return;
  if (session_of(link) != nullptr) {
    outbox->refuse(wire::Accepted::kFull);
  } else {
    close(link, DisconnectReason::kSlowReader);
  }
}

/// Sends what was kept for a client; true if nothing is left of it.
MESSI_INLINE bool ServerBase::catch_up(AcceptedLink& link, std::size_t most) {
  wire::LatestFrames& latest = slow_readers_.find(link.client()->id())->latest;
  ServerSession* const session = session_of(link);
  wire::Outbox* const outbox = session != nullptr ? session : link.outbox();
  while (!latest.empty()) {
    if (!outbox->offer(latest.first(), most)) return false;
    latest.drop_first();
  }
  link.catch_up();
  link.flush();
  return true;
}

MESSI_INLINE void ServerBase::drop_slowest(std::size_t more) {
  while (!total_fits(more)) {
    AcceptedLink* most = nullptr;
    std::size_t most_pending = 0;
    table_.for_each([&](ServerClient& client) {
      const std::size_t pending = pending_bytes(*client.link_);
      if (pending > most_pending) {
        most = client.link_.get();
        most_pending = pending;
      }
    });
    if (most == nullptr) return;
    // It may not have been offered to its stream yet.
    most->flush();
    if (pending_bytes(*most) < most_pending) continue;
    if (ServerSession* const session = session_of(*most)) {
      sessions_->lose(*session, SessionLossReason::kOverflow, DisconnectReason::kTooMuchQueued);
      session->stop_counting();
    } else {
      end_now(*most, DisconnectReason::kTooMuchQueued);
      most->drop_output();
    }
    if (SlowReaders::Row* const row = slow_readers_.find(most->client()->id())) row->latest.clear();
  }
}

}  // namespace messi

#endif  // MESSI_IMPL_BROADCASTS_H_

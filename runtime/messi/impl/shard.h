#ifndef MESSI_IMPL_SHARD_H_
#define MESSI_IMPL_SHARD_H_

// What a server does as one of several, each on its own loop: messages of the others for its
// clients, and clients whose sessions are elsewhere.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "messi/base/finally.h"
#include "messi/connection/disconnect_reason.h"
#include "messi/flavour.h"
#include "messi/impl/admission.h"
#include "messi/impl/groups.h"
#include "messi/impl/server_session.h"
#include "messi/impl/server_sessions.h"
#include "messi/impl/session_link.h"
#include "messi/impl/shards.h"
#include "messi/impl/slow_readers.h"
#include "messi/io/distribution.h"
#include "messi/io/ended_stream.h"
#include "messi/io/network.h"
#include "messi/io/stream.h"
#include "messi/server.h"
#include "messi/server_client.h"
#include "messi/session/session_loss.h"
#include "messi/wire/frame.h"
#include "messi/wire/outbox.h"
#include "messi/wire/session_frames.h"

namespace messi {

/// Before the start. Ids of clients tell whose they are: they are `index` + 1 modulo the number of
/// servers.
MESSI_INLINE void ServerBase::be_shard(std::shared_ptr<Shards> all, std::size_t index) {
  admission_ = all->admission();
  id_step_ = all->size();
  last_id_ = index + 1 - id_step_;
  all->set_server(index, this);
  shard_ = std::make_unique<Shard>(Shard{std::move(all), index});
}

MESSI_INLINE void ServerBase::leave_shards() {
  if (shard_ == nullptr) return;
  shard_->all->publish(shard_->index, 0, 0, 0);
  shard_->all->set_server(shard_->index, nullptr);
}

/// The other servers want to know.
MESSI_INLINE void ServerBase::publish_size() {
  if (shard_ == nullptr) return;
  const std::size_t replaceable = sessions_ != nullptr ? sessions_->detached_count() : 0;
  shard_->all->publish(shard_->index, client_count(), table_.size(), replaceable);
}

MESSI_INLINE std::size_t ServerBase::clients_of_all() const {
  return shard_ != nullptr ? shard_->all->client_count() : client_count();
}

/// There are too many clients, and none here may be given up.
MESSI_INLINE void ServerBase::make_place_elsewhere() {
  if (shard_ == nullptr) return;
  const std::optional<std::size_t> index = shard_->all->find_replaceable(shard_->index);
  if (!index) return;
  shard_->all->post(*index, [](ServerBase& server) {
    if (server.sessions_->detached_count() > 0) server.sessions_->make_place();
  });
}

// ---------------------------------------------------------------------------------------------
// Broadcasts

MESSI_INLINE bool ServerBase::others_have_clients() const {
  return shard_ != nullptr && shard_->all->has_others(shard_->index);
}

/// Tells the other servers of a message of this one, which is encoded in `frame`.
MESSI_INLINE void ServerBase::announce(std::uint32_t field, const wire::SharedFrame& frame,
                                       const GroupKey* group) {
  if (!others_have_clients()) return;
  const std::size_t begin = frame.begin + wire::kHeaderSize;
  auto payload =
      std::make_shared<const std::string>(frame.buffer->data() + begin, frame.end - begin);
  Announcement announcement{field, std::move(payload), std::nullopt};
  if (group != nullptr) announcement.group = *group;
  shard_->all->announce(shard_->index, announcement);
}

/// Another server has sent it to its own clients.
MESSI_INLINE void ServerBase::take(const Announcement& announcement) {
  if (table_.size() == 0) return;
  const std::string& payload = *announcement.payload;
  const Groups::Group* group = nullptr;
  if (announcement.group) {
    group = groups_.find(*announcement.group);
    if (group == nullptr) return;
  }
  std::uint8_t* const out = reserve_shared(payload.size());
  if (group != nullptr) {
    holders_.expect(group->members.size(), table_.size());
  } else {
    holders_.add_all();
  }
  std::memcpy(out, payload.data(), payload.size());
  const wire::SharedFrame frame = shared_.commit(payload.size());
  if (group != nullptr) {
    pass_to_group(*group, announcement.field, frame, nullptr);
  } else {
    pass_to_all(announcement.field, frame, nullptr);
  }
}

/// This loop was so far behind that some of them did not fit. For its clients that is as if they
/// had not read them.
MESSI_INLINE void ServerBase::miss_announcements() {
  for (ServerClient& client : clients_as<ServerClient>()) {
    AcceptedLink& link = *client.link_;
    needs_settling(link);
    ServerSession* const session = session_of(link);
    if (options_.slow_reader != SlowReader::kDisconnect) {
      SlowReaders::Row& row = slow_readers_.add(client.id());
      link.fall_behind();
      if (session != nullptr) session->note_left_out();
      note_dropped(row);
    } else if (session != nullptr) {
      sessions_->lose(*session, SessionLossReason::kOverflow, DisconnectReason::kTooMuchQueued);
    } else {
      end_now(link, DisconnectReason::kTooMuchQueued);
    }
  }
}

MESSI_INLINE void Shards::Inbox::deliver() {
  std::deque<Announcement> taken;
  bool missing = false;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    taken.swap(waiting_);
    bytes_ = 0;
    posted_ = false;
    missing = std::exchange(missing_, false);
  }
  if (server_ == nullptr) return;
  bool done = false;
  const Finally unless_done([&] {  // if memory has run out
    if (!done) miss();
  });
  for (; !taken.empty(); taken.pop_front()) server_->take(taken.front());
  if (missing) server_->miss_announcements();
  done = true;
}

// ---------------------------------------------------------------------------------------------
// Sessions. The first byte of a session's id tells whose it is.

/// A link between two loops, whose client wants its session.
struct MovingLink {
  MovingLink(std::shared_ptr<Admission> its_admission, std::string its_origin)
      : admission(std::move(its_admission)), origin(std::move(its_origin)) {
    admission->enter(origin);
  }
  MovingLink(const MovingLink&) = delete;
  MovingLink& operator=(const MovingLink&) = delete;
  ~MovingLink() {
    if (!arrived) admission->leave(origin);
  }

  const std::shared_ptr<Admission> admission;
  const std::string origin;
  bool arrived = false;  // its place in the admission is the new link's
  std::unique_ptr<MovingStream> stream;
  std::unique_ptr<Introduction> introduction;
  std::string rest;  // what has come behind HELLO
};

/// Where the session of a HELLO is, if it is not here. What a server had that has stopped is lost.
MESSI_INLINE std::optional<std::size_t> ServerSessions::elsewhere(const SessionLink& link) const {
  if (server_.shard_ == nullptr || !link.hello().resume) return std::nullopt;
  const std::size_t index = link.hello().id[0];
  const Shard& here = *server_.shard_;
  if (index == here.index || index >= here.all->size()) return std::nullopt;
  if (!here.all->distribution()->is_open(index)) return std::nullopt;
  return index;
}

/// False if the stream cannot move.
MESSI_INLINE bool ServerSessions::hand_over(SessionLink& link, std::size_t index) {
  PeerInfo peer = link.peer();
  const auto moving = std::make_shared<MovingLink>(server_.admission_, peer.origin);
  moving->stream = link.move_out(std::make_unique<EndedStream>(std::move(peer)));
  if (moving->stream == nullptr) return false;
  // Nobody is told that the link ends here.
  link.superseded = true;
  link.close(DisconnectReason::kReplaced);
  link.abort();
  server_.needs_settling(link);
  moving->introduction = link.take_introduction();
  moving->rest = link.take_rest();
  server_.shard_->all->post(
      index, [moving](ServerBase& server) { server.sessions_->handle_moved(*moving); });
  return true;
}

MESSI_INLINE void ServerSessions::handle_moved(MovingLink& moving) {
  if (server_.listener_ == nullptr) return;
  std::unique_ptr<Stream> stream = server_.listener_->move_in(std::move(moving.stream));
  if (stream == nullptr) return;
  auto& link = static_cast<SessionLink&>(server_.begin_link(std::move(stream)));
  moving.arrived = true;
  link.introduce(std::move(moving.introduction));
  link.handle_rest(moving.rest, server_.loop_.now());
  server_.needs_settling(link);
}

}  // namespace messi

#endif  // MESSI_IMPL_SHARD_H_

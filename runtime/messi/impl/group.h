#ifndef MESSI_IMPL_GROUP_H_
#define MESSI_IMPL_GROUP_H_

#include <cassert>
#include <cstddef>
#include <cstdint>

#include "messi/flavour.h"
#include "messi/group.h"
#include "messi/impl/groups.h"
#include "messi/server.h"
#include "messi/server_client.h"

namespace messi {

MESSI_INLINE std::size_t GroupBase::size() const {
  const Groups::Members* const members = members_base();
  return members != nullptr ? members->size() : 0;
}

MESSI_INLINE void GroupBase::join_base(ServerClient& client) const {
  assert(&client.link_->server() == server_ && "a group has clients of one server");
  if (client.connected()) server_->groups_.join(key_, client.id(), client);
}

MESSI_INLINE void GroupBase::leave_base(const ServerClient& client) const {
  if (contains_base(client)) server_->groups_.leave(key_, client.id());
}

MESSI_INLINE bool GroupBase::contains_base(const ServerClient& client) const {
  const Groups::Members* const members = members_base();
  if (members == nullptr) return false;
  const auto member = members->find(client.id());
  return member != members->end() && member->second == &client;
}

MESSI_INLINE const Groups::Members* GroupBase::members_base() const {
  const Groups::Group* const group = server_->groups_.find(key_);
  return group != nullptr ? &group->members : nullptr;
}

MESSI_INLINE bool GroupBase::can_broadcast(std::size_t payload_size) const {
  return server_->can_broadcast(payload_size);
}

MESSI_INLINE std::uint8_t* GroupBase::begin_broadcast(std::size_t payload_size) const {
  const Groups::Members* const members = members_base();
  if (members == nullptr && !server_->others_have_clients()) return nullptr;
  return server_->begin_group_message(members != nullptr ? members->size() : 0, payload_size);
}

MESSI_INLINE void GroupBase::end_broadcast(std::uint32_t field, std::size_t payload_size,
                                           const GroupExcept* except) const {
  server_->end_group_message(key_, field, payload_size, *except);
}

}  // namespace messi

#endif  // MESSI_IMPL_GROUP_H_

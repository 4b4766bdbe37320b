#ifndef MESSI_GROUP_H_
#define MESSI_GROUP_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "messi/flavour.h"
#include "messi/group_key.h"
#include "messi/impl/groups.h"
#include "messi/server_client.h"

namespace messi {

class ServerBase;

/// The members that a message to a group leaves out.
class GroupExcept {
 public:
  bool has(std::uint64_t id) const {
    return id == one_ || std::binary_search(many_.begin(), many_.end(), id);
  }

 protected:
  GroupExcept() = default;
  explicit GroupExcept(std::uint64_t id) : one_(id) {}
  /// Pointers; null is nobody.
  template <typename Clients>
  void leave_out(const Clients& clients) {
    many_.reserve(clients.size());
    for (const ServerClient* const client : clients) {
      if (client != nullptr) many_.push_back(client->id());
    }
    std::sort(many_.begin(), many_.end());
  }

 private:
  std::uint64_t one_ = 0;  // clients begin with 1
  std::vector<std::uint64_t> many_;
};

/// Some clients of a server, by a name of yours: what is sent to the group is sent to its members,
/// encoded once. This is a handle: copy it and keep it, but not longer than the server lives. The
/// group itself exists while it has members.
///
/// A client may be in any number of groups. It leaves them when its `on_client_disconnected`
/// returns: there `groups_of` still knows them, but nothing is sent to it any more. A client whose
/// session waits for it is still in its groups, and so it is when it has come back.
class GroupBase {
 public:
  const GroupKey& key() const { return key_; }

  /// The number of members, with those whose connection is ending.
  std::size_t size() const;

 protected:
  GroupBase(ServerBase& server, GroupKey key) : server_(&server), key_(std::move(key)) {}
  ~GroupBase() = default;
  GroupBase(const GroupBase&) = default;
  GroupBase& operator=(const GroupBase&) = default;
  GroupBase(GroupBase&&) = default;
  GroupBase& operator=(GroupBase&&) = default;

  void join_base(ServerClient& client) const;
  void leave_base(const ServerClient& client) const;
  bool contains_base(const ServerClient& client) const;
  /// Null if it has no members.
  const Groups::Members* members_base() const;

 private:
  friend struct codec::Access;

  // As those of a server.
  bool can_broadcast(std::size_t payload_size) const;
  std::uint8_t* begin_broadcast(std::size_t payload_size) const;
  void end_broadcast(std::uint32_t field, std::size_t payload_size,
                     const GroupExcept* except) const;

  ServerBase* server_;
  GroupKey key_;
};

/// The base class of generated groups, which add the senders: GroupBase with clients of the class
/// `Client`.
template <typename Client>
class GroupOf : public GroupBase {
 public:
  /// Nobody, a client, or any number of them: `{&one, &other}`, or the `members()` of a group.
  class Except : public GroupExcept {
   public:
    Except() = default;
    Except(const Client& client) : GroupExcept(client.id()) {}
    Except(std::initializer_list<const Client*> clients) { leave_out(clients); }
    Except(const std::vector<Client*>& clients) { leave_out(clients); }
  };

  /// The client becomes a member. No-op if it is one, or not connected.
  void join(Client& client) const { join_base(client); }

  /// The client is no member any more. No-op if it is none.
  void leave(const Client& client) const { leave_base(client); }

  bool contains(const Client& client) const { return contains_base(client); }

  /// The connected members, in the order in which they came to the server. The pointers are valid
  /// until the hook returns, whatever happens to the group meanwhile.
  std::vector<Client*> members() const {
    std::vector<Client*> clients;
    const Groups::Members* const members = members_base();
    if (members == nullptr) return clients;
    clients.reserve(members->size());
    for (const auto& [id, client] : *members) {
      if (client->connected()) clients.push_back(static_cast<Client*>(client));
    }
    return clients;
  }

 protected:
  using GroupBase::GroupBase;
};

}  // namespace messi

#endif  // MESSI_GROUP_H_

#ifndef MESSI_IMPL_GROUPS_H_
#define MESSI_IMPL_GROUPS_H_

#include <cstdint>
#include <map>
#include <utility>

#include "messi/base/finally.h"
#include "messi/group_key.h"

namespace messi {

class ServerClient;

/// The groups of a server. A group exists while it has members. Clients that are in no group cost
/// nothing.
class Groups {
 public:
  /// By their ids: in the order in which they came.
  using Members = std::map<std::uint64_t, ServerClient*>;

  struct Group {
    std::uint64_t number = 0;  // 1, 2, 3...: no two have the same, also not one after the other
    Members members;
  };

  /// Null if it has no members.
  const Group* find(const GroupKey& key) const {
    const auto group = groups_.find(key);
    return group != groups_.end() ? &group->second : nullptr;
  }

  void join(const GroupKey& key, std::uint64_t id, ServerClient& client) {
    const Row row = groups_.try_emplace(key).first;
    bool joined = false;
    const Finally unless_joined([&] {  // if memory has run out
      if (!joined) remove(row, id);
    });
    Group& group = row->second;
    if (group.number == 0) group.number = ++last_number_;
    rows_of_.try_emplace({id, group.number}, row);
    group.members.try_emplace(id, &client);
    joined = true;
  }

  void leave(const GroupKey& key, std::uint64_t id) {
    const Row row = groups_.find(key);
    if (row != groups_.end()) remove(row, id);
  }

  /// The client is gone.
  void leave_all(std::uint64_t id) {
    for (auto it = first_of(id); is_of(it, id); it = first_of(id)) remove(it->second, id);
  }

  /// Calls `call(key)` for each group of a client, in the order in which the groups began.
  template <typename Call>
  void for_each_of(std::uint64_t id, Call&& call) const {
    for (auto it = rows_of_.lower_bound({id, 0}); is_of(it, id); ++it) call(it->second->first);
  }

 private:
  using Row = std::map<GroupKey, Group>::iterator;
  using RowsOf = std::map<std::pair<std::uint64_t, std::uint64_t>, Row>;

  RowsOf::iterator first_of(std::uint64_t id) { return rows_of_.lower_bound({id, 0}); }
  bool is_of(RowsOf::const_iterator it, std::uint64_t id) const {
    return it != rows_of_.end() && it->first.first == id;
  }

  void remove(Row row, std::uint64_t id) {
    Group& group = row->second;
    rows_of_.erase({id, group.number});
    group.members.erase(id);
    if (group.members.empty()) groups_.erase(row);
  }

  std::map<GroupKey, Group> groups_;
  RowsOf rows_of_;  // by the ids of clients and the numbers of groups
  std::uint64_t last_number_ = 0;
};

}  // namespace messi

#endif  // MESSI_IMPL_GROUPS_H_

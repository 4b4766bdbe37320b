#ifndef MESSI_IMPL_CLIENT_TABLE_H_
#define MESSI_IMPL_CLIENT_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "messi/server_client.h"

namespace messi {

/// A server's clients, in the order in which they came. Ids only grow, so the sorted vector is also
/// an index. A client that is taken out leaves a gap. Gaps are closed when they are half of the
/// table.
class ClientTable {
 public:
  std::size_t size() const { return size_; }

  /// Ids must grow from call to call.
  void add(std::uint64_t id, std::unique_ptr<ServerClient> client) {
    rows_.push_back({id, std::move(client)});
    ++size_;
  }

  ServerClient* find(std::uint64_t id) {
    Row* const row = find_row(id);
    return row != nullptr ? row->client.get() : nullptr;
  }

  /// Takes the client out; null if no client has that id.
  std::unique_ptr<ServerClient> remove(std::uint64_t id) {
    Row* const row = find_row(id);
    if (row == nullptr || row->client == nullptr) return nullptr;
    std::unique_ptr<ServerClient> client = std::move(row->client);
    --size_;
    if (size_ * 2 < rows_.size()) close_gaps();
    return client;
  }

  /// Calls `call(client)` for all, also those whose connection is ending.
  template <typename Call>
  void for_each(Call&& call) {
    for (Row& row : rows_) {
      if (row.client != nullptr) call(*row.client);
    }
  }

 private:
  template <typename Client>
  friend class ClientRange;

  struct Row {
    std::uint64_t id;
    std::unique_ptr<ServerClient> client;
  };

  Row* find_row(std::uint64_t id) {
    const auto row = std::lower_bound(rows_.begin(), rows_.end(), id,
                                      [](const Row& a, std::uint64_t b) { return a.id < b; });
    return row != rows_.end() && row->id == id ? &*row : nullptr;
  }

  void close_gaps() {
    rows_.erase(std::remove_if(rows_.begin(), rows_.end(),
                               [](const Row& row) { return row.client == nullptr; }),
                rows_.end());
    if (rows_.capacity() > 4 * rows_.size()) rows_.shrink_to_fit();
  }

  std::vector<Row> rows_;
  std::size_t size_ = 0;
};

}  // namespace messi

#endif  // MESSI_IMPL_CLIENT_TABLE_H_

#ifndef MESSI_CLIENT_TABLE_H_
#define MESSI_CLIENT_TABLE_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
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

/// The connected clients of a server, for a range-based for. The loop may send to them and
/// disconnect them. The range is valid until the hook returns.
template <typename Client>
class ClientRange {
 public:
  class Iterator {
   public:
    using iterator_category = std::forward_iterator_tag;
    using value_type = Client;
    using difference_type = std::ptrdiff_t;
    using pointer = Client*;
    using reference = Client&;

    Client& operator*() const { return static_cast<Client&>(*(*rows_)[index_].client); }
    Client* operator->() const { return &**this; }
    Iterator& operator++() {
      ++index_;
      skip_gaps();
      return *this;
    }
    Iterator operator++(int) {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.index_ == b.index_; }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return a.index_ != b.index_; }

   private:
    friend class ClientRange;
    Iterator(std::vector<ClientTable::Row>& rows, std::size_t index) : rows_(&rows), index_(index) {
      skip_gaps();
    }
    void skip_gaps() {
      const auto skipped = [this] {
        const ServerClient* const client = (*rows_)[index_].client.get();
        return client == nullptr || !client->connected();
      };
      while (index_ < rows_->size() && skipped()) ++index_;
    }

    std::vector<ClientTable::Row>* rows_;
    std::size_t index_;
  };

  explicit ClientRange(ClientTable& table) : rows_(table.rows_) {}

  Iterator begin() const { return Iterator(rows_, 0); }
  Iterator end() const { return Iterator(rows_, rows_.size()); }

 private:
  std::vector<ClientTable::Row>& rows_;
};

}  // namespace messi

#endif  // MESSI_CLIENT_TABLE_H_

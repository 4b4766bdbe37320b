#ifndef MESSI_CLIENT_RANGE_H_
#define MESSI_CLIENT_RANGE_H_

#include <cstddef>
#include <iterator>
#include <vector>

#include "messi/impl/client_table.h"
#include "messi/server_client.h"

namespace messi {

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

#endif  // MESSI_CLIENT_RANGE_H_

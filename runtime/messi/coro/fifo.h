#ifndef MESSI_CORO_FIFO_H_
#define MESSI_CORO_FIFO_H_

#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace messi::coro {

/// A queue that takes no memory before it is used, and gives back what a burst has taken.
template <typename Item>
class Fifo {
 public:
  bool empty() const { return begin_ == items_.size(); }
  std::size_t size() const { return items_.size() - begin_; }
  const Item& front() const { return items_[begin_]; }

  void push(Item item) { items_.push_back(std::move(item)); }

  Item pop() {
    Item item = std::move(items_[begin_++]);
    if (empty()) {
      if (items_.capacity() > kKept) items_ = std::vector<Item>();
      items_.clear();
      begin_ = 0;
    } else if (begin_ > kKept && begin_ > size()) {
      items_.erase(items_.begin(), std::next(items_.begin(), static_cast<std::ptrdiff_t>(begin_)));
      begin_ = 0;
    }
    return item;
  }

 private:
  static constexpr std::size_t kKept = 16;

  std::vector<Item> items_;  // those before begin_ are gone
  std::size_t begin_ = 0;
};

}  // namespace messi::coro

#endif  // MESSI_CORO_FIFO_H_

#ifndef MESSI_IMPL_SHARED_HOLDERS_H_
#define MESSI_IMPL_SHARED_HOLDERS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "messi/base/make_room.h"

namespace messi {

/// Who may hold a part of the buffer that broadcasts are being encoded into. So a message to a few
/// clients does not have to ask all of them when the buffer is full.
class SharedHolders {
 public:
  bool all() const { return all_; }
  /// Their ids, some of them several times. At most as many as there are clients.
  const std::vector<std::uint64_t>& ids() const { return ids_; }

  void add_all() { all_ = true; }
  /// `more` follow, of `clients` that there are.
  void expect(std::size_t more, std::size_t clients) {
    if (all_ || ids_.size() + more > clients) return add_all();
    make_room(ids_, ids_.size() + more);
  }
  void add(std::uint64_t id) {
    if (!all_) ids_.push_back(id);
  }

  /// Another buffer begins.
  void clear() {
    all_ = false;
    ids_.clear();
  }

 private:
  std::vector<std::uint64_t> ids_;
  bool all_ = false;
};

}  // namespace messi

#endif  // MESSI_IMPL_SHARED_HOLDERS_H_

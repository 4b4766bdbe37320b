#ifndef MESSI_IMPL_AWAITED_ROOM_H_
#define MESSI_IMPL_AWAITED_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace messi {

/// Clients, by their ids, for which there was no room when a message was tried, since too much was
/// waiting for all together. They wait in a circle, so each gets its turn.
class AwaitedRoom {
 public:
  void add(std::uint64_t id, std::size_t frame_size) { sizes_[id] = frame_size; }
  void remove(std::uint64_t id) { sizes_.erase(id); }
  std::size_t size() const { return sizes_.size(); }

  /// The next client in the circle. It is taken out if `fits(frame_size)`; if not, returns 0. There
  /// is one.
  template <typename Fits>
  std::uint64_t next(Fits&& fits) {
    auto next = sizes_.upper_bound(last_);
    if (next == sizes_.end()) next = sizes_.begin();
    last_ = next->first;
    if (!fits(next->second)) return 0;
    sizes_.erase(next);
    return last_;
  }

 private:
  std::map<std::uint64_t, std::size_t> sizes_;
  std::uint64_t last_ = 0;  // that had its turn
};

}  // namespace messi

#endif  // MESSI_IMPL_AWAITED_ROOM_H_

#ifndef MESSI_BASE_MAKE_ROOM_H_
#define MESSI_BASE_MAKE_ROOM_H_

#include <algorithm>
#include <cstddef>

namespace messi {

/// Gives a vector room for `size` elements. Adding that many then takes no memory, and cannot fail.
template <typename Vector>
void make_room(Vector& vector, std::size_t size) {
  if (vector.capacity() < size) vector.reserve(std::max(size, 2 * vector.capacity()));
}

}  // namespace messi

#endif  // MESSI_BASE_MAKE_ROOM_H_

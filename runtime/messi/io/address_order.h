#ifndef MESSI_IO_ADDRESS_ORDER_H_
#define MESSI_IO_ADDRESS_ORDER_H_

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <vector>

#include "messi/io/address_memory.h"

namespace messi::io {

/// The order in which the addresses of a host are tried (RFC 8305): IPv6 and IPv4 take turns, and
/// those that have failed before come last. `is_v4` and `text` ask an address; `memory` may be
/// null.
template <typename Address, typename IsV4, typename Text>
void order_addresses(std::vector<Address>& addresses, const AddressMemory* memory, IsV4 is_v4,
                     Text text) {
  struct Place {
    std::size_t rank;    // in the memory
    std::size_t number;  // among those of its family
    bool v4;
    Address address;
    bool operator<(const Place& other) const {
      return std::tie(rank, number, v4) < std::tie(other.rank, other.number, other.v4);
    }
  };
  std::vector<Place> places;
  std::size_t of_v4 = 0;
  std::size_t of_v6 = 0;
  for (const Address& each : addresses) {
    const bool v4 = is_v4(each);
    const std::size_t rank = memory != nullptr ? memory->rank(text(each)) : 0;
    places.push_back({rank, rank == 0 ? (v4 ? of_v4 : of_v6)++ : 0, v4, each});
  }
  std::sort(places.begin(), places.end());
  std::transform(places.begin(), places.end(), addresses.begin(),
                 [](const Place& place) { return place.address; });
}

}  // namespace messi::io

#endif  // MESSI_IO_ADDRESS_ORDER_H_

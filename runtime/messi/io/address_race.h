#ifndef MESSI_IO_ADDRESS_RACE_H_
#define MESSI_IO_ADDRESS_RACE_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "messi/base/time.h"
#include "messi/io/address_memory.h"

namespace messi::io {

/// Which address of a host is tried next, and when (RFC 8305, "Happy Eyeballs"). IPv6 and IPv4 take
/// turns; addresses that have failed before come last. The next one is tried when one fails or has
/// not answered for the head start, and the first that answers wins.
///
/// A memory, which may be null, is told who has failed: also those that the winner has overtaken,
/// and those that are under way when the race is given up, which is when it is destroyed.
template <typename Address>
class AddressRace {
 public:
  explicit AddressRace(AddressMemory* memory) : memory_(memory) {}
  AddressRace(const AddressRace&) = delete;
  AddressRace& operator=(const AddressRace&) = delete;
  ~AddressRace() {
    for (const Runner& each : under_way_) remember_failure(each);
  }

  /// One more address; `text` is what the memory calls it. `arrange` follows, after the last.
  void add(Address address, std::string text, bool v4) {
    untried_.push_back({std::move(address), std::move(text), v4});
    ++known_;
  }

  /// Puts those that are untried in order.
  void arrange() {
    struct Place {
      std::size_t rank;    // in the memory
      std::size_t number;  // among those of its family
      Runner runner;
      bool operator<(const Place& other) const {
        return std::tie(rank, number, runner.v4) <
               std::tie(other.rank, other.number, other.runner.v4);
      }
    };
    std::vector<Place> places;
    std::size_t of_v4 = 0;
    std::size_t of_v6 = 0;
    for (const Runner& each : untried_) {
      const std::size_t rank = memory_ != nullptr ? memory_->rank(each.text) : 0;
      const Place place{rank, rank == 0 ? (each.v4 ? of_v4 : of_v6)++ : 0, each};
      // They are few, and std::sort is much code.
      places.insert(std::upper_bound(places.begin(), places.end(), place), place);
    }
    std::transform(places.begin(), places.end(), untried_.begin(),
                   [](const Place& place) { return place.runner; });
  }

  bool has_next() const { return !untried_.empty(); }

  /// The address whose attempt begins now. There is one.
  Address begin_next() {
    under_way_.push_back(untried_.front());
    untried_.erase(untried_.begin());
    return under_way_.back().address;
  }

  /// How long an address has to answer before the next one is tried too: less if there are many, so
  /// that each is tried within kAll.
  Duration head_start() const {
    const Duration fair = kAll / static_cast<Duration::rep>(std::max<std::size_t>(known_, 1));
    return std::clamp(fair, kLeastHeadStart, kMostHeadStart);
  }

  /// An attempt has failed.
  void failed(const Address& address) {
    const auto found = find(address);
    remember_failure(*found);
    under_way_.erase(found);
  }

  /// An attempt has succeeded, and the others are given up.
  void won(const Address& address) {
    std::for_each(under_way_.begin(), find(address),
                  [this](const Runner& overtaken) { remember_failure(overtaken); });
    under_way_.clear();
  }

 private:
  static constexpr Duration kMostHeadStart = std::chrono::milliseconds(250);
  static constexpr Duration kLeastHeadStart = std::chrono::milliseconds(10);
  static constexpr Duration kAll = std::chrono::seconds(1);

  struct Runner {
    Address address;
    std::string text;
    bool v4;
  };

  auto find(const Address& address) {
    return std::find_if(under_way_.begin(), under_way_.end(),
                        [&](const Runner& each) { return each.address == address; });
  }
  void remember_failure(const Runner& runner) {
    if (memory_ != nullptr) memory_->failed(runner.text);
  }

  AddressMemory* const memory_;
  std::size_t known_ = 0;
  std::vector<Runner> untried_;    // in the order in which they will be tried
  std::vector<Runner> under_way_;  // in the order in which they began
};

}  // namespace messi::io

#endif  // MESSI_IO_ADDRESS_RACE_H_

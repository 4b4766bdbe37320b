#ifndef MESSI_IO_ADDRESS_MEMORY_H_
#define MESSI_IO_ADDRESS_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace messi {

/// The addresses that have failed a client. Its next attempt begins with others: an address that
/// does not answer, or whose connection never proves itself, is tried last.
class AddressMemory {
 public:
  /// An attempt at `address` ("127.0.0.1:5000", as Stream::peer_address says it) has failed, or
  /// not ended in time, or its connection never proved itself.
  void failed(const std::string& address) {
    worked(address);
    if (failed_.size() == kMost) failed_.erase(failed_.begin());
    failed_.push_back(address);
  }

  /// A connection to `address` has proved itself.
  void worked(std::string_view address) {
    failed_.erase(std::remove(failed_.begin(), failed_.end(), address), failed_.end());
  }

  /// Addresses are tried in the order of their ranks: 0 for one that has not failed, more for one
  /// that has failed more recently.
  std::size_t rank(std::string_view address) const {
    const auto found = std::find(failed_.begin(), failed_.end(), address);
    return found == failed_.end() ? 0 : static_cast<std::size_t>(found - failed_.begin()) + 1;
  }

 private:
  static constexpr std::size_t kMost = 256;

  std::vector<std::string> failed_;  // the longest ago first
};

}  // namespace messi

#endif  // MESSI_IO_ADDRESS_MEMORY_H_

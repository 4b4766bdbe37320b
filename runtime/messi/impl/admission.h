#ifndef MESSI_IMPL_ADMISSION_H_
#define MESSI_IMPL_ADMISSION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "messi/base/time.h"
#include "messi/base/token_rate.h"
#include "messi/connection/disconnect_reason.h"

namespace messi {

/// How many clients may come from one origin (see PeerInfo), and how many at once.
class Admission {
 public:
  Admission(std::size_t most_from_one, TokenRate rate)
      : most_from_one_(most_from_one), rate_(rate) {}

  /// Why a client from there may not come now; nothing if it may.
  std::optional<DisconnectReason> refuse(const std::string& origin, TimePoint now) {
    const auto row = clients_.find(origin);
    if (row != clients_.end() && row->second >= most_from_one_) {
      return DisconnectReason::kTooManyFromAddress;
    }
    if (!rate_.take(bucket_, now)) return DisconnectReason::kTooManyAtOnce;
    return std::nullopt;
  }

  void enter(const std::string& origin) {
    if (most_from_one_ != SIZE_MAX && !origin.empty()) ++clients_[origin];
  }
  void leave(const std::string& origin) {
    const auto row = clients_.find(origin);
    if (row != clients_.end() && --row->second == 0) clients_.erase(row);
  }
  /// Whether anybody is counted; if not, `leave` need not be called.
  bool counts() const { return !clients_.empty(); }

 private:
  const std::size_t most_from_one_;
  const TokenRate rate_;
  TimePoint bucket_ = TimePoint::min();
  std::map<std::string, std::size_t> clients_;
};

}  // namespace messi

#endif  // MESSI_IMPL_ADMISSION_H_

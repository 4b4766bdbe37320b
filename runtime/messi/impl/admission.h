#ifndef MESSI_IMPL_ADMISSION_H_
#define MESSI_IMPL_ADMISSION_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "messi/base/time.h"
#include "messi/base/token_rate.h"
#include "messi/connection/disconnect_reason.h"

namespace messi {

/// How many clients may come, how many of them from one origin (see PeerInfo), and how many at
/// once. The servers of several loops share one.
class Admission {
 public:
  Admission(std::size_t most, std::size_t most_from_one, TokenRate rate)
      : most_(most), most_from_one_(most_from_one), rate_(rate) {}

  /// Why a client from there may not come now; nothing if it has entered.
  std::optional<DisconnectReason> admit(const std::string& origin, TimePoint now) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (entered_ - replaceable_ >= most_) return DisconnectReason::kTooManyClients;
    const auto row = origins_.find(origin);
    if (row != origins_.end() && row->second >= most_from_one_) {
      return DisconnectReason::kTooManyFromAddress;
    }
    if (!rate_.take(bucket_, now)) return DisconnectReason::kTooManyAtOnce;
    count(origin);
    return std::nullopt;
  }

  /// One more, for a connection that was admitted before.
  void enter(const std::string& origin) {
    const std::lock_guard<std::mutex> lock(mutex_);
    count(origin);
  }
  void leave(const std::string& origin) {
    const std::lock_guard<std::mutex> lock(mutex_);
    --entered_;
    forget(origin);
  }
  /// It stays, but it is not connected from there any more.
  void leave_origin(const std::string& origin) {
    const std::lock_guard<std::mutex> lock(mutex_);
    forget(origin);
  }

  /// Whether any origin matters to `leave` and `leave_origin`.
  bool knows_origins() const { return most_from_one_ != SIZE_MAX; }

  /// One more or one less of those that have entered may be given up for others.
  void add_replaceable() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ++replaceable_;
  }
  void remove_replaceable() {
    const std::lock_guard<std::mutex> lock(mutex_);
    --replaceable_;
  }

 private:
  void count(const std::string& origin) {
    if (most_from_one_ != SIZE_MAX && !origin.empty()) ++origins_[origin];
    ++entered_;
  }
  void forget(const std::string& origin) {
    if (origins_.empty()) return;
    const auto row = origins_.find(origin);
    if (row != origins_.end() && --row->second == 0) origins_.erase(row);
  }

  const std::size_t most_;
  const std::size_t most_from_one_;
  const TokenRate rate_;
  std::mutex mutex_;
  std::size_t entered_ = 0;
  std::size_t replaceable_ = 0;
  TimePoint bucket_ = TimePoint::min();
  std::map<std::string, std::size_t> origins_;
};

}  // namespace messi

#endif  // MESSI_IMPL_ADMISSION_H_

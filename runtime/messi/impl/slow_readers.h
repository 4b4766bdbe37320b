#ifndef MESSI_IMPL_SLOW_READERS_H_
#define MESSI_IMPL_SLOW_READERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "messi/wire/buffer_pool.h"
#include "messi/wire/latest_frames.h"
#include "messi/wire/outbox.h"

namespace messi {

/// What a server knows of its clients that have read too slowly for its broadcasts, by their ids.
/// The other clients cost nothing.
class SlowReaders {
 public:
  struct Row {
    Row(const wire::OutboxSettings& settings, wire::BufferPool& pool) : latest(settings, pool) {}

    std::uint64_t dropped = 0;  // broadcasts that it will not get
    wire::LatestFrames latest;
  };

  SlowReaders(const wire::OutboxSettings& settings, wire::BufferPool& pool)
      : settings_(settings), pool_(pool) {}

  /// Null if it never was one.
  Row* find(std::uint64_t id) {
    const auto row = rows_.find(id);
    return row != rows_.end() ? &row->second : nullptr;
  }
  Row& add(std::uint64_t id) {
    return rows_
        .emplace(std::piecewise_construct, std::forward_as_tuple(id),
                 std::forward_as_tuple(settings_, pool_))
        .first->second;
  }
  void remove(std::uint64_t id) { rows_.erase(id); }

 private:
  const wire::OutboxSettings& settings_;
  wire::BufferPool& pool_;
  std::map<std::uint64_t, Row> rows_;
};

}  // namespace messi

#endif  // MESSI_IMPL_SLOW_READERS_H_

#ifndef MESSI_IMPL_SENDER_H_
#define MESSI_IMPL_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "messi/base/time.h"
#include "messi/impl/send_lane.h"
#include "messi/sender.h"

namespace messi {

MESSI_INLINE Sender::Sender(const std::shared_ptr<SendLanes>& lanes, std::size_t max_pending_bytes)
    : lane_(std::make_shared<SendLane>(lanes, max_pending_bytes)) {}

MESSI_INLINE Sender::Sender(const Sender& other)
    : Sender(other.lane_->lanes(), other.lane_->max_pending_bytes()) {}

MESSI_INLINE Sender& Sender::operator=(const Sender& other) {
  if (this != &other) *this = Sender(other);
  return *this;
}

MESSI_INLINE bool Sender::wait_for_room(Duration patience) const {
  return lane_->wait_for_room(patience);
}

MESSI_INLINE std::size_t Sender::pending_bytes() const { return lane_->pending_bytes(); }

MESSI_INLINE bool Sender::connected() const { return lane_->lanes()->takes(); }

MESSI_INLINE SendResult Sender::put(std::size_t payload_size,
                                    bool (*write)(const void* message, std::uint8_t* out),
                                    const void* message) const {
  return lane_->send(payload_size, write, message);
}

}  // namespace messi

#endif  // MESSI_IMPL_SENDER_H_

#ifndef MESSI_SESSION_KEPT_MESSAGES_H_
#define MESSI_SESSION_KEPT_MESSAGES_H_

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>

#include "messi/wire/buffer_pool.h"
#include "messi/wire/call_frame.h"
#include "messi/wire/frame.h"

namespace messi::session {

/// A message that was accepted and that the peer has not acknowledged.
struct KeptMessage {
  std::uint64_t number;      ///< 1, 2, 3... in the session.
  std::string_view payload;  ///< As encoded: a ClientToServer or a ServerToClient. Empty if it says
                             ///< something else about a request than its answer.
};

/// The messages that a session keeps, in order. A view: see where it comes from for how long.
class KeptMessages {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = KeptMessage;
    using difference_type = std::ptrdiff_t;
    using pointer = const KeptMessage*;
    using reference = KeptMessage;

    Iterator(const wire::Segment* segment, std::uint64_t number)
        : segment_(segment), at_(segment != nullptr ? segment->begin : 0), number_(number) {}

    KeptMessage operator*() const {
      const char* const frame = segment_->owner->data() + at_;
      const std::string_view payload(frame + wire::kHeaderSize, wire::read_size(frame));
      if (wire::read_type(frame) != wire::FrameType::kCall) return {number_, payload};
      const auto call = wire::read_call(payload);
      return {number_, call ? call->message : std::string_view()};
    }
    Iterator& operator++() {
      at_ += wire::frame_size(segment_->owner->data() + at_);
      ++number_;
      if (at_ == segment_->end) *this = Iterator(segment_->next, number_);
      return *this;
    }
    friend bool operator==(const Iterator& a, const Iterator& b) {
      return a.segment_ == b.segment_ && a.at_ == b.at_;
    }
    friend bool operator!=(const Iterator& a, const Iterator& b) { return !(a == b); }

   private:
    const wire::Segment* segment_;
    std::uint32_t at_;
    std::uint64_t number_;
  };

  KeptMessages() = default;
  KeptMessages(const wire::Segment* first, std::uint64_t number) : first_(first), number_(number) {}

  Iterator begin() const { return {first_, number_}; }
  Iterator end() const { return {nullptr, 0}; }
  bool empty() const { return first_ == nullptr; }

 private:
  const wire::Segment* first_ = nullptr;
  std::uint64_t number_ = 0;
};

}  // namespace messi::session

#endif  // MESSI_SESSION_KEPT_MESSAGES_H_

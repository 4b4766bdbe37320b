#ifndef MESSI_CODEC_RECEIVED_H_
#define MESSI_CODEC_RECEIVED_H_

// From a payload to a message. The member is parsed without a wrapper message, directly into a
// message that is reused for each receive.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>

#include "messi/codec/fields.h"
#include "messi/codec/kind.h"
#include "messi/codec/member.h"

namespace messi::codec {

/// How many levels of messages may be nested in a wrapper message. It is protobuf's own limit.
inline constexpr int kMostLevels = 100;

/// Parses a message with at most `levels` others nested below it, as `Received` says for its
/// wrapper; false if that fails or a required field is missing.
inline bool parse_message(std::string_view bytes, google::protobuf::MessageLite& message,
                          int levels) {
  // The partial parse, since the other one logs what is missing, so that peers could flood the log.
  const auto size = static_cast<int>(bytes.size());
  // Each level takes at least two bytes.
  if (levels == kMostLevels || size <= 2 * std::min(levels, kMostLevels)) {
    return message.ParsePartialFromArray(bytes.data(), size) && message.IsInitialized();
  }
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            size);
  in.SetRecursionLimit(levels);
  return message.ParsePartialFromCodedStream(&in) && in.ConsumedEntireMessage() &&
         message.IsInitialized();
}

/// Reduces a payload of any legal form to the plain form. It may have several members, of which the
/// last wins, members in several parts, which are merged, and unknown fields around them.
/// protobuf's own parser decides, and its result is encoded again. False if the payload is illegal.
/// The member is in `plain`; its number is 0 if `wrapper`'s type knows none.
inline bool normalise(std::string_view payload, const google::protobuf::MessageLite& wrapper,
                      int levels, std::string& plain, Member& member) {
  const std::unique_ptr<google::protobuf::MessageLite> parsed(wrapper.New());
  if (!parse_message(payload, *parsed, levels)) return false;
  plain = parsed->SerializePartialAsString();
  // First the member, if there is one, and then unknown fields.
  std::string_view bytes = plain;
  if (!read_member(bytes, member)) member = {0, {}};
  return true;
}

/// One message of each received type, reused so that receiving allocates nothing when it has grown
/// to its usual size. The memory of an unusually large message is freed.
class Received {
 public:
  /// For the members 0 to `count` - 1. `levels` of messages may be nested in the wrapper, the
  /// member among them. Takes memory when the first message arrives.
  explicit Received(std::size_t count, int levels = kMostLevels) : count_(count), levels_(levels) {}

 private:
  friend class Incoming;

  // The memory that one message may keep. A parsed message can be many times larger than its bytes,
  // and the memory of many messages can add up, so it is measured each time this much has been
  // parsed.
  static constexpr std::size_t kKeptBytes = 320 * 1024;
  static constexpr std::size_t kCheckedBytes = 32 * 1024;
  // A largest message is unusual if this many in a row are below this part of it.
  static constexpr int kPatience = 64;
  static constexpr std::size_t kPart = 16;
  static constexpr std::size_t kNotWorthIt = 1024;

  using SpaceUsed = std::size_t (*)(const google::protobuf::MessageLite&);

  struct Slot {
    void release_excess(std::size_t size, SpaceUsed space_used) {
      largest = std::max(largest, size);
      unchecked += size;
      if (unchecked >= kCheckedBytes) {
        unchecked = 0;
        if (space_used(*message) > kKeptBytes) return release();
      }
      if (size * kPart >= largest || largest < kNotWorthIt) {
        small_in_a_row = 0;
      } else if (++small_in_a_row == kPatience) {
        release();
      }
    }
    void release() {
      message.reset();
      largest = 0;
      small_in_a_row = 0;
    }

    std::unique_ptr<google::protobuf::MessageLite> message;
    std::size_t largest = 0;
    std::size_t unchecked = 0;  // bytes parsed since the last measurement
    int small_in_a_row = 0;
  };

  Slot& slot(std::size_t index) {
    if (slots_ == nullptr) make_slots();
    return slots_[index];
  }
  [[gnu::noinline]] void make_slots() { slots_ = std::make_unique<Slot[]>(count_); }

  const std::size_t count_;
  const int levels_;
  std::unique_ptr<Slot[]> slots_;
  std::string plain_;  // see normalise; empty between two messages
};

/// A payload on its way to its hook. Generated code switches on the member, and parses it with that
/// member's type:
///
///     Incoming in(received, payload, ServerToClient::default_instance());
///     switch (in.member()) {
///       case 1:
///         in.parse(0, ConnectRsp::default_instance());
///         if (in.parsed()) on_connect_rsp(static_cast<const ConnectRsp&>(in.message()));
///         break;
///       default:
///         if (in.is_unknown()) on_unknown_message(in.unknown());
///     }
///     return in.finish();
class Incoming {
 public:
  template <typename Wrapper>
  Incoming(Received& received, std::string_view payload, const Wrapper& wrapper)
      : received_(received),
        payload_(payload),
        space_used_(&space_used<Wrapper>),
        member_(short_member(payload)) {
    if (member_.field == 0) find_member(wrapper);
  }

  /// The number of the member. If there is none, or something has failed, a number that no member
  /// has.
  std::uint32_t member() const { return member_.field; }

  /// Parses the member into the reused message with that index.
  void parse(std::size_t index, const google::protobuf::MessageLite& prototype,
             Take take = nullptr);
  bool parsed() const { return ok_; }
  const google::protobuf::MessageLite& message() const { return *slot_->message; }

  /// If there is no member: whether there is an unknown field, and its number.
  bool is_unknown() const { return ok_ && unknown() != 0; }
  std::uint32_t unknown() const { return first_field(payload_); }

  /// False if the payload is illegal.
  bool finish() {
    if (slot_ != nullptr) slot_->release_excess(member_.bytes.size(), space_used_);
    if (!received_.plain_.empty()) received_.plain_ = std::string();
    return ok_;
  }

 private:
  template <typename Message>
  static std::size_t call(std::size_t (Message::*function)() const,
                          const google::protobuf::MessageLite& message) {
    return (static_cast<const Message&>(message).*function)();
  }

  [[gnu::noinline]] void find_member(const google::protobuf::MessageLite& wrapper) {
    member_ = single_member(payload_);
    if (member_.field != 0) return;
    ok_ = normalise(payload_, wrapper, received_.levels_, received_.plain_, member_);
  }
  [[gnu::noinline]] void parse_by_libprotobuf() {
    ok_ = parse_message(member_.bytes, *slot_->message, received_.levels_ - 1);
  }

  // If the wrapper is of the full runtime, its members are too. Messages of the lite runtime cannot
  // tell their size, so they are never kept for long.
  template <typename Wrapper>
  static std::size_t space_used(const google::protobuf::MessageLite& message) {
    return space_used_as<Wrapper>(message, 0);
  }
  template <typename Wrapper>
  static auto space_used_as(const google::protobuf::MessageLite& message, int /*preferred*/)
      -> decltype(call(&Wrapper::SpaceUsedLong, message)) {
    return call(&Wrapper::SpaceUsedLong, message);
  }
  template <typename Wrapper>
  static std::size_t space_used_as(const google::protobuf::MessageLite& /*message*/,
                                   long /*other*/) {
    return std::numeric_limits<std::size_t>::max();
  }

  Received& received_;
  std::string_view payload_;
  Received::SpaceUsed space_used_;
  Member member_;
  Received::Slot* slot_ = nullptr;
  bool ok_ = true;
};

// ---------------------------------------------------------------------------------------------

[[gnu::noinline]] inline void Incoming::parse(std::size_t index,
                                              const google::protobuf::MessageLite& prototype,
                                              Take take) {
  Received::Slot& slot = received_.slot(index);
  if (slot.message == nullptr) slot.message.reset(prototype.New());
  slot_ = &slot;
  if (take != nullptr) {
    google::protobuf::MessageLite& message = *slot.message;
    message.Clear();
    FieldReader in(member_.bytes);
    take(in, message);
    if (in.ok()) return;
  }
  parse_by_libprotobuf();
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_RECEIVED_H_

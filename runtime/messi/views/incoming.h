#ifndef MESSI_VIEWS_INCOMING_H_
#define MESSI_VIEWS_INCOMING_H_

// From a payload to a message.

#include <cstdint>
#include <optional>
#include <string_view>

#include "messi/codec/member.h"
#include "messi/views/reader.h"

namespace messi::views {

/// A payload on its way to its hook. Generated code switches on the member, and decodes it:
///
///     Incoming in(payload, options().max_decode_depth);
///     if (in.is_unusual()) in.settle<ServerToClient, Receives>();
///     switch (in.member()) {
///       case 1: {
///         ConnectRsp message;
///         in.parse(message);
///         if (in.parsed()) on_connect_rsp(message);
///         break;
///       }
///       default:
///         if (in.is_unknown()) on_unknown_message(in.unknown());
///     }
///     return in.finish();
class Incoming {
 public:
  /// `levels` of messages may be nested in the wrapper, the member among them.
  Incoming(std::string_view payload, int levels) : payload_(payload), levels_(levels) {
    Reader in(payload, 0);
    const std::uint32_t tag = in.next();
    if ((tag & 7) != kDelimited) return;
    const std::string_view bytes = in.bytes();
    if (in.ok() && in.rest().empty()) member_ = {tag >> 3, bytes};
  }

  /// Whether the payload has not one member and nothing else.
  bool is_unusual() const { return member_.field == 0; }
  /// It may have several members, of which the last counts, and other fields. All must be right.
  template <typename Wrapper, typename Members>
  void settle() {
    const std::optional<codec::Member> member = settled<Wrapper, Members>(payload_, levels_);
    ok_ = member.has_value();
    if (ok_) member_ = *member;
  }

  /// The number of the member. If there is none, or something has failed, 0.
  std::uint32_t member() const { return member_.field; }

  /// Decodes the member.
  template <typename T>
  void parse(T& message) {
    message.original_bytes = member_.bytes;
    Reader in(member_.bytes, levels_ - 1);
    messi_read(in, message);
    ok_ = in.ok();
  }
  bool parsed() const { return ok_; }

  /// If there is no member: whether there is an unknown field, and its number.
  bool is_unknown() const { return ok_ && unknown() != 0; }
  std::uint32_t unknown() const { return codec::first_field(payload_); }

  /// False if the payload is illegal.
  bool finish() const { return ok_; }

 private:
  // Nothing, if something is wrong. Not a function of the object, which so is never in memory.
  template <typename Wrapper, typename Members>
  [[gnu::noinline]] static std::optional<codec::Member> settled(std::string_view payload,
                                                                int levels) {
    Wrapper wrapper;
    Reader in(payload, levels);
    messi_read(in, wrapper);
    if (!in.ok()) return std::nullopt;
    codec::Member member = {0, {}};
    Reader again(payload);
    while (const std::uint32_t tag = again.next()) {
      const std::uint32_t number = tag >> 3;
      if ((tag & 7) == kDelimited && !Members::name(number).empty()) {
        member = {number, again.bytes()};
      } else {
        again.skip(tag);
      }
    }
    return member;
  }

  std::string_view payload_;
  int levels_;
  codec::Member member_ = {0, {}};
  bool ok_ = true;
};

}  // namespace messi::views

#endif  // MESSI_VIEWS_INCOMING_H_

#ifndef MESSI_VIEWS_INCOMING_H_
#define MESSI_VIEWS_INCOMING_H_

// From a payload to a message.

#include <cstdint>
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
  Incoming(std::string_view payload, int levels)
      : payload_(payload), levels_(levels), member_(codec::short_member(payload)) {
    if (member_.field == 0) member_ = codec::single_member(payload);
  }

  /// Whether the payload has not one member and nothing else.
  bool is_unusual() const { return member_.field == 0; }
  /// It may have several members, of which the last counts, and other fields. All must be right.
  template <typename Wrapper, typename Members>
  [[gnu::noinline]] void settle() {
    Wrapper wrapper;
    Reader in(payload_, levels_);
    messi_read(in, wrapper);
    ok_ = in.ok();
    if (!ok_) return;
    Reader again(payload_);
    while (const std::uint32_t tag = again.next()) {
      const std::uint32_t number = tag >> 3;
      if ((tag & 7) == kDelimited && !Members::name(number).empty()) {
        member_ = {number, again.bytes()};
      } else {
        again.skip(tag);
      }
    }
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
  std::string_view payload_;
  int levels_;
  codec::Member member_;
  bool ok_ = true;
};

}  // namespace messi::views

#endif  // MESSI_VIEWS_INCOMING_H_

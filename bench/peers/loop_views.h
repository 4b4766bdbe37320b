#ifndef MESSI_BENCH_PEERS_LOOP_VIEWS_H_
#define MESSI_BENCH_PEERS_LOOP_VIEWS_H_

// The payloads of the hand-written loop, written and read by hand: text is not copied, and nothing
// is generated. Text is checked on both sides, as libprotobuf does.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "bench/common/options.h"
#include "messi/base/utf8.h"

namespace bench {

enum class Member { kNone, kConnect, kMessage };

/// ClientToServer and ServerToClient are the same, but that a ConnectRsp has no user.
struct Payload {
  Member member = Member::kNone;
  std::string_view user;
  std::string_view text;
};
using ToServer = Payload;
using ToClient = Payload;

inline Payload wrapped_message(const Options& options) {
  static const std::string text(options.size, 'x');
  return {Member::kMessage, "erik", text};
}
inline Payload wrapped_request() { return {Member::kConnect, "erik", {}}; }
inline void make_response(Payload& payload) { payload = {Member::kConnect, {}, {}}; }
inline void pass_on(const Payload& from, Payload& to) { to = from; }

inline Member member_of(const Payload& payload) { return payload.member; }
inline std::size_t text_size(const Payload& payload) { return payload.text.size(); }

inline constexpr std::uint64_t kUserTag = 0x0a;
inline constexpr std::uint64_t kTextTag = 0x12;
/// Tags have one byte here.
inline constexpr std::size_t kTagSize = 1;

inline std::size_t varint_size(std::size_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}
inline std::size_t field_size(std::string_view text) {
  return text.empty() ? 0 : kTagSize + varint_size(text.size()) + text.size();
}
inline std::size_t body_size(const Payload& payload) {
  return field_size(payload.user) + field_size(payload.text);
}

inline std::uint8_t* write_varint(std::uint8_t* at, std::size_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<std::uint8_t>(value | 0x80);
  *at++ = static_cast<std::uint8_t>(value);
  return at;
}
inline std::uint8_t* write_field(std::uint8_t* at, std::uint64_t tag, std::string_view text) {
  if (text.empty()) return at;
  if (!messi::is_utf8(text)) fail("text to be sent is not UTF-8");
  *at++ = static_cast<std::uint8_t>(tag);
  at = write_varint(at, text.size());
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

inline std::size_t measure(const Payload& payload) {
  const std::size_t size = body_size(payload);
  return kTagSize + varint_size(size) + size;
}
inline void write(const Payload& payload, std::uint8_t* at) {
  *at++ = payload.member == Member::kConnect ? 0x0a : 0x12;
  at = write_varint(at, body_size(payload));
  at = write_field(at, kUserTag, payload.user);
  write_field(at, kTextTag, payload.text);
}

/// Reads fields; what is wrong ends them.
struct Fields {
  const std::uint8_t* at;
  const std::uint8_t* end;
  bool ok = true;

  bool more() const { return ok && at != end; }

  std::uint64_t varint() {
    if (at != end && *at < 0x80) return *at++;
    std::uint64_t value = 0;
    for (int shift = 0; shift < 70 && at != end; shift += 7) {
      const std::uint8_t byte = *at++;
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    ok = false;
    return 0;
  }
  const std::uint8_t* bytes(std::uint64_t size) {
    const std::uint8_t* const begin = at;
    if (size > static_cast<std::size_t>(end - at)) {
      ok = false;
    } else {
      at += size;
    }
    return begin;
  }
  Fields message() {
    const std::uint64_t size = varint();
    const std::uint8_t* const begin = bytes(size);
    return {begin, ok ? at : begin};
  }
  std::string_view text() {
    const Fields inside = message();
    const std::string_view text(reinterpret_cast<const char*>(inside.at),
                                static_cast<std::size_t>(inside.end - inside.at));
    if (!messi::is_utf8(text)) ok = false;
    return text;
  }
  void skip(std::uint64_t tag) {
    switch (tag & 7) {
      case 0:
        varint();
        break;
      case 1:
        bytes(8);
        break;
      case 2:
        message();
        break;
      case 5:
        bytes(4);
        break;
      default:  // groups, which nobody sends
        ok = false;
        break;
    }
  }
};

inline bool parse_body(Fields body, Payload& payload) {
  while (body.more()) {
    const std::uint64_t tag = body.varint();
    if (tag == kUserTag) {
      payload.user = body.text();
    } else if (tag == kTextTag) {
      payload.text = body.text();
    } else {
      body.skip(tag);
    }
  }
  return body.ok;
}

inline bool parse(const std::uint8_t* bytes, std::size_t size, Payload& payload) {
  payload = {};
  Fields in{bytes, bytes + size};
  while (in.more()) {
    const std::uint64_t tag = in.varint();
    if (tag != 0x0a && tag != 0x12) {
      in.skip(tag);
      continue;
    }
    payload = {tag == 0x0a ? Member::kConnect : Member::kMessage, {}, {}};
    if (!parse_body(in.message(), payload)) return false;
  }
  return in.ok;
}

}  // namespace bench

#endif  // MESSI_BENCH_PEERS_LOOP_VIEWS_H_

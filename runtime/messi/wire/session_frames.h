#ifndef MESSI_WIRE_SESSION_FRAMES_H_
#define MESSI_WIRE_SESSION_FRAMES_H_

// The frames with which two peers introduce themselves, and with which a session says how far it
// got: OFFER, HELLO, WELCOME and ACK. doc/wire-protocol.md has their layout.
//
// What comes from the network may be anything: a frame that is not what it should be is read as
// nothing. What a frame has beyond the known is ignored.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "messi/wire/big_endian.h"
#include "messi/wire/frame.h"

namespace messi::wire {

/// The version of sessions that is spoken here.
inline constexpr std::uint8_t kSessionVersion = 1;

/// An identity or a secret; all zero is none.
using Token = std::array<std::uint8_t, 16>;

/// What a server can do. It is always the first frame of such a server.
struct Offer {
  std::uint8_t min_version = kSessionVersion;
  std::uint8_t max_version = kSessionVersion;
  bool sessions = false;  ///< False: only the handshake.
};

/// HELLO and WELCOME end with TLVs: u16 type, u16 length, value. Unknown types are ignored.
inline constexpr std::size_t kMostTlvs = 1024;
inline constexpr std::size_t kTlvHeaderSize = 4;
inline constexpr std::uint16_t kAuthTokenTlv = 1;
inline constexpr std::uint16_t kProtocolTlv = 2;  ///< The protocol's name and fingerprints.
inline constexpr std::size_t kMostAuthToken = 512;

/// What a client says of itself.
struct Hello {
  std::uint8_t version = kSessionVersion;
  bool resume = false;
  bool no_session = false;  ///< Only the handshake.
  std::uint16_t features = 0;
  std::uint32_t attempt = 0;  ///< The number of this HELLO of the session.
  std::uint32_t retain = 0;   ///< How many bytes the client keeps until they are acknowledged.
  std::uint32_t max_payload = 0;
  std::uint64_t rx = 0;  ///< How many messages of the server were dispatched.
  Token id = {};
  Token secret = {};
  std::string_view tlvs = {};
};

/// The server's answer.
struct Welcome {
  std::uint8_t version = kSessionVersion;
  bool resumed = false;
  std::uint8_t reason = 0;  ///< Of a new session after a HELLO that resumes: why that one is lost.
  std::uint32_t resume_window_ms = 0;
  std::uint32_t retain = 0;  ///< How many bytes the server keeps until they are acknowledged.
  std::uint32_t max_payload = 0;
  std::uint64_t rx = 0;  ///< How many messages of the client were dispatched.
  Token id = {};
  Token secret = {};
  std::optional<std::uint64_t> prev_rx = {};  ///< How far the session got that is lost.
  std::uint16_t features = 0;                 ///< Those of HELLO that the server has too.
  std::string_view tlvs = {};
};

/// How far one side got.
struct Ack {
  std::uint64_t rx = 0;  ///< How many messages of the other side were dispatched.
  std::uint64_t tx = 0;  ///< The number of the last message that was written before this frame.
};

inline constexpr std::size_t kOfferSize = 4;
inline constexpr std::size_t kHelloFixedSize = 56;
inline constexpr std::size_t kWelcomeFixedSize = 72;
inline constexpr std::size_t kAckSize = 16;

/// Writes what is in front of a value, of `kTlvHeaderSize` bytes; returns the place behind it.
inline std::uint8_t* write_tlv_header(std::uint8_t* out, std::uint16_t type, std::size_t size) {
  return put_number(out, std::uint32_t{type} << 16 | size, kTlvHeaderSize);
}
inline void append_tlv(std::string& tlvs, std::uint16_t type, std::string_view value) {
  std::uint8_t header[kTlvHeaderSize];
  write_tlv_header(header, type, value.size());
  tlvs.append(reinterpret_cast<const char*>(header), kTlvHeaderSize).append(value);
}

/// Calls `on_tlv(type, value) -> bool` for each TLV; false if it does, or if one is cut.
template <typename OnTlv>
bool for_each_tlv(std::string_view tlvs, OnTlv&& on_tlv) {
  while (!tlvs.empty()) {
    if (tlvs.size() < kTlvHeaderSize) return false;
    const auto type = static_cast<std::uint16_t>(get_number(tlvs, 0, 2));
    const auto size = static_cast<std::size_t>(get_number(tlvs, 2, 2));
    tlvs.remove_prefix(kTlvHeaderSize);
    // Not substr, which can throw: devices have nothing that does.
    if (tlvs.size() < size || !on_tlv(type, std::string_view(tlvs.data(), size))) return false;
    tlvs.remove_prefix(size);
  }
  return true;
}

/// The value of the first TLV of a type, of TLVs that were read; "" if there is none.
inline std::string_view find_tlv(std::string_view tlvs, std::uint16_t wanted) {
  std::string_view found;
  for_each_tlv(tlvs, [&](std::uint16_t type, std::string_view value) {
    if (type != wanted) return true;
    found = value;
    return false;
  });
  return found;
}

namespace session_frames {

inline bool well_formed(std::string_view tlvs) {
  return tlvs.size() <= kMostTlvs &&
         for_each_tlv(tlvs, [](std::uint16_t type, std::string_view value) {
           return type != kAuthTokenTlv || value.size() <= kMostAuthToken;
         });
}

inline std::uint8_t* put_token(std::uint8_t* out, const Token& token) {
  return std::copy(token.begin(), token.end(), out);
}

inline Token get_token(std::string_view payload, std::size_t at) {
  Token token;
  std::memcpy(token.data(), payload.data() + at, token.size());
  return token;
}

}  // namespace session_frames

/// Writes a whole frame, of `kHeaderSize + kOfferSize` bytes; returns the place behind it.
inline std::uint8_t* write_offer(std::uint8_t* out, const Offer& offer) {
  out = write_header(out, FrameType::kOffer, kOfferSize);
  *out++ = offer.min_version;
  *out++ = offer.max_version;
  return put_number(out, offer.sessions ? 1 : 0, 2);
}

inline std::optional<Offer> read_offer(std::string_view payload) {
  if (payload.size() < kOfferSize) return std::nullopt;
  Offer offer;
  offer.min_version = static_cast<std::uint8_t>(payload[0]);
  offer.max_version = static_cast<std::uint8_t>(payload[1]);
  offer.sessions = (get_number(payload, 2, 2) & 1) != 0;
  return offer;
}

/// The size of the whole frame; `tlvs` has at most `kMostTlvs` bytes.
inline std::size_t hello_size(const Hello& hello) {
  return kHeaderSize + kHelloFixedSize + hello.tlvs.size();
}

/// Writes a payload but its TLVs, of `kHelloFixedSize` bytes; returns the place behind it.
inline std::uint8_t* write_hello_head(std::uint8_t* out, const Hello& hello) {
  *out++ = hello.version;
  *out++ = static_cast<std::uint8_t>((hello.resume ? 1 : 0) | (hello.no_session ? 2 : 0));
  out = put_number(out, hello.features, 2);
  out = put_number(out, hello.attempt, 4);
  out = put_number(out, hello.retain, 4);
  out = put_number(out, hello.max_payload, 4);
  out = put_number(out, hello.rx, 8);
  out = session_frames::put_token(out, hello.id);
  return session_frames::put_token(out, hello.secret);
}

/// Writes a whole frame, of `hello_size` bytes.
inline void write_hello(std::uint8_t* out, const Hello& hello) {
  out = write_header(out, FrameType::kHello, hello_size(hello) - kHeaderSize);
  out = write_hello_head(out, hello);
  std::copy(hello.tlvs.begin(), hello.tlvs.end(), out);
}

inline std::optional<Hello> read_hello(std::string_view payload) {
  if (payload.size() < kHelloFixedSize) return std::nullopt;
  const std::string_view tlvs = payload.substr(kHelloFixedSize);
  if (!session_frames::well_formed(tlvs)) return std::nullopt;
  Hello hello;
  hello.version = static_cast<std::uint8_t>(payload[0]);
  hello.resume = (payload[1] & 1) != 0;
  hello.no_session = (payload[1] & 2) != 0;
  hello.features = static_cast<std::uint16_t>(get_number(payload, 2, 2));
  hello.attempt = static_cast<std::uint32_t>(get_number(payload, 4, 4));
  hello.retain = static_cast<std::uint32_t>(get_number(payload, 8, 4));
  hello.max_payload = static_cast<std::uint32_t>(get_number(payload, 12, 4));
  hello.rx = get_number(payload, 16, 8);
  hello.id = session_frames::get_token(payload, 24);
  hello.secret = session_frames::get_token(payload, 40);
  hello.tlvs = tlvs;
  return hello;
}

/// The size of the whole frame; `tlvs` has at most `kMostTlvs` bytes.
inline std::size_t welcome_size(const Welcome& welcome) {
  return kHeaderSize + kWelcomeFixedSize + welcome.tlvs.size();
}

/// Writes a whole frame, of `welcome_size` bytes.
inline void write_welcome(std::uint8_t* out, const Welcome& welcome) {
  out = write_header(out, FrameType::kWelcome, welcome_size(welcome) - kHeaderSize);
  *out++ = welcome.version;
  *out++ = welcome.resumed ? 1 : 0;
  *out++ = welcome.reason;
  *out++ = welcome.prev_rx ? 1 : 0;
  out = put_number(out, welcome.resume_window_ms, 4);
  out = put_number(out, welcome.retain, 4);
  out = put_number(out, welcome.max_payload, 4);
  out = put_number(out, welcome.rx, 8);
  out = session_frames::put_token(out, welcome.id);
  out = session_frames::put_token(out, welcome.secret);
  out = put_number(out, welcome.prev_rx.value_or(0), 8);
  out = put_number(out, 0, 4);
  out = put_number(out, welcome.features, 2);
  out = put_number(out, 0, 2);
  std::copy(welcome.tlvs.begin(), welcome.tlvs.end(), out);
}

inline std::optional<Welcome> read_welcome(std::string_view payload) {
  if (payload.size() < kWelcomeFixedSize) return std::nullopt;
  std::string_view tlvs = payload;
  tlvs.remove_prefix(kWelcomeFixedSize);
  if (!session_frames::well_formed(tlvs)) return std::nullopt;
  if (static_cast<std::uint8_t>(payload[1]) > 1) return std::nullopt;
  Welcome welcome;
  welcome.version = static_cast<std::uint8_t>(payload[0]);
  welcome.resumed = payload[1] == 1;
  welcome.reason = static_cast<std::uint8_t>(payload[2]);
  welcome.resume_window_ms = static_cast<std::uint32_t>(get_number(payload, 4, 4));
  welcome.retain = static_cast<std::uint32_t>(get_number(payload, 8, 4));
  welcome.max_payload = static_cast<std::uint32_t>(get_number(payload, 12, 4));
  welcome.rx = get_number(payload, 16, 8);
  welcome.id = session_frames::get_token(payload, 24);
  welcome.secret = session_frames::get_token(payload, 40);
  if ((payload[3] & 1) != 0) welcome.prev_rx = get_number(payload, 56, 8);
  welcome.features = static_cast<std::uint16_t>(get_number(payload, 68, 2));
  welcome.tlvs = tlvs;
  return welcome;
}

/// Writes a whole frame, of `kHeaderSize + kAckSize` bytes; returns the place behind it.
inline std::uint8_t* write_ack(std::uint8_t* out, const Ack& ack) {
  out = write_header(out, FrameType::kAck, kAckSize);
  return put_number(put_number(out, ack.rx, 8), ack.tx, 8);
}

inline std::optional<Ack> read_ack(std::string_view payload) {
  if (payload.size() < kAckSize) return std::nullopt;
  return Ack{get_number(payload, 0, 8), get_number(payload, 8, 8)};
}

}  // namespace messi::wire

#endif  // MESSI_WIRE_SESSION_FRAMES_H_

#ifndef MESSI_CODEC_PROTOBUF_H_
#define MESSI_CODEC_PROTOBUF_H_

// Where messages become bytes and bytes messages; the only header that knows libprotobuf.
//
// A payload is an encoded ClientToServer or ServerToClient with one member set:
//
//     +-------------------------+---------------+-------------------+
//     | tag: field << 3 | 2     | length        | the member        |
//     +-------------------------+---------------+-------------------+
//
// Both directions work on the member alone, without a wrapper message: it is serialised straight
// into the queue of frames, and parsed straight into a message that is reused from one to the next.
// A payload of any other legal form is for protobuf's own parser (`parse`).
//
// `Codec`, where there is one, encodes and decodes the plain cases in libprotobuf's place: flat.h.

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string_view>
#include <type_traits>

#include "messi/codec/access.h"
#include "messi/codec/flat.h"
#include "messi/codec/texts.h"
#include "messi/codec/varint.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

/// The only member of a payload; `field` is 0 if the payload has another form.
struct Member {
  std::uint32_t field;
  std::string_view bytes;
};

/// Splits a payload that consists of exactly one length-delimited field.
Member single_member(std::string_view payload);

/// The number of the first field in `payload`; 0 if there is none.
std::uint32_t first_field(std::string_view payload);

/// Parses a payload of any legal form into its wrapper message; false if that fails or a required
/// field is missing.
bool parse(std::string_view payload, google::protobuf::MessageLite& wrapper);

/// As `parse` does with a member within its wrapper: messages may be nested as deeply.
bool parse_member(std::string_view bytes, google::protobuf::MessageLite& message);

/// A message that is kept from one receive to the next, so that receiving allocates nothing once
/// it has grown to its usual size. It lets go of what an unusually large message made it take.
template <typename Message, typename Codec = void>
class Reused {
 public:
  /// Parses `member` and calls `hook(const Message&)`; false if it cannot be parsed.
  template <typename Hook>
  bool deliver(const Member& member, Hook&& hook) {
    if (message_ == nullptr) message_.reset(new Message);
    const bool parsed = decode(member.bytes);
    if (parsed) hook(static_cast<const Message&>(message()));
    release_excess(member.bytes.size());
    return parsed;
  }

 private:
  // What one message may keep. A parsed message can be many times larger than its bytes, and what
  // many messages make it take can add up, so it is measured each time this much has been parsed.
  static constexpr std::size_t kKeptBytes = 320 * 1024;
  static constexpr std::size_t kCheckedBytes = 32 * 1024;
  // A largest message is unusual if this many in a row are below this part of it.
  static constexpr int kPatience = 64;
  static constexpr std::size_t kPart = 16;
  static constexpr std::size_t kNotWorthIt = 1024;

  Message& message() { return static_cast<Message&>(*message_); }

  bool decode(std::string_view bytes) {
    if constexpr (!std::is_void_v<Codec>) {
      message().Clear();
      if (Codec::decode(FlatReader(bytes), message())) return true;
    }
    return parse_member(bytes, message());
  }

  void release_excess(std::size_t size) {
    largest_ = std::max(largest_, size);
    unchecked_ += size;
    if (unchecked_ >= kCheckedBytes) {
      unchecked_ = 0;
      if (space_used(message(), 0) > kKeptBytes) return release();
    }
    if (size * kPart >= largest_ || largest_ < kNotWorthIt) {
      small_in_a_row_ = 0;
    } else if (++small_in_a_row_ == kPatience) {
      release();
    }
  }

  void release() {
    message_.reset();
    largest_ = 0;
    small_in_a_row_ = 0;
  }

  // Messages of the lite runtime cannot tell what they take, so they are never kept for long.
  template <typename M>
  static auto space_used(const M& message, int) -> decltype(message.SpaceUsedLong()) {
    return message.SpaceUsedLong();
  }
  static std::size_t space_used(const google::protobuf::MessageLite&, long) {
    return std::numeric_limits<std::size_t>::max();
  }

  // Not a std::unique_ptr<Message>: one more instantiation for each type of message takes most of
  // the time that a generated header needs to compile.
  std::unique_ptr<google::protobuf::MessageLite> message_;
  std::size_t largest_ = 0;
  std::size_t unchecked_ = 0;  // bytes parsed since it was measured
  int small_in_a_row_ = 0;
};

/// Sends `message` as member `kField`. One with text is of type `kTextType` of `Texts::kTexts`,
/// what a TextTable is made of.
template <std::uint32_t kField, typename Codec = void, typename Texts = void, int kTextType = 0,
          typename Sender, typename Message>
void send(Sender& sender, const Message& message);

/// Sends `message` to the client whose message is being handled; no-op when there is none.
template <std::uint32_t kField, typename Codec = void, typename Texts = void, int kTextType = 0,
          typename Server, typename Message>
void reply(Server& server, const Message& message);

/// Sends `message` to all clients but `except` (a pointer, or nullptr), encoding it once. False if
/// it is too big or cannot be encoded: then it goes to nobody.
template <std::uint32_t kField, typename Codec = void, typename Texts = void, int kTextType = 0,
          typename Server, typename Message, typename Except>
bool broadcast(Server& server, const Message& message, Except except);

// ---------------------------------------------------------------------------------------------

namespace internal {

/// As protobuf's own parser, which ignores what a tag has above 32 bits.
inline std::uint32_t field_number(std::uint64_t tag) {
  return static_cast<std::uint32_t>(tag) >> 3;
}

/// False also if it cannot tell, as messages of the lite runtime.
template <typename Message>
auto has_only_known_fields(const Message& message, int) -> decltype(message.GetReflection(), true) {
  static const auto* const reflection = message.GetReflection();
  return reflection->GetUnknownFields(message).empty();
}
inline bool has_only_known_fields(const google::protobuf::MessageLite&, long) { return false; }

template <typename Texts>
const TextTable& text_table() {
  static const auto* const table = new TextTable(Texts::kTexts);
  return *table;
}

/// A message as member `kField`: tag, length, bytes.
template <std::uint32_t kField, typename Codec, typename Texts, int kTextType, typename Message>
class Encoder {
 public:
  explicit Encoder(const Message& message) : message_(message) {
    if constexpr (kHasCodec) {
      by_codec_ = has_only_known_fields(message, 0);
      if (by_codec_) {
        FlatSize size;
        Codec::encode(message, size);
        body_size_ = size.size();
        in_pieces_ = size.in_pieces(head_size());
        return;
      }
    }
    body_size_ = any_message().ByteSizeLong();
  }

  std::size_t size() const { return head_size() + body_size_; }

  /// False if a text is not UTF-8.
  bool write(std::uint8_t* out) const {
    out = write_head(out);
    return by_codec_ ? write_flat(out, nullptr) != nullptr : write_any(out);
  }

  /// False if a text is not UTF-8: nothing is sent then.
  bool send(wire::Outbox& outbox) const {
    if constexpr (kHasCodec) {
      if (in_pieces_) {
        FlatPieces pieces;
        std::uint8_t* const end = write_flat(write_head(pieces.between), &pieces);
        if (end == nullptr) return false;
        pieces.end_slice(end);
        outbox.send(pieces.slices, pieces.count, size());
        return true;
      }
    }
    std::uint8_t* const out = outbox.reserve(size());
    if (out == nullptr) return true;
    if (!write(out)) return false;
    outbox.commit(size());
    return true;
  }

 private:
  static constexpr bool kHasCodec = !std::is_void_v<Codec>;
  static constexpr bool kHasTexts = !std::is_void_v<Texts>;
  static constexpr std::uint32_t kLengthDelimited = 2;
  static constexpr std::uint32_t kTag = kField << 3 | kLengthDelimited;

  // Types of messages may have names within that hide those of protobuf's base class.
  const google::protobuf::MessageLite& any_message() const { return message_; }

  std::size_t head_size() const { return varint_size(kTag) + varint_size(body_size_); }
  std::uint8_t* write_head(std::uint8_t* out) const {
    return write_varint(write_varint(out, kTag), body_size_);
  }

  /// The end of what was written; null if a text is not UTF-8.
  std::uint8_t* write_flat([[maybe_unused]] std::uint8_t* out,
                           [[maybe_unused]] FlatPieces* pieces) const {
    if constexpr (kHasCodec) {
      FlatWriter writer(out, pieces);
      Codec::encode(message_, writer);
      if (writer.bad_tag() == 0) return writer.end();
      if constexpr (kHasTexts) {
        complain_of(text_field(text_table<Texts>(), kTextType, field_number(writer.bad_tag())));
      }
    }
    return nullptr;
  }

  bool write_any(std::uint8_t* out) const {
    [[maybe_unused]] const std::uint8_t* const end =
        any_message().SerializeWithCachedSizesToArray(out);
    if constexpr (kHasTexts) {
      // All ASCII: most messages, in a fraction of the time.
      const std::string_view bytes(reinterpret_cast<const char*>(out), body_size_);
      if (is_ascii(bytes)) return true;
      const BadText bad = find_bad_text(text_table<Texts>(), kTextType, bytes);
      if (bad.field != nullptr) {
        complain_of(bad);
        return false;
      }
    }
    return true;
  }

  const Message& message_;
  std::size_t body_size_ = 0;
  bool by_codec_ = false;
  bool in_pieces_ = false;
};

}  // namespace internal

inline Member single_member(std::string_view payload) {
  std::uint64_t tag = 0;
  std::uint64_t size = 0;
  if (!read_varint<5>(payload, tag) || (tag & 7) != 2 || !read_varint<5>(payload, size) ||
      size != payload.size()) {
    return {0, {}};
  }
  return {internal::field_number(tag), payload};
}

inline std::uint32_t first_field(std::string_view payload) {
  std::uint64_t tag = 0;
  return read_varint<5>(payload, tag) ? internal::field_number(tag) : 0;
}

inline bool parse(std::string_view payload, google::protobuf::MessageLite& wrapper) {
  // The partial parse, since the other one logs what is missing, and peers could flood a log.
  return wrapper.ParsePartialFromArray(payload.data(), static_cast<int>(payload.size())) &&
         wrapper.IsInitialized();
}

inline bool parse_member(std::string_view bytes, google::protobuf::MessageLite& message) {
  // The wrapper may have 100 levels below it, of which the member is one. Each takes two bytes.
  constexpr int kLevels = 100 - 1;
  if (bytes.size() <= 2 * kLevels) return parse(bytes, message);
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  in.SetRecursionLimit(kLevels);
  return message.ParsePartialFromCodedStream(&in) && in.ConsumedEntireMessage() &&
         message.IsInitialized();
}

template <std::uint32_t kField, typename Codec, typename Texts, int kTextType, typename Sender,
          typename Message>
void send(Sender& sender, const Message& message) {
  wire::Outbox* const outbox = Access::outbox(sender);
  if (outbox == nullptr) return;
  const google::protobuf::MessageLite& any_message = message;
  if (any_message.IsInitialized() &&
      internal::Encoder<kField, Codec, Texts, kTextType, Message>(message).send(*outbox)) {
    return;
  }
  outbox->refuse(wire::Accepted::kInvalid);
}

template <std::uint32_t kField, typename Codec, typename Texts, int kTextType, typename Server,
          typename Message>
void reply(Server& server, const Message& message) {
  if (auto* const client = Access::current_client(server)) {
    send<kField, Codec, Texts, kTextType>(*client, message);
  }
}

template <std::uint32_t kField, typename Codec, typename Texts, int kTextType, typename Server,
          typename Message, typename Except>
bool broadcast(Server& server, const Message& message, Except except) {
  const google::protobuf::MessageLite& any_message = message;
  if (!any_message.IsInitialized()) return false;
  const internal::Encoder<kField, Codec, Texts, kTextType, Message> encoder(message);
  if (!Access::can_broadcast(server, encoder.size())) return false;
  if (std::uint8_t* const out = Access::begin_broadcast(server, encoder.size())) {
    if (!encoder.write(out)) return false;
    Access::end_broadcast(server, encoder.size(), except);
  }
  return true;
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_PROTOBUF_H_

#ifndef MESSI_CODEC_SEND_H_
#define MESSI_CODEC_SEND_H_

// From a message to a payload: it is serialised without a wrapper message, directly into the queue.

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/codec/access.h"
#include "messi/codec/fields.h"
#include "messi/codec/kind.h"
#include "messi/codec/member.h"
#include "messi/codec/texts.h"
#include "messi/codec/ways_out.h"
#include "messi/send_result.h"
#include "messi/wire/outbox.h"

namespace messi::codec {

/// A message as member `field` of a payload. Only what flat messages need is inline.
class Encoder {
 public:
  Encoder(std::uint32_t field, const google::protobuf::MessageLite& message, const Kind& kind)
      : message_(message), kind_(kind), field_(field) {
    if (kind.put != nullptr) {
      kind.put(message, fields_);
      if (fields_.ok()) {
        fields_.finish(field);
        is_flat_ = true;
        size_ = fields_.size();
        return;
      }
    }
    size_ = measure();
  }

  /// False if it cannot be encoded, because a required field is missing or text is not UTF-8. Then
  /// call nothing else.
  bool ok() const { return size_ != 0; }

  std::size_t size() const { return size_; }

  /// False if a text is not UTF-8.
  bool write(std::uint8_t* out) const {
    if (!is_flat_) return write_any(out);
    fields_.write(out);
    return true;
  }

  /// Whether there are large texts, which should not be copied.
  bool in_pieces() const { return is_flat_ && fields_.has_large_text(); }
  static constexpr std::size_t kMostSlices = Fields::kMostSlices;
  std::size_t slices(Slice (&slices)[kMostSlices]) const { return fields_.slices(slices); }

 private:
  std::size_t measure() const;
  bool write_any(std::uint8_t* out) const;

  const google::protobuf::MessageLite& message_;
  const Kind& kind_;
  const std::uint32_t field_;
  bool is_flat_ = false;
  std::size_t size_;
  Fields fields_;
};

/// Sends `message` as member `field` through a client, or through a server's client.
template <typename Sender>
void send(Sender& sender, std::uint32_t field, const google::protobuf::MessageLite& message,
          const Kind& kind = kOther) {
  wire::Outbox* const outbox = Access::outbox(sender);
  if (outbox != nullptr) send_encoded(*outbox, Encoder(field, message, kind));
}

/// The same, but a message that is not accepted does not end the connection.
template <typename Sender>
SendResult try_send(Sender& sender, std::uint32_t field,
                    const google::protobuf::MessageLite& message, const Kind& kind = kOther) {
  wire::Outbox* const outbox = Access::outbox_to_ask(sender);
  if (outbox == nullptr) return SendResult::kNotConnected;
  return try_send_encoded(*outbox, Encoder(field, message, kind));
}

/// The same, from any thread.
template <typename Sender>
SendResult send_from_thread(const Sender& sender, std::uint32_t field,
                            const google::protobuf::MessageLite& message,
                            const Kind& kind = kOther) {
  if (!Access::connected(sender)) return SendResult::kNotConnected;
  return send_encoded_from_thread(sender, Encoder(field, message, kind));
}

/// Sends `message` to all clients but `except` (a pointer, or nullptr), encoded once. False if it
/// is too big or cannot be encoded: then it is sent to nobody.
template <typename Server, typename Except>
bool broadcast(Server& server, Except except, std::uint32_t field,
               const google::protobuf::MessageLite& message, const Kind& kind = kOther) {
  return broadcast_encoded(server, except, field, Encoder(field, message, kind));
}

// ---------------------------------------------------------------------------------------------

/// The size of a payload; 0 if it cannot be encoded.
[[gnu::noinline]] inline std::size_t Encoder::measure() const {
  if (fields_.bad_tag() != 0) {
    complain_of(text_field(kind_.texts(), kind_.text_type, field_number(fields_.bad_tag())));
    return 0;
  }
  if (!message_.IsInitialized()) return 0;
  const std::size_t body = message_.ByteSizeLong();
  return head_size(field_, body) + body;
}

[[gnu::noinline]] inline bool Encoder::write_any(std::uint8_t* out) const {
  const auto body = static_cast<std::size_t>(message_.GetCachedSize());
  out = write_head(out, field_, body);
  message_.SerializeWithCachedSizesToArray(out);
  if (kind_.texts == nullptr) return true;
  // All ASCII: most messages, in a fraction of the time.
  const std::string_view bytes(reinterpret_cast<const char*>(out), body);
  if (is_ascii(bytes)) return true;
  const BadText bad = find_bad_text(kind_.texts(), kind_.text_type, bytes);
  if (bad.field == nullptr) return true;
  complain_of(bad);
  return false;
}

}  // namespace messi::codec

#endif  // MESSI_CODEC_SEND_H_

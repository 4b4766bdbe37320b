#ifndef MESSI_VIEWS_SEND_H_
#define MESSI_VIEWS_SEND_H_

// From a message to a payload: it is measured, and then written directly into the queue.

#include <cstddef>
#include <cstdint>

#include "messi/base/bytes.h"
#include "messi/codec/access.h"
#include "messi/codec/member.h"
#include "messi/codec/ways_out.h"
#include "messi/send_result.h"
#include "messi/views/pieces.h"
#include "messi/views/writer.h"
#include "messi/wire/outbox.h"

namespace messi::views {

/// A message as member `field` of a payload.
template <typename T>
class Encoder {
 public:
  Encoder(std::uint32_t field, const T& message) : message_(message), field_(field) {
    messi_put(message, body_);
    size_ = codec::head_size(field_, body_.size()) + body_.size();
  }

  static constexpr bool ok() { return true; }  // text is checked when it is written
  std::size_t size() const { return size_; }
  bool write(std::uint8_t* out) const {
    Writer writer(codec::write_head(out, field_, body_.size()));
    messi_put(message_, writer);
    return writer.ok();
  }

  // Large texts are sent from where they lie.
  static constexpr std::size_t kMostSlices = Pieces::kMostSlices;
  bool in_pieces() const { return body_.size() >= Pieces::kLargeText && put_pieces(); }
  std::size_t slices(Slice (&slices)[kMostSlices]) const { return pieces_.slices(slices); }

 private:
  bool put_pieces() const {
    pieces_.begin(field_, body_.size());
    messi_put(message_, pieces_);
    return pieces_.ok();
  }

  const T& message_;
  const std::uint32_t field_;
  Sizer body_;
  std::size_t size_ = 0;
  mutable Pieces pieces_;
};

/// Sends `message` as member `field` through a client, or through a server's client.
template <typename Sender, typename T>
void send(Sender& sender, std::uint32_t field, const T& message) {
  wire::Outbox* const outbox = codec::Access::outbox(sender);
  if (outbox != nullptr) codec::send_encoded(*outbox, Encoder<T>(field, message));
}

/// The same, but a message that is not accepted does not end the connection.
template <typename Sender, typename T>
SendResult try_send(Sender& sender, std::uint32_t field, const T& message) {
  wire::Outbox* const outbox = codec::Access::outbox_to_ask(sender);
  if (outbox == nullptr) return SendResult::kNotConnected;
  return codec::try_send_encoded(*outbox, Encoder<T>(field, message));
}

/// The same, from any thread.
template <typename Sender, typename T>
SendResult send_from_thread(const Sender& sender, std::uint32_t field, const T& message) {
  if (!codec::Access::connected(sender)) return SendResult::kNotConnected;
  return codec::send_encoded_from_thread(sender, Encoder<T>(field, message));
}

/// Sends `message` to all clients but `except` (a pointer, or nullptr), encoded once. False if it
/// is too big or cannot be encoded: then it is sent to nobody.
template <typename Server, typename Except, typename T>
bool broadcast(Server& server, Except except, std::uint32_t field, const T& message) {
  return codec::broadcast_encoded(server, except, field, Encoder<T>(field, message));
}

}  // namespace messi::views

#endif  // MESSI_VIEWS_SEND_H_

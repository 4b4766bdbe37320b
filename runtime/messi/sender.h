#ifndef MESSI_SENDER_H_
#define MESSI_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <memory>

#include "messi/base/time.h"
#include "messi/flavour.h"
#include "messi/send_result.h"

namespace messi {

namespace codec {
struct Access;
}  // namespace codec

class SendLane;
class SendLanes;

/// Sends to a client's server, or to a client of a server, from any thread; generated code adds the
/// senders: `ChatClient::Sender` and `ChatServerClient::Sender`.
///
/// A message is encoded on the thread that sends it, and waits until the loop takes it over in its
/// next turn. From there on it is as if the loop had sent it. When the connection is lost, what
/// waits is dropped, as by `send`; with a session it is not.
/// Order: messages of one sender arrive in the order in which they were sent.
/// Threads: all calls may come from any thread, and from several at once. They wait for each other,
/// so a thread that sends much should have a copy of its own. The loop waits for none of them.
/// Lifetime: a sender may outlive the client, the server and the loop.
class Sender {
 public:
  /// How much waits at the most, in encoded bytes, unless the constructor is told otherwise.
  static constexpr std::size_t kMaxPendingBytes = 1024 * 1024;

  /// Another sender to the same peer, for which nothing waits.
  MESSI_INLINE Sender(const Sender& other);
  MESSI_INLINE Sender& operator=(const Sender& other);
  Sender(Sender&&) noexcept = default;
  Sender& operator=(Sender&&) noexcept = default;
  /// What waits is still sent.
  ~Sender() = default;

  /// Blocks the calling thread until at most half of `max_pending_bytes` waits, and there is room
  /// for a message that was not accepted (SendResult::kFull); or until there is no connection.
  /// False if `patience` has passed before. Not on the loop's thread, which would wait for itself.
  MESSI_INLINE bool wait_for_room(Duration patience) const;

  /// Bytes that were sent and that the loop has not taken over yet.
  MESSI_INLINE std::size_t pending_bytes() const;

 protected:
  /// To the peer of a client, or of a server's client.
  template <typename Client>
  Sender(Client& client, std::size_t max_pending_bytes)
      : Sender(client.make_lanes(), max_pending_bytes) {}

 private:
  friend struct codec::Access;

  MESSI_INLINE Sender(const std::shared_ptr<SendLanes>& lanes, std::size_t max_pending_bytes);

  // Whether messages are accepted. It may have changed when the call returns.
  MESSI_INLINE bool connected() const;
  // Sends a payload: `write(message, out)` writes it, or returns false if it cannot be encoded.
  MESSI_INLINE SendResult put(std::size_t payload_size,
                              bool (*write)(const void* message, std::uint8_t* out),
                              const void* message) const;

  std::shared_ptr<SendLane> lane_;
};

}  // namespace messi

#ifndef MESSI_COMPILED
#include "messi/impl/sender.h"
#endif

#endif  // MESSI_SENDER_H_

#ifndef MESSI_IO_STREAM_H_
#define MESSI_IO_STREAM_H_

// Reliable, ordered byte streams, whatever carries them: TCP, Unix sockets, or memory in tests.
// Nothing here blocks, except `wait_for_room`. All calls and callbacks are on the loop's thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/bytes.h"
#include "messi/io/peer_certificate.h"

namespace messi {

/// The result of a read or a write.
struct IoResult {
  enum class Kind : std::uint8_t {
    kSome,   ///< Success; a write may have taken only a part.
    kAgain,  ///< Not now: the handler is called when it makes sense to try again.
    kEnd,    ///< Not any more.
  };
  std::size_t size;  ///< In bytes, 0 unless kSome.
  Kind kind;
};

/// Gets the events of one stream, and may destroy it in the call.
class StreamHandler {
 public:
  /// There is something to read, or the end. Called again, in later turns, as long as that holds
  /// and input is wanted.
  virtual void handle_readable() = 0;

  /// There is room again after a write that took less than it was given.
  virtual void handle_writable() = 0;

 protected:
  ~StreamHandler() = default;
};

/// The process at the other end of a Unix socket when it connected, as the system says.
struct PeerCredentials {
  std::uint32_t user;    ///< uid
  std::uint32_t group;   ///< gid
  std::int32_t process;  ///< pid
};

/// What a stream knows about its other end.
struct PeerInfo {
  std::string address;  ///< "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::optional<PeerCredentials> credentials = std::nullopt;
  /// Null if the peer has shown none, as without TLS.
  std::shared_ptr<const PeerCertificate> certificate = nullptr;
  /// Whom it counts as where clients of one address are counted: "192.0.2.1", or the network
  /// "2001:db8:0:1::/64", since a host of IPv6 has a whole one to itself. "": it is not counted.
  std::string origin = {};
};

/// A connected stream that has left its loop, and goes to another one: see Stream::move_out.
/// Destroying it closes the stream.
class MovingStream {
 public:
  virtual ~MovingStream() = default;
};

/// A connected stream. Destroying it closes it at once: what the system has not sent yet may be
/// lost. To make it arrive, call `finish`, and read until the end.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Callbacks begin with the loop's next turn. False if the system refuses; then there are none. A
  /// later call gives the stream to another handler.
  virtual bool start(StreamHandler& handler) = 0;

  /// Reads what has come, into one space after the other: once, so that how much a turn handles is
  /// up to the reader. With kEnd the other end has finished or is gone, and `handle_readable` does
  /// not come any more. If it has only finished, it may still read what is written.
  virtual IoResult read(const Space* spaces, std::size_t count) = 0;

  /// Writes as much as there is room for now. If that is not all, `handle_writable` comes when
  /// there is room. An error (kEnd) ends the stream: `handle_writable` does not come, and `read`
  /// returns kEnd after what can still be read. With `more`, another write will follow, and what
  /// does not fill a packet may wait for it.
  virtual IoResult write(const Slice* slices, std::size_t count, bool more) = 0;

  /// After a write that took less than it was given: waits for room, for as long as one turn of the
  /// loop may be held up by all streams together. False if there is none then.
  virtual bool wait_for_room() = 0;

  /// Nothing more will be written: the other end sees the end of the stream after what was written.
  virtual void finish() = 0;

  /// Whether something that was written has not been passed on yet, and would be lost with the
  /// stream. After `finish`, `handle_writable` comes when that is over.
  virtual bool holds_output() const { return false; }

  /// Whether input is wanted; at first it is. If not, neither input nor its end is noticed.
  virtual void want_input(bool wanted) = 0;

  virtual PeerInfo peer() const = 0;

  /// After kEnd: why, as a sentence, if the stream knows more than that it has ended. The text
  /// lives as long as the stream.
  virtual std::string_view why_ended() const { return {}; }

  /// The descriptor, to set options that messi does not know; -1 if there is none.
  virtual int native_handle() const { return -1; }

  /// Leaves the loop. Another loop gets the stream by Listener::move_in, and reads what was not
  /// read here. Null if the stream cannot leave. If not, this object may only be destroyed. Not in
  /// a callback.
  virtual std::unique_ptr<MovingStream> move_out() { return nullptr; }
};

}  // namespace messi

#endif  // MESSI_IO_STREAM_H_

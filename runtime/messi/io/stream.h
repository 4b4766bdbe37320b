#ifndef MESSI_IO_STREAM_H_
#define MESSI_IO_STREAM_H_

// Reliable, ordered byte streams, whatever carries them: TCP, Unix sockets, or memory in tests.
// Nothing here ever blocks. All calls and callbacks are on the loop's thread.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "messi/base/status.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/send_queue.h"

namespace messi {

/// Hears of one stream. A handler must not destroy the stream that is calling it.
class StreamHandler {
 public:
  /// Where the next bytes may be put directly; otherwise they lie in memory of the loop's.
  virtual wire::Spare spare() = 0;

  /// `in_spare` bytes have come to `spare()`, and after them `bytes`, which are valid during the
  /// call only.
  virtual void handle_bytes(std::size_t in_spare, std::string_view bytes) = 0;

  /// There is room again after a short write.
  virtual void handle_room() = 0;

  /// The stream has ended; nothing more comes from it.
  virtual void handle_end() = 0;

 protected:
  ~StreamHandler() = default;
};

/// Who is at the other end of a Unix socket, as the system says. They hold for the moment at which
/// it connected.
struct PeerCredentials {
  std::uint32_t user;    ///< uid
  std::uint32_t group;   ///< gid
  std::int32_t process;  ///< pid
};

/// A connected stream. Destroying it closes it at once: what the system has not sent yet may be
/// lost. To have it arrive, `finish`, and read until the end.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Callbacks begin, with the loop's next turn. False if the system refuses; then none come.
  virtual bool start(StreamHandler& handler) = 0;

  /// Writes as much as the transport takes at once; returns how much. After a short write,
  /// `handle_room` comes as soon as there is room. An error counts as a short write: it ends the
  /// stream, and `handle_end` comes after whatever can still be read. With `more`, another write
  /// is about to follow, and what would not fill a packet may wait for it.
  virtual std::size_t write(const wire::Slice* slices, std::size_t count, bool more) = 0;

  /// After a short write: waits for room, for as long as one turn of the loop may be held up for
  /// that, all streams together. False if there is none by then.
  virtual bool wait_for_room() = 0;

  /// Nothing more will be written: the other end finds the end of the stream behind what was.
  virtual void finish() = 0;

  /// Whether input is wanted; at first it is. Without, neither input nor its end is noticed.
  virtual void want_input(bool wanted) = 0;

  /// The other end, as "127.0.0.1:5000", "[::1]:5000" or "unix".
  virtual std::string peer_address() const = 0;

  /// The descriptor behind it, to set options that messi does not know; -1 if there is none.
  virtual int native_handle() const { return -1; }

  /// Nothing if the transport does not know.
  virtual std::optional<PeerCredentials> peer_credentials() const { return std::nullopt; }
};

/// Hears how an attempt to connect ended; destroying the `Connecting` in the call is fine.
class ConnectHandler {
 public:
  virtual void handle_stream(std::unique_ptr<Stream> stream) = 0;
  /// kInvalidArgument: the URI can never work. Else: it may work another time.
  virtual void handle_no_stream(const Status& why) = 0;

 protected:
  ~ConnectHandler() = default;
};

/// An attempt to connect. Destroying it gives the attempt up; no callback comes afterwards.
class Connecting {
 public:
  virtual ~Connecting() = default;
};

class ListenHandler {
 public:
  virtual void handle_accept(std::unique_ptr<Stream> stream) = 0;
  /// A stream was turned away because the process has no descriptor left for it.
  virtual void handle_out_of_descriptors() = 0;

 protected:
  ~ListenHandler() = default;
};

/// A place where streams arrive. Destroying it stops that.
class Listener {
 public:
  virtual ~Listener() = default;

  /// The URI to connect to, with the port that was chosen if port 0 was asked for.
  virtual std::string uri() const = 0;
  /// The port; 0 if the transport has none.
  virtual std::uint16_t port() const = 0;
};

}  // namespace messi

#endif  // MESSI_IO_STREAM_H_

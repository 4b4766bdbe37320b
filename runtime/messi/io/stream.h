#ifndef MESSI_IO_STREAM_H_
#define MESSI_IO_STREAM_H_

// Reliable, ordered byte streams, whatever carries them: TCP, Unix sockets, or memory in tests.
// Nothing here ever blocks. All calls and callbacks are on the loop's thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "messi/base/bytes.h"

namespace messi {

/// What came of a read or a write.
struct IoResult {
  enum class Kind : std::uint8_t {
    kSome,   ///< Went well; a write may have taken a part.
    kAgain,  ///< Not now: the handler hears when there is a point in trying again.
    kEnd,    ///< Not any more.
  };
  std::size_t size;  ///< In bytes, 0 unless kSome.
  Kind kind;
};

/// Hears of one stream, which may be destroyed in the call.
class StreamHandler {
 public:
  /// There is something to read, or the end. Comes again, in later turns, for as long as that is so
  /// and input is wanted.
  virtual void handle_readable() = 0;

  /// There is room again after a write that took less than it was given.
  virtual void handle_writable() = 0;

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

/// What a stream knows of its other end.
struct PeerInfo {
  std::string address;  ///< "127.0.0.1:5000", "[::1]:5000" or "unix".
  std::optional<PeerCredentials> credentials;
};

/// A connected stream. Destroying it closes it at once: what the system has not sent yet may be
/// lost. To have it arrive, `finish`, and read until the end.
class Stream {
 public:
  virtual ~Stream() = default;

  /// Callbacks begin, with the loop's next turn. False if the system refuses; then none come.
  virtual bool start(StreamHandler& handler) = 0;

  /// Reads what has come, into one space after the other: once, so that how much a turn handles is
  /// up to the reader. With kEnd the other end has finished or is gone, and no callback comes any
  /// more.
  virtual IoResult read(const Space* spaces, std::size_t count) = 0;

  /// Writes as much as there is room for at once. If that is not all, `handle_writable` comes as
  /// soon as there is room; but not after an error, which ends the stream: then `read` says so,
  /// behind whatever can still be read. With `more`, another write is about to follow, and what
  /// would not fill a packet may wait for it.
  virtual IoResult write(const Slice* slices, std::size_t count, bool more) = 0;

  /// After a write that took less than it was given: waits for room, for as long as one turn of the
  /// loop may be held up for that, all streams together. False if there is none by then.
  virtual bool wait_for_room() = 0;

  /// A farewell: nothing more will be written, and the other end finds the end of the stream behind
  /// what was.
  virtual void finish() = 0;

  /// Whether input is wanted; at first it is. Without, neither input nor its end is noticed.
  virtual void want_input(bool wanted) = 0;

  virtual PeerInfo peer() const = 0;

  /// The descriptor behind it, to set options that messi does not know; -1 if there is none.
  virtual int native_handle() const { return -1; }
};

}  // namespace messi

#endif  // MESSI_IO_STREAM_H_

#ifndef MESSI_IO_POLLER_H_
#define MESSI_IO_POLLER_H_

#include "messi/io/event_loop.h"

namespace messi {

/// Is told when a descriptor is ready.
class ReadyHandler {
 public:
  /// May remove and destroy anything, this handler too. An error or hang-up shows as both.
  virtual void handle_ready(bool readable, bool writable) = 0;

 protected:
  ~ReadyHandler() = default;
};

/// What sockets need from a loop beyond EventLoop: it watches descriptors. Level-triggered.
class Poller {
 public:
  virtual ~Poller() = default;

  /// The loop on whose thread the handlers are called.
  virtual EventLoop& loop() = 0;

  enum class Interest { kRead, kWrite, kReadWrite, kNothing };

  /// False if the system refuses; errno says why. `handler` must live until `remove`.
  virtual bool add(int fd, Interest interest, ReadyHandler& handler) = 0;
  virtual void change(int fd, Interest interest, ReadyHandler& handler) = 0;
  /// `handler` gets no call afterwards, not even in this turn. Call it before `fd` is closed.
  virtual void remove(int fd, ReadyHandler& handler) = 0;
  /// In a call to `handler`: whether it has been removed since the call began.
  virtual bool removed(const ReadyHandler& handler) const = 0;

  /// Calls `handler` once after a short time, as if its descriptor were writable. For a write that
  /// failed for lack of memory: waiting for writability would return at once then.
  virtual void retry_soon(ReadyHandler& handler) = 0;

  /// Waits until `fd` is writable, for what is left of the time that such waits may take in a turn.
  /// False if it is not writable then.
  virtual bool wait_writable(int fd) = 0;

  /// Whether `fd` has an error or was hung up.
  virtual bool has_failed(int fd) = 0;

  /// Whether this is a forked child, which shares its descriptors with the parent.
  virtual bool in_child() const = 0;
};

}  // namespace messi

#endif  // MESSI_IO_POLLER_H_

#ifndef MESSI_IO_POLLER_H_
#define MESSI_IO_POLLER_H_

#include "messi/io/event_loop.h"

namespace messi {

/// Hears when a descriptor is ready.
class ReadyHandler {
 public:
  /// May remove and destroy anything, this handler too. An error or hang-up shows as both.
  virtual void handle_ready(bool readable, bool writable) = 0;

 protected:
  ~ReadyHandler() = default;
};

/// What sockets need of a loop beyond EventLoop: descriptors being watched. Level-triggered.
class Poller {
 public:
  virtual ~Poller() = default;

  /// The loop on whose thread the handlers are called.
  virtual EventLoop& loop() = 0;

  enum class Interest { kRead, kWrite, kReadWrite, kNothing };

  /// False if the system refuses; errno says why. `handler` must live until `remove`.
  virtual bool add(int fd, Interest interest, ReadyHandler& handler) = 0;
  virtual void change(int fd, Interest interest, ReadyHandler& handler) = 0;
  /// No call to `handler` comes afterwards, not even in this turn. Before `fd` is closed.
  virtual void remove(int fd, ReadyHandler& handler) = 0;
  /// In a call to `handler`: whether it has been removed since the call began.
  virtual bool removed(const ReadyHandler& handler) const = 0;

  /// Calls `handler` once, as if its descriptor were writable, in a moment: for a write that failed
  /// for want of memory, when waiting for writability would not wait.
  virtual void retry_soon(ReadyHandler& handler) = 0;

  /// Waits until `fd` is writable, for what is left of the time that a turn may be held up by such
  /// waits; false if it is not by then.
  virtual bool wait_writable(int fd) = 0;

  /// Whether `fd` has an error or was hung up.
  virtual bool has_failed(int fd) = 0;

  /// Whether this is a child that was forked, whose descriptors are the parent's too.
  virtual bool in_child() const = 0;
};

}  // namespace messi

#endif  // MESSI_IO_POLLER_H_

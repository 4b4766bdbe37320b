#ifndef MESSI_IO_BUFFERING_STREAM_H_
#define MESSI_IO_BUFFERING_STREAM_H_

#include <memory>
#include <utility>

#include "messi/io/event_loop.h"
#include "messi/io/stream.h"
#include "messi/io/wrapping_stream.h"

namespace messi {

/// A buffering stream between two loops.
struct MovingBuffer : MovingWrapper {
  bool inner_over = false;
  bool inner_gone = false;
  bool owes_room = false;
};

/// A stream over another stream that may hold input: the inner stream may have nothing more then,
/// so a task reports what is held.
class BufferingStream : public WrappingStream {
 public:
  BufferingStream(std::unique_ptr<Stream> inner, EventLoop& loop)
      : WrappingStream(std::move(inner)),
        again_(loop, [this] { WrappingStream::handle_readable(); }) {}
  /// One that has moved. The derived class reports what it holds.
  BufferingStream(std::unique_ptr<Stream> inner, EventLoop& loop, const MovingBuffer& moving)
      : BufferingStream(std::move(inner), loop) {
    inner_over_ = moving.inner_over;
    inner_gone_ = moving.inner_gone;
    owes_room_ = moving.owes_room;
  }

  void want_input(bool wanted) final {
    wants_input_ = wanted;
    if (!inner_over_) inner().want_input(wanted);
    if (wanted) {
      report_again();
    } else {
      again_.cancel();
    }
  }

 protected:
  virtual bool holds_input() const = 0;

  /// To be called when something may be held that was not.
  void report_again() {
    if (wants_input_ && holds_input()) again_.schedule();
  }

  /// False if the inner stream cannot move, and then nothing has changed.
  bool move_into(MovingBuffer& moving) {
    moving.inner = inner().move_out();
    if (moving.inner == nullptr) return false;
    again_.cancel();
    moving.inner_over = inner_over_;
    moving.inner_gone = inner_gone_;
    moving.owes_room = owes_room_;
    return true;
  }

  bool inner_over_ = false;  // it can be read no more
  bool inner_gone_ = false;  // it can be written no more
  bool owes_room_ = false;   // a write was short

 private:
  Task again_;
  bool wants_input_ = true;
};

}  // namespace messi

#endif  // MESSI_IO_BUFFERING_STREAM_H_

#ifndef MESSI_IMPL_SEND_LANE_H_
#define MESSI_IMPL_SEND_LANE_H_

// The way of messages from any thread to the loop.
//
//     Sender --> SendLane --\.
//     Sender --> SendLane --- SendLanes: to one peer --> its Outbox
//     Sender --> SendLane --/
//
// A lane has one end for the threads that send, which a mutex guards, and one for the loop, which
// takes no lock:
//
//        begin_                                             used_
//     +--+--------------+   +------------------+   +--------+---------+
//     |  |frame|frame|..|   |frame|frame|frame |   |frame|..|         |   chunks
//     +--+--------------+   +------------------+   +--------+---------+
//     head_                                         tail_
//
// `available_` is how much there is. What is written is added to it, and what the loop is done with
// is subtracted from it, so each side sees the other's work when it sees the number. As long as it
// is not 0, the lane is posted to the loop or held back, and is kept alive by that.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/finally.h"
#include "messi/base/time.h"
#include "messi/io/event_loop.h"
#include "messi/send_result.h"
#include "messi/wire/frame.h"
#include "messi/wire/outbox.h"

namespace messi {

class SendLane;

/// All lanes to one peer.
class SendLanes {
 public:
  SendLanes(EventLoop& loop, const wire::OutboxSettings& settings, bool takes)
      : loop_(loop),
        outgoing_(settings.outgoing),
        max_payload_size_(settings.max_payload_size),
        state_(takes ? State::kTakes : State::kNotConnected) {}
  SendLanes(const SendLanes&) = delete;
  SendLanes& operator=(const SendLanes&) = delete;
  virtual ~SendLanes() = default;

  // Any thread.

  bool takes() const { return state_.load(std::memory_order_relaxed) == State::kTakes; }
  /// Only while the peer is not gone.
  EventLoop& loop() const { return loop_; }
  wire::FrameType outgoing() const { return outgoing_; }
  std::size_t max_payload_size() const { return max_payload_size_; }
  void add(SendLane& lane) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lanes_.push_back(&lane);
  }
  void remove(SendLane& lane) {
    const std::lock_guard<std::mutex> lock(mutex_);
    lanes_.erase(std::find(lanes_.begin(), lanes_.end(), &lane));
  }

  // The loop's thread.

  /// Whether there is a connection, or a session, for what is sent. If not, what waits is dropped.
  void set_takes(bool takes) {
    const State state = state_.load(std::memory_order_relaxed);
    if (state == State::kGone || (state == State::kTakes) == takes) return;
    state_.store(takes ? State::kTakes : State::kNotConnected, std::memory_order_seq_cst);
    if (!takes) drop_all();
  }
  /// Adds what waits to what is sent, also if that is more than the bounds allow: an end follows.
  inline void take_all(wire::Outbox& outbox);
  /// Some of what was sent has been written.
  void go_on() {
    if (held_ != nullptr) go_on_now();
  }
  /// From now on no sender uses the loop, nor anything else but the lanes.
  inline void close();

  // For lanes.

  /// Null if there is no connection.
  wire::Outbox* outbox() {
    return state_.load(std::memory_order_relaxed) == State::kGone ? nullptr : find_outbox();
  }
  virtual void handle_taken() = 0;
  inline void hold(std::shared_ptr<SendLane> lane);

 private:
  enum class State : std::uint8_t { kTakes, kNotConnected, kGone };

  virtual wire::Outbox* find_outbox() = 0;
  /// `go_on` has to come.
  virtual void handle_held() noexcept {}
  inline void drop_all();
  inline void go_on_now();

  EventLoop& loop_;
  const wire::FrameType outgoing_;
  const std::size_t max_payload_size_;
  std::atomic<State> state_;
  std::mutex mutex_;  // the list changes only when senders come and go
  std::vector<SendLane*> lanes_;
  std::shared_ptr<SendLane> held_;  // those whose peer does not read; each knows the next
};

/// What one sender has sent and the loop has not taken over yet.
class SendLane final : public PostedCall, public std::enable_shared_from_this<SendLane> {
 public:
  SendLane(std::shared_ptr<SendLanes> lanes, std::size_t max_pending_bytes)
      : lanes_(std::move(lanes)), max_pending_bytes_(max_pending_bytes) {
    lanes_->add(*this);
  }
  ~SendLane() {
    lanes_->remove(*this);
    destroy(head_ != nullptr ? head_ : first_);
    destroy(spares_.load(std::memory_order_relaxed));
    destroy(own_spares_);
  }

  // Any thread.

  const std::shared_ptr<SendLanes>& lanes() const { return lanes_; }
  std::size_t max_pending_bytes() const { return max_pending_bytes_; }
  std::size_t pending_bytes() const { return available_.load(std::memory_order_relaxed); }
  inline SendResult send(std::size_t payload_size, bool (*write)(const void*, std::uint8_t*),
                         const void* message);
  inline bool wait_for_room(Duration patience);

  // The loop's thread.

  /// What has been sent so far goes to the outbox, whatever its bounds are, or is dropped if there
  /// is none. It counts as waiting until the lane's turn comes.
  inline void take_all(wire::Outbox* outbox);
  /// A call that is under way has returned.
  void wait_for_senders() { const std::lock_guard<std::mutex> lock(mutex_); }
  inline void wake_waiting();
  /// Takes over what has been sent, or a good part of it. `self` keeps the lane alive.
  inline void take(std::shared_ptr<SendLane> self);

 private:
  friend class SendLanes;

  static constexpr std::uint32_t kOpen = UINT32_MAX;
  struct Chunk {
    explicit Chunk(std::size_t size) : capacity(static_cast<std::uint32_t>(size)) {}
    char* data() { return reinterpret_cast<char*>(this + 1); }

    Chunk* next = nullptr;
    std::atomic<std::uint32_t> end{kOpen};  // where the next chunk goes on
    std::uint32_t capacity;
    std::uint32_t depth = 0;  // of a spare chunk: with how many others
  };

  // Most senders send little, others much. Two chunks fit into a buffer of the outbox.
  static constexpr std::size_t kFirstChunk = 4 * 1024 - sizeof(Chunk);
  static constexpr std::size_t kChunk = 32 * 1024;
  static constexpr std::uint32_t kSparesKept = 4;
  // So that senders that never rest leave time to others.
  static constexpr std::size_t kMostAtOnce = 256 * 1024;

  static Chunk* make_chunk(std::size_t size) {
    return new (::operator new(sizeof(Chunk) + size)) Chunk(size);
  }
  static void destroy(Chunk* chunk) {
    while (chunk != nullptr) ::operator delete(std::exchange(chunk, chunk->next));
  }

  // PostedCall
  void run() override { take(std::exchange(self_, nullptr)); }
  void drop() noexcept override { self_.reset(); }

  void post(std::shared_ptr<SendLane> self) {
    self_ = std::move(self);
    lanes_->loop().post(*this);
  }
  // Whether there is nothing to wait for. With the mutex.
  bool has_room() const {
    if (!lanes_->takes()) return true;
    const std::size_t pending = available_.load(std::memory_order_seq_cst);
    return pending == 0 ||
           pending <= std::min(max_pending_bytes_ / 2,
                               max_pending_bytes_ - std::min(refused_, max_pending_bytes_));
  }
  inline char* reserve(std::size_t size);
  inline Chunk* take_chunk(std::size_t size);
  inline bool offer();
  inline Slice next(std::size_t left);
  static inline Slice whole_frames(Slice frames, std::size_t most);
  inline void pass(std::size_t size);
  inline void give_back(Chunk* chunk);

  const std::shared_ptr<SendLanes> lanes_;
  const std::size_t max_pending_bytes_;

  // The senders' end.
  std::mutex mutex_;
  Chunk* tail_ = nullptr;
  std::uint32_t used_ = 0;
  std::size_t refused_ = 0;  // the largest since one was accepted
  Chunk* own_spares_ = nullptr;
  std::condition_variable room_;

  // Between the ends.
  std::atomic<std::size_t> available_{0};
  std::atomic<bool> waiting_{false};     // somebody, for room
  std::atomic<Chunk*> spares_{nullptr};  // from the loop, for the senders
  Chunk* first_ = nullptr;               // for the loop, which begins there
  std::shared_ptr<SendLane> self_;       // while it is posted

  // The loop's end.
  Chunk* head_ = nullptr;
  std::uint32_t begin_ = 0;
  std::size_t done_ = 0;  // what was taken and is still among what is available
  std::shared_ptr<SendLane> next_held_;
};

// ---------------------------------------------------------------------------------------------

inline SendResult SendLane::send(std::size_t payload_size,
                                 bool (*write)(const void*, std::uint8_t*), const void* message) {
  if (payload_size > lanes_->max_payload_size()) return SendResult::kTooBig;
  const std::size_t size = wire::kHeaderSize + payload_size;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!lanes_->takes()) return SendResult::kNotConnected;
  const std::size_t pending = pending_bytes();
  if (pending > 0 && pending + size > max_pending_bytes_) {
    refused_ = std::max(refused_, size);
    return SendResult::kFull;
  }
  auto* const frame = reinterpret_cast<std::uint8_t*>(reserve(size));
  if (!write(message, wire::write_header(frame, lanes_->outgoing(), payload_size))) {
    return SendResult::kInvalid;
  }
  used_ += static_cast<std::uint32_t>(size);
  refused_ = 0;
  if (available_.fetch_add(size, std::memory_order_acq_rel) == 0) post(shared_from_this());
  return SendResult::kOk;
}

inline char* SendLane::reserve(std::size_t size) {
  if (tail_ == nullptr) {
    first_ = tail_ = make_chunk(std::max(size, kFirstChunk));
  } else if (tail_->capacity - used_ < size) {
    Chunk* const fresh = take_chunk(size);
    tail_->next = fresh;
    // The loop may see this at once, but goes on to `next` only for what is available there.
    tail_->end.store(used_, std::memory_order_relaxed);
    tail_ = fresh;
    used_ = 0;
  }
  return tail_->data() + used_;
}

inline SendLane::Chunk* SendLane::take_chunk(std::size_t size) {
  if (size > kChunk) return make_chunk(size);
  if (own_spares_ == nullptr) own_spares_ = spares_.exchange(nullptr, std::memory_order_acquire);
  if (own_spares_ == nullptr) return make_chunk(kChunk);
  Chunk* const chunk = own_spares_;
  own_spares_ = std::exchange(chunk->next, nullptr);
  chunk->end.store(kOpen, std::memory_order_relaxed);
  return chunk;
}

inline bool SendLane::wait_for_room(Duration patience) {
  const bool for_ever = patience == Duration::max();
  const TimePoint end = deadline_after(std::chrono::steady_clock::now(), patience);
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    // Either this thread sees what the loop has taken, or the loop sees that it waits.
    waiting_.store(true, std::memory_order_seq_cst);
    if (has_room()) return true;
    if (for_ever) {
      room_.wait(lock);
    } else if (room_.wait_until(lock, end) == std::cv_status::timeout) {
      return has_room();
    }
  }
}

inline void SendLane::wake_waiting() {
  if (!waiting_.load(std::memory_order_seq_cst)) return;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!has_room()) return;
    waiting_.store(false, std::memory_order_relaxed);
  }
  room_.notify_all();
}

inline void SendLane::take(std::shared_ptr<SendLane> self) {
  bool full = false;
  const Finally after([&] {  // also if memory has run out
    const std::size_t done = std::exchange(done_, 0);
    // From here on it may be posted, if nothing is left.
    const std::size_t left = available_.fetch_sub(done, std::memory_order_seq_cst) - done;
    if (left > 0) {
      if (full) {
        lanes_->hold(self);
      } else {
        post(self);
      }
    }
    wake_waiting();
  });
  full = !offer();
}

/// False if the outbox takes no more for now.
inline bool SendLane::offer() {
  std::size_t left = available_.load(std::memory_order_acquire) - done_;
  if (left == 0) return true;
  wire::Outbox* const outbox = lanes_->outbox();
  if (outbox == nullptr) {
    lanes_->set_takes(false);
    take_all(nullptr);
    return true;
  }
  const std::size_t before = done_;
  const Finally after([&] {
    if (done_ > before) lanes_->handle_taken();
  });
  while (left > 0 && done_ - before < kMostAtOnce) {
    const Slice frames = whole_frames(next(left), outbox->most_offered());
    if (!outbox->offer(frames)) return false;
    pass(frames.size);
    left -= frames.size;
  }
  return true;
}

/// The first of these frames, as many as have at most `most` bytes, but one at least.
inline Slice SendLane::whole_frames(Slice frames, std::size_t most) {
  if (frames.size <= most) return frames;
  std::size_t size = wire::frame_size(frames.data);
  while (size + wire::frame_size(frames.data + size) <= most) {
    size += wire::frame_size(frames.data + size);
  }
  return {frames.data, size};
}

inline void SendLane::take_all(wire::Outbox* outbox) {
  for (std::size_t left = available_.load(std::memory_order_acquire) - done_; left > 0;) {
    const Slice frames = next(left);
    if (outbox != nullptr) outbox->add(frames);
    pass(frames.size);
    left -= frames.size;
  }
}

/// Of the first `left` bytes, which are not nothing, those that lie together.
inline Slice SendLane::next(std::size_t left) {
  if (head_ == nullptr) head_ = first_;
  std::uint32_t end = head_->end.load(std::memory_order_relaxed);
  while (begin_ == end) {
    Chunk* const gone = std::exchange(head_, head_->next);
    begin_ = 0;
    end = head_->end.load(std::memory_order_relaxed);
    give_back(gone);
  }
  return {head_->data() + begin_, std::min<std::size_t>(end - begin_, left)};
}

inline void SendLane::pass(std::size_t size) {
  begin_ += static_cast<std::uint32_t>(size);
  done_ += size;
}

inline void SendLane::give_back(Chunk* chunk) {
  Chunk* top = spares_.load(std::memory_order_relaxed);
  const std::uint32_t depth = top == nullptr ? 0 : top->depth + 1;
  if (chunk->capacity != kChunk || depth == kSparesKept) {
    chunk->next = nullptr;
    return destroy(chunk);
  }
  // The senders take all of them, so each top is another one.
  do {
    chunk->next = top;
    chunk->depth = top == nullptr ? 0 : top->depth + 1;
  } while (!spares_.compare_exchange_weak(top, chunk, std::memory_order_release,
                                          std::memory_order_relaxed));
}

inline void SendLanes::take_all(wire::Outbox& outbox) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (SendLane* const lane : lanes_) lane->take_all(&outbox);
}

inline void SendLanes::drop_all() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (SendLane* const lane : lanes_) {
    lane->take_all(nullptr);
    lane->wake_waiting();
  }
}

inline void SendLanes::close() {
  state_.store(State::kGone, std::memory_order_seq_cst);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    for (SendLane* const lane : lanes_) {
      lane->wait_for_senders();
      lane->take_all(nullptr);
      lane->wake_waiting();
    }
  }
  go_on();  // nothing is held for a peer that is gone
}

inline void SendLanes::hold(std::shared_ptr<SendLane> lane) {
  if (held_ == nullptr) handle_held();
  lane->next_held_ = std::move(held_);
  held_ = std::move(lane);
}

inline void SendLanes::go_on_now() {
  std::shared_ptr<SendLane> rest = std::move(held_);
  const auto pop = [&rest] {
    std::shared_ptr<SendLane> lane = std::move(rest);
    rest = std::move(lane->next_held_);
    return lane;
  };
  const Finally unless_all([&] {
    while (rest != nullptr) hold(pop());
  });
  while (rest != nullptr) {
    const std::shared_ptr<SendLane> lane = pop();
    lane->take(lane);
  }
}

}  // namespace messi

#endif  // MESSI_IMPL_SEND_LANE_H_

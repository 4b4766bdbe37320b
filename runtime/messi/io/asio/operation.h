#ifndef MESSI_IO_ASIO_OPERATION_H_
#define MESSI_IO_ASIO_OPERATION_H_

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "messi/io/asio/asio.h"
#include "messi/io/event_loop.h"

namespace messi::io {
inline namespace MESSI_ASIO_FLAVOUR {

/// The memory for operations of Asio of one kind, kept for the next one. An operation that begins
/// while the one before it has not let go yet takes memory of its own. With a strand, Asio may let
/// go on another thread at that moment.
class OperationMemory {
 public:
  OperationMemory() = default;
  OperationMemory(const OperationMemory&) = delete;
  OperationMemory& operator=(const OperationMemory&) = delete;
  ~OperationMemory() { ::operator delete(kept_); }

  void* take(std::size_t size) {
    if (in_use_.exchange(true)) return ::operator new(size);
    if (size <= size_) return kept_;
    // If there is none, `in_use_` stays set, and each takes its own.
    ::operator delete(std::exchange(kept_, nullptr));
    size_ = 0;
    kept_ = ::operator new(size);
    size_ = size;
    return kept_;
  }
  void give_back(void* memory) {
    if (memory != kept_) return ::operator delete(memory);
    in_use_ = false;
  }

 private:
  void* kept_ = nullptr;
  std::size_t size_ = 0;
  std::atomic<bool> in_use_{false};
};

/// What an operation under way shares with its owner, which may go first.
template <typename Owner>
struct Shared {
  explicit Shared(Owner* its_owner) : owner(its_owner) {}
  Owner* owner;  // null when it is gone
  OperationMemory memory;
};

/// A completion handler: calls `then(owner, results...)`, unless the owner is gone.
template <typename Owner, typename Then>
class Completion {
 public:
  template <typename Value>
  class Allocator {
   public:
    using value_type = Value;
    explicit Allocator(std::shared_ptr<Shared<Owner>> shared) : shared_(std::move(shared)) {}
    template <typename Other>
    Allocator(const Allocator<Other>& other) : shared_(other.shared_) {}

    Value* allocate(std::size_t count) {
      return static_cast<Value*>(shared_->memory.take(count * sizeof(Value)));
    }
    void deallocate(Value* memory, std::size_t /*count*/) { shared_->memory.give_back(memory); }

    template <typename Other>
    bool operator==(const Allocator<Other>& other) const {
      return shared_ == other.shared_;
    }
    template <typename Other>
    bool operator!=(const Allocator<Other>& other) const {
      return shared_ != other.shared_;
    }

   private:
    template <typename Other>
    friend class Allocator;
    std::shared_ptr<Shared<Owner>> shared_;
  };
  using allocator_type = Allocator<char>;

  Completion(std::shared_ptr<Shared<Owner>> shared, Then then)
      : shared_(std::move(shared)), then_(std::move(then)) {}
  allocator_type get_allocator() const { return allocator_type(shared_); }

  template <typename... Results>
  void operator()(Results&&... results) {
    // It may be in the memory that the owner holds.
    const std::shared_ptr<Shared<Owner>> shared = shared_;
    if (shared->owner != nullptr) then_(*shared->owner, std::forward<Results>(results)...);
  }

 private:
  std::shared_ptr<Shared<Owner>> shared_;
  Then then_;
};

class Operation;

/// Is told that an operation has completed, in a turn of the loop.
class OperationHandler {
 public:
  /// May destroy anything, the operation too.
  virtual void handle_completed(Operation& operation) = 0;

 protected:
  ~OperationHandler() = default;
};

/// What sockets need from a loop on Asio beyond EventLoop.
class OperationLoop {
 public:
  virtual ~OperationLoop() = default;

  virtual EventLoop& loop() = 0;
  virtual const net::any_io_executor& executor() = 0;

  /// There is one more operation, so that what follows cannot fail; or one less.
  virtual void add(Operation& operation) = 0;
  virtual void remove(Operation& operation) = 0;
  /// Tells the handler of `operation` in the next turn.
  virtual void completed(Operation& operation) = 0;
  /// The same after a short time, for a write that failed for lack of memory.
  virtual void retry_soon(Operation& operation) = 0;

  /// Waits until the socket is writable, for what is left of the time that such waits may take in a
  /// turn. False if it is not writable then.
  virtual bool wait_writable(AsioSocket& socket) = 0;
};

/// A place for one asynchronous operation at a time. Destroying it while one is under way is all
/// right, also while its handler is called.
class Operation {
 public:
  Operation(OperationLoop& loop, OperationHandler& handler) : loop_(loop), handler_(handler) {
    loop_.add(*this);
  }
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  ~Operation() {
    if (shared_ != nullptr) shared_->owner = nullptr;
    loop_.remove(*this);
  }

  /// The completion handler for an operation that begins now. `note` is called with the results
  /// before the turn in which the OperationHandler is.
  template <typename Note>
  auto begin(Note note) {
    const auto then = [note = std::move(note)](Operation& operation, auto&&... results) mutable {
      operation.under_way_ = false;
      note(std::forward<decltype(results)>(results)...);
      operation.loop_.completed(operation);
    };
    Completion<Operation, std::decay_t<decltype(then)>> completion(shared(), then);
    under_way_ = true;
    return completion;
  }

  /// Whether an operation is under way, or its outcome has not been told yet.
  bool busy() const { return under_way_ || told_later_; }

  /// For the loop: has it told, sooner or later.
  void tell_later() { told_later_ = true; }
  bool told_later() const { return told_later_; }
  void tell() {
    told_later_ = false;
    handler_.handle_completed(*this);
  }

  /// Sees whether the operation is gone.
  class Life {
   public:
    explicit Life(std::shared_ptr<Shared<Operation>> shared) : shared_(std::move(shared)) {}
    bool over() const { return shared_->owner == nullptr; }

   private:
    const std::shared_ptr<Shared<Operation>> shared_;
  };
  Life life() { return Life(shared()); }

 private:
  // What most operations never do needs no memory.
  const std::shared_ptr<Shared<Operation>>& shared() {
    if (shared_ == nullptr) shared_ = std::make_shared<Shared<Operation>>(this);
    return shared_;
  }

  OperationLoop& loop_;
  OperationHandler& handler_;
  std::shared_ptr<Shared<Operation>> shared_;  // null until it is needed
  bool under_way_ = false;
  bool told_later_ = false;
};

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::io

#endif  // MESSI_IO_ASIO_OPERATION_H_

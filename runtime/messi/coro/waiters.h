#ifndef MESSI_CORO_WAITERS_H_
#define MESSI_CORO_WAITERS_H_

#include <cstddef>

#include "messi/base/time.h"
#include "messi/coro/awaiter.h"

namespace messi::coro {

class Waiter;

/// Those who wait for the same object, the first one first. When it is destroyed, each is woken and
/// finds out.
class Waiters {
 public:
  Waiters() = default;
  Waiters(const Waiters&) = delete;
  Waiters& operator=(const Waiters&) = delete;
  inline ~Waiters();

  bool empty() const { return first_ == nullptr; }
  Waiter* first() const { return first_; }
  inline void wake_all();

 private:
  friend class Waiter;
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
};

/// Waits for something that belongs to an object, which may be destroyed meanwhile.
class Waiter : public Awaiter {
 public:
  Waiter* next() const { return next_; }

 protected:
  Waiter(Waiters& waiters, Duration timeout) : Awaiter(timeout), waiters_(&waiters) {}
  ~Waiter() { leave(); }

  /// The object has been destroyed.
  bool orphaned() const { return waiters_ == nullptr; }
  bool listed() const { return listed_; }

  void begin() override {
    listed_ = true;
    previous_ = waiters_->last_;
    (previous_ != nullptr ? previous_->next_ : waiters_->first_) = this;
    waiters_->last_ = this;
  }
  void leave() {
    if (!listed_ || orphaned()) return;
    listed_ = false;
    (previous_ != nullptr ? previous_->next_ : waiters_->first_) = next_;
    (next_ != nullptr ? next_->previous_ : waiters_->last_) = previous_;
    next_ = previous_ = nullptr;
  }

 private:
  friend class Waiters;
  Waiters* waiters_;
  Waiter* previous_ = nullptr;
  Waiter* next_ = nullptr;
  bool listed_ = false;
};

inline Waiters::~Waiters() {
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) {
    waiter->waiters_ = nullptr;
    waiter->wake();
  }
}

inline void Waiters::wake_all() {
  for (Waiter* waiter = first_; waiter != nullptr; waiter = waiter->next_) waiter->wake();
}

}  // namespace messi::coro

#endif  // MESSI_CORO_WAITERS_H_

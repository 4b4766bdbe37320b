#ifndef MESSI_USER_STATE_H_
#define MESSI_USER_STATE_H_

#include <cassert>

namespace messi {

/// A place for one object of the user, of any type, without RTTI.
// A server has thousands, most of them empty: one pointer.
class UserState {
 public:
  UserState() = default;
  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;
  ~UserState() {
    if (holder_ != nullptr) holder_->destroy(holder_);
  }

  /// The object, made by the first call. All calls must name the same type.
  template <typename State>
  State& get() {
    if (holder_ == nullptr) holder_ = new Holding<State>();
    assert(holder_->destroy == &destroy<State> && "a client's state has one type");
    return static_cast<Holding<State>*>(holder_)->state;
  }

 private:
  struct Holder {
    void (*destroy)(Holder*);
  };
  template <typename State>
  struct Holding : Holder {
    Holding() : Holder{&UserState::destroy<State>}, state() {}
    State state;
  };

  template <typename State>
  static void destroy(Holder* holder) {
    delete static_cast<Holding<State>*>(holder);
  }

  Holder* holder_ = nullptr;
};

}  // namespace messi

#endif  // MESSI_USER_STATE_H_

#ifndef MESSI_CALLS_CALL_HANDLER_H_
#define MESSI_CALLS_CALL_HANDLER_H_

#include <cstddef>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

#include "messi/base/status.h"

namespace messi {

/// What has become of a call. Valid while its handler runs.
struct CallOutcome {
  const void* answer = nullptr;  ///< The answer, as its own type; null if there is none.
  StatusCode code = StatusCode::kOk;
  std::string_view text = {};
};

/// What is called with the outcome of a call: any callable, also one that cannot be copied. One
/// that is small is in here, so that a call allocates nothing.
class CallHandler {
 public:
  CallHandler() = default;
  /// `callable(const CallOutcome&)`
  template <typename Callable,
            typename = std::enable_if_t<!std::is_base_of_v<CallHandler, std::decay_t<Callable>>>>
  explicit CallHandler(Callable callable) {
    using Kept = std::conditional_t<fits<Callable>(), Inside<Callable>, Outside<Callable>>;
    Kept::make(place_, std::move(callable));
    does_ = &Kept::kDoes;
  }
  CallHandler(CallHandler&& other) noexcept { take(other); }
  CallHandler& operator=(CallHandler&& other) noexcept {
    if (this == &other) return *this;
    drop();
    take(other);
    return *this;
  }
  CallHandler(const CallHandler&) = delete;
  CallHandler& operator=(const CallHandler&) = delete;
  ~CallHandler() { drop(); }

  explicit operator bool() const { return does_ != nullptr; }
  void operator()(const CallOutcome& outcome) { does_->call(place_, outcome); }

 private:
  static constexpr std::size_t kPlace = 4 * sizeof(void*);

  struct Does {
    void (*call)(void* place, const CallOutcome& outcome);
    void (*move)(void* from, void* to);
    void (*drop)(void* place);
  };

  template <typename Callable>
  static constexpr bool fits() {
    return sizeof(Callable) <= kPlace && alignof(Callable) <= alignof(void*) &&
           std::is_nothrow_move_constructible_v<Callable>;
  }

  template <typename Callable>
  struct Inside {
    static void make(void* place, Callable callable) { new (place) Callable(std::move(callable)); }
    static Callable& at(void* place) { return *static_cast<Callable*>(place); }
    static void call(void* place, const CallOutcome& outcome) { at(place)(outcome); }
    static void move(void* from, void* to) {
      new (to) Callable(std::move(at(from)));
      at(from).~Callable();
    }
    static void drop(void* place) { at(place).~Callable(); }
    static constexpr Does kDoes = {&call, &move, &drop};
  };

  template <typename Callable>
  struct Outside {
    static void make(void* place, Callable callable) {
      new (place) Callable*(new Callable(std::move(callable)));
    }
    static Callable* at(void* place) { return *static_cast<Callable**>(place); }
    static void call(void* place, const CallOutcome& outcome) { (*at(place))(outcome); }
    static void move(void* from, void* to) { new (to) Callable*(at(from)); }
    static void drop(void* place) { delete at(place); }
    static constexpr Does kDoes = {&call, &move, &drop};
  };

  void take(CallHandler& other) {
    does_ = std::exchange(other.does_, nullptr);
    if (does_ != nullptr) does_->move(other.place_, place_);
  }
  void drop() {
    if (const Does* const does = std::exchange(does_, nullptr)) does->drop(place_);
  }

  const Does* does_ = nullptr;
  alignas(void*) unsigned char place_[kPlace];
};

}  // namespace messi

#endif  // MESSI_CALLS_CALL_HANDLER_H_

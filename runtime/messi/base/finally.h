#ifndef MESSI_BASE_FINALLY_H_
#define MESSI_BASE_FINALLY_H_

#include <utility>

namespace messi {

/// Calls `call` when it goes out of scope, also by an exception. Hooks of the user may throw. messi
/// must also compile without exceptions, so it has no `catch`.
template <typename Call>
class Finally {
 public:
  explicit Finally(Call call) : call_(std::move(call)) {}
  Finally(const Finally&) = delete;
  Finally& operator=(const Finally&) = delete;
  ~Finally() { call_(); }

 private:
  Call call_;
};

}  // namespace messi

#endif  // MESSI_BASE_FINALLY_H_

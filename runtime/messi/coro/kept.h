#ifndef MESSI_CORO_KEPT_H_
#define MESSI_CORO_KEPT_H_

#include <cstddef>
#include <type_traits>

#include "messi/views/owned.h"

namespace messi::coro {

template <typename Message>
concept HasViews = requires(const Message& message) {
  message.original_bytes;
};

/// A message as it waits for a coroutine: of libprotobuf's class as it is, a struct with views as
/// Owned, since what it looks at is gone after the hook.
template <typename Message>
using Kept = std::conditional_t<HasViews<Message>, Owned<Message>, Message>;

/// The message in what is kept.
template <typename Message>
const Message& message_in(const Message& kept) {
  return kept;
}
template <typename Message>
const Message& message_in(const Owned<Message>& kept) {
  return *kept;
}

/// About how much memory is taken for what is in it, in bytes.
template <typename Message>
std::size_t weight_of(const Message& kept) {
  return kept.ByteSizeLong();
}
template <typename Message>
std::size_t weight_of(const Owned<Message>& kept) {
  return sizeof(Message) + kept->original_bytes.size();
}

}  // namespace messi::coro

#endif  // MESSI_CORO_KEPT_H_

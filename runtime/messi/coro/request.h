#ifndef MESSI_CORO_REQUEST_H_
#define MESSI_CORO_REQUEST_H_

#include <cstddef>
#include <utility>

#include "messi/call.h"
#include "messi/coro/kept.h"

namespace messi::coro {

/// A request that has arrived, and the way back for its answer, as a Responder has it: `reply` or
/// `fail`, once. If it is destroyed without, the caller gets kInternal. The request is behind `*`
/// and `->`.
template <typename Message, typename Reply>
class Request : public Responder<Reply> {
 public:
  Request(const Message& message, Responder<Reply> responder)
      : Responder<Reply>(std::move(responder)), message_(message) {}

  const Message& operator*() const { return message_in(message_); }
  const Message* operator->() const { return &message_in(message_); }

 private:
  template <typename AnyMessage, typename AnyReply>
  friend std::size_t weight_of(const Request<AnyMessage, AnyReply>& request);

  Kept<Message> message_;
};

template <typename Message, typename Reply>
std::size_t weight_of(const Request<Message, Reply>& request) {
  return weight_of(request.message_);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the message, in its proto

// A message as its hook passes it on: as it is kept, or as a Request if it has an answer.
template <typename Class, typename Message>
auto incoming(Class& receiver, const Message& message) {
  if constexpr (requires { receiver.answer_later(message); }) {
    return Request(message, receiver.answer_later(message));
  } else {
    return Kept<Message>(message);
  }
}

#pragma GCC diagnostic pop

template <typename Class, typename Message>
using Incoming = decltype(incoming(std::declval<Class&>(), std::declval<const Message&>()));

}  // namespace messi::coro

#endif  // MESSI_CORO_REQUEST_H_

#ifndef MESSI_CORO_REQUEST_H_
#define MESSI_CORO_REQUEST_H_

#include <cstddef>
#include <utility>

#include "absl/status/status.h"
#include "messi/call.h"

namespace messi::coro {

/// A request that has arrived, and the way back for its answer: `reply` or `fail`, once. If it is
/// destroyed without, the caller gets kInternal. The request is behind `*` and `->`.
template <typename Message, typename Reply>
class Request {
 public:
  Request(const Message& message, Responder<Reply> responder)
      : message_(message), responder_(std::move(responder)) {}

  const Message& operator*() const { return message_; }
  const Message* operator->() const { return &message_; }

  /// No-op after the first answer.
  void reply(const Reply& answer) { responder_.reply(answer); }
  void fail(const absl::Status& why) { responder_.fail(why); }
  /// Whether the caller has said that it does not wait any more.
  bool cancelled() const { return responder_.cancelled(); }

  std::size_t ByteSizeLong() const { return message_.ByteSizeLong(); }

 private:
  Message message_;
  Responder<Reply> responder_;
};

template <typename Message, typename Reply>
Request<Message, Reply> request_of(const Message& message, Responder<Reply> responder) {
  return Request<Message, Reply>(message, std::move(responder));
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"  // the message, in its proto

// A message as its hook passes it on: as it is, or as a Request if it has an answer.
template <typename Class, typename Message>
auto incoming(Class& receiver, const Message& message) {
  if constexpr (requires { receiver.answer_later(message); }) {
    return request_of(message, receiver.answer_later(message));
  } else {
    return message;
  }
}

#pragma GCC diagnostic pop

template <typename Class, typename Message>
using Incoming = decltype(incoming(std::declval<Class&>(), std::declval<const Message&>()));

}  // namespace messi::coro

#endif  // MESSI_CORO_REQUEST_H_

#ifndef EXAMPLES_CHAT_MESSAGES_H_
#define EXAMPLES_CHAT_MESSAGES_H_

#include <string>
#include <string_view>

#include "chat.messi.h"

// The programs are built with both kinds of messages, of one source: how messages are made and read
// is all that differs, and it is here. A program that has one kind needs no such header.

#ifdef CHAT_VIEWS

// These look at their arguments, which must live until the message is sent.
inline chat::ConnectReq connect_req(const std::string& user MESSI_LIFETIMEBOUND) { return {user}; }
inline chat::MessageInd message_ind(const std::string& user MESSI_LIFETIMEBOUND,
                                    const std::string& text MESSI_LIFETIMEBOUND) {
  return {user, text};
}
template <typename Message>
std::string_view user_of(const Message& message) {
  return message.user;
}
inline std::string_view text_of(const chat::MessageInd& message) { return message.text; }

#else

inline chat::ConnectReq connect_req(const std::string& user) {
  chat::ConnectReq request;
  request.set_user(user);
  return request;
}
inline chat::MessageInd message_ind(const std::string& user, const std::string& text) {
  chat::MessageInd message;
  message.set_user(user);
  message.set_text(text);
  return message;
}
template <typename Message>
std::string_view user_of(const Message& message) {
  return message.user();
}
inline std::string_view text_of(const chat::MessageInd& message) { return message.text(); }

#endif

#endif  // EXAMPLES_CHAT_MESSAGES_H_

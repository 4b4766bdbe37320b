#ifndef EXAMPLES_CHAT_HISTORY_H_
#define EXAMPLES_CHAT_HISTORY_H_

#include <string>

#include "chat.messi.h"
#include "messages.h"
#include "messi/testing/history.h"

// With --history FILE both programs write down what they send and hear. messi-check-history
// compares the files. Without the flag nothing is written.
using messi::testing::History;

// What both sides can tell of a message.
inline std::string content_of(const chat::ConnectReq& request) {
  return std::string(user_of(request));
}
inline std::string content_of(const chat::ConnectRsp&) { return "welcome"; }
inline std::string content_of(const chat::MessageInd& message) {
  return std::string(user_of(message)).append(": ").append(text_of(message));
}

// What both sides call a user's session: they count them.
inline std::string name_of(const std::string& user, int session) {
  return user + '/' + std::to_string(session);
}

#endif  // EXAMPLES_CHAT_HISTORY_H_

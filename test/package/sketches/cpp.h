// What the sketches on doc/cpp.md leave out.
#include <functional>
#include <string>

#include "chat.messi.h"

inline chat::MessageInd goodbye_of(const chat::ChatServer::Client& /*client*/) { return {}; }

struct Users {
  void look_up(const std::string& subject, const std::function<void(bool may_enter)>& answer);
};
extern Users users_;

// What the parts of programs in doc/cores.md leave out.

#include "chat.messi.h"
#include "messi/sharded.h"

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;
};
extern messi::Sharded<Server> server;

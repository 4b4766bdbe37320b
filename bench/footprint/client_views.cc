// A minimal client, with messages that are structs.
#include <cstdio>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  void on_connected() override { send(chat::ConnectReq{"erik"}); }
  void on_message_ind(const chat::MessageInd& message) override {
    std::printf("<%.*s> %.*s\n", static_cast<int>(message.user.size()), message.user.data(),
                static_cast<int>(message.text.size()), message.text.data());
  }
};

}  // namespace

int main(int argc, char** argv) {
  messi::EpollLoop loop;
  Client client(loop, argc > 1 ? argv[1] : "tcp://127.0.0.1:6000");
  client.start();
  loop.run();
}

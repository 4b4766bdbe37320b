// A minimal client.
#include <cstdio>
#include <string>

#include "chat.messi.h"
#include "messi/io/epoll_loop.h"

namespace {

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  void on_connected() override {
    chat::ConnectReq request;
    request.set_user("erik");
    send(request);
  }
  void on_message_ind(const chat::MessageInd& message) override {
    std::printf("<%s> %s\n", message.user().c_str(), message.text().c_str());
  }
};

}  // namespace

int main(int argc, char** argv) {
  messi::EpollLoop loop;
  Client client(loop, argc > 1 ? argv[1] : "tcp://127.0.0.1:6000");
  client.start();
  loop.run();
}

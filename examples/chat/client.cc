// Sends what is typed, and prints what everybody says.

#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>
#include <utility>

#include "../command_line.h"
#include "chat.messi.h"
#include "line_reader.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"

class Client final : public chat::ChatClient {
 public:
  Client(messi::EpollLoop& loop, std::string uri, std::string user)
      : ChatClient(loop, std::move(uri)),
        user_(std::move(user)),
        input_(
            loop, STDIN_FILENO, [this](const std::string& line) { say(line); },
            [this] { end_when_all_is_heard(); }) {}

  void on_connected() override {
    chat::ConnectReq request;
    request.set_user(user_);
    send(request);
  }

  void on_connect_rsp(const chat::ConnectRsp&) override {
    std::cout << "Connected to the server." << std::endl;
    told_away_ = false;
    input_.resume();
  }

  // All clients hear what one says, also that client itself: then the line has arrived.
  void on_message_ind(const chat::MessageInd& message) override {
    std::cout << '<' << message.user() << "> " << message.text() << std::endl;
    if (message.user() != user_ || unheard_ == 0) return;
    --unheard_;
    input_.resume();
    end_when_all_is_heard();
  }

  void on_disconnected(messi::DisconnectReason reason) override {
    if (reason == messi::DisconnectReason::kStopped) return;
    std::cout << "Disconnected: " << reason << std::endl;
    if (unheard_ > 0) {
      std::cout << "Lines of yours that perhaps nobody heard: " << unheard_ << std::endl;
      unheard_ = 0;
    }
    if (input_.ended()) return end(1);
    std::cout << "What you type is sent when the server is back." << std::endl;
    told_away_ = true;
    input_.pause();
  }

  std::optional<messi::Duration> on_connect_failure(const absl::Status& error) override {
    const std::optional<messi::Duration> delay = ChatClient::on_connect_failure(error);
    if (!delay) {
      exit_status_ = 1;  // the URI can never work
    } else if (!told_away_) {
      std::cout << error.message() << ". Trying again until the server is there." << std::endl;
      told_away_ = true;
    }
    return delay;
  }

  int exit_status() const { return exit_status_; }

 private:
  // So many lines may be in flight, for example when the input is a file.
  static constexpr int kMostUnheard = 16;

  void say(const std::string& line) {
    chat::MessageInd message;
    message.set_user(user_);
    message.set_text(line);
    send(message);
    if (++unheard_ >= kMostUnheard) input_.pause();
  }

  void end_when_all_is_heard() {
    if (input_.ended() && unheard_ == 0) end(0);
  }

  void end(int status) {
    exit_status_ = status;
    stop();
  }

  const std::string user_;
  LineReader input_;
  int unheard_ = 0;  // lines of ours that have not come back yet
  bool told_away_ = false;
  int exit_status_ = 0;
};

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv);
  if (given.size() < 1 || given.size() > 2) {
    std::cerr << "usage: " << argv[0] << " <user> [<uri>] [--ca FILE] [--cert FILE] [--key FILE]\n";
    return 2;
  }
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_client());
  Client client(loop, given.argument(1, "tcp://127.0.0.1:6000"), given.argument(0, ""));
  client.start();
  loop.run_until([&] { return client.stopped(); });
  return client.exit_status();
}

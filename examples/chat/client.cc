// Sends what is typed, and prints what everybody says.

#include <unistd.h>

#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../command_line.h"
#include "absl/status/status.h"
#include "chat.messi.h"
#include "history.h"
#include "line_reader.h"
#include "messages.h"
#include "messi/io/epoll_loop.h"
#include "messi/tls.h"
#include "messi/websocket.h"

class Client final : public chat::ChatClient {
 public:
  Client(messi::EpollLoop& loop, const CommandLine& given)
      : ChatClient(loop, given.argument(1, "tcp://127.0.0.1:6000"), options_of(given)),
        user_(given.argument(0, "")),
        history_(given.file("--history"), History::Side::kClient),
        input_(
            loop, STDIN_FILENO, [this](const std::string& line) { say(line); },
            [this] { end_when_all_is_heard(); }) {}

  void on_connected() override {
    const chat::ConnectReq request = connect_req(user_);
    history_.connected(kMe);
    history_.named(kMe, name_of(user_, ++sessions_));
    history_.sending(kMe, content_of(request));
    send(request);
  }

  void on_connect_rsp(const chat::ConnectRsp& response) override {
    history_.dispatched(kMe, content_of(response));
    std::cout << "Connected to the server." << std::endl;
    told_away_ = false;
    welcome_ = true;
    input_.resume();
    for (const std::string& line : std::exchange(unsent_, {})) say(line);
    end_when_all_is_heard();
  }

  // All clients hear what one says, also that client itself: then the line has arrived.
  void on_message_ind(const chat::MessageInd& message) override {
    history_.dispatched(kMe, content_of(message));
    std::cout << '<' << user_of(message) << "> " << text_of(message) << std::endl;
    if (user_of(message) != user_ || unheard_ == 0) return;
    --unheard_;
    if (connected()) input_.resume();
    end_when_all_is_heard();
  }

  // With a session, what is sent meanwhile is kept.
  void on_detached(messi::DisconnectReason reason) override {
    history_.detached(kMe, to_string(reason));
    std::cout << "The connection is lost: " << reason << std::endl;
  }
  void on_resumed(std::uint64_t replayed) override {
    history_.resumed(kMe, replayed);
    std::cout << "There is another one. Sent again: " << replayed << std::endl;
  }
  void on_session_lost(const messi::SessionLoss& loss) override {
    history_.lost(kMe, loss.first_unacked, loss.last_accepted, loss.peer_handled,
                  to_string(loss.reason));
  }

  void on_disconnected(messi::DisconnectReason reason) override {
    history_.disconnected(kMe, to_string(reason));
    welcome_ = false;
    if (ending_) return;
    std::cout << "Disconnected: " << reason << std::endl;
    if (unheard_ > 0) {
      std::cout << "Lines of yours that perhaps nobody heard: " << unheard_ << std::endl;
      unheard_ = 0;
    }
    if (input_.ended() && unsent_.empty()) return end(1);
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
  static messi::ClientOptions options_of(const CommandLine& given) {
    messi::ClientOptions options;
    if (given.has("--session")) options.session = messi::SessionMode::kRequired;
    return options;
  }

  static constexpr std::uint64_t kMe = 0;  // in the history
  // So many lines may be in flight, for example when the input is a file.
  static constexpr int kMostUnheard = 16;

  void say(const std::string& line) {
    // A server that drains takes nothing more, and is still heard.
    if (!connected() || !welcome_) {
      unsent_.push_back(line);
      return input_.pause();
    }
    const chat::MessageInd message = message_ind(user_, line);
    history_.sending(kMe, content_of(message));
    send(message);
    if (++unheard_ >= kMostUnheard) input_.pause();
  }

  void end_when_all_is_heard() {
    if (input_.ended() && unheard_ == 0 && unsent_.empty()) end(0);
  }

  void end(int status) {
    exit_status_ = status;
    ending_ = true;
    stop();
  }

  const std::string user_;
  History history_;
  int sessions_ = 0;
  LineReader input_;
  bool welcome_ = false;
  std::vector<std::string> unsent_;  // lines that came while there was no server for them
  int unheard_ = 0;                  // lines of ours that have not come back yet
  bool ending_ = false;
  bool told_away_ = false;
  int exit_status_ = 0;
};

int main(int argc, char* argv[]) {
  const CommandLine given(argc, argv, {"--history"}, {"--session"});
  if (given.size() < 1 || given.size() > 2) {
    std::cerr
        << "usage: " << argv[0]
        << " <user> [<uri>] [--session] [--history FILE] [--ca FILE] [--cert FILE] [--key FILE]\n";
    return 2;
  }
  messi::EpollLoop loop;
  const messi::tls::Network tls(loop, given.for_client());
  const messi::websocket::Network ws(loop);
  const messi::websocket::Network wss(loop, {}, "wss", "tls");
  Client client(loop, given);
  client.start();
  loop.run_until([&] { return client.stopped(); });
  return client.exit_status();
}

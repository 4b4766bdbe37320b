#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "cpp_endpoint.h"

namespace {

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;

  void handle_command(const std::string& verb, std::istream& rest) {
    std::string field;
    std::string hex;
    if (endpoint::handle_stream_command(verb, rest, stream_, counter_)) return;
    if (verb == "start") return start();
    if (verb == "stop") return stop();
    if (verb == "stop_when_disconnected") {
      stop_when_disconnected_ = true;
      return;
    }
    if (verb == "send" && rest >> field) {
      rest >> hex;
      const auto send_it = [this](const auto& message) { send(message); };
      if (field == "connect_req") return endpoint::with_hex<chat::ConnectReq>(hex, send_it);
      if (field == "message_ind") return endpoint::with_hex<chat::MessageInd>(hex, send_it);
    }
    if (verb == "call" && rest >> field) {
      double seconds = 0;
      rest >> seconds >> hex;
      return call_connect(seconds, hex);
    }
    endpoint::report("bad command: ", verb);
  }

 private:
  void on_connected() override { endpoint::report("connected"); }
  void on_disconnected(messi::DisconnectReason reason) override {
    endpoint::report("disconnected ", reason);
    if (stop_when_disconnected_) stop();
  }
  void on_detached(messi::DisconnectReason reason) override {
    endpoint::report("detached ", reason);
  }
  void on_resumed(std::uint64_t replayed) override { endpoint::report("resumed ", replayed); }
  void on_session_lost(const messi::SessionLoss& loss) override { endpoint::report_loss(loss); }
  std::optional<messi::Duration> on_connect_failure(const absl::Status& error) override {
    endpoint::report("failed ", error.message());
    return ChatClient::on_connect_failure(error);
  }
  void on_unknown_message(std::uint32_t field_number) override {
    endpoint::report("unknown ", field_number);
  }
  void on_connect_rsp(const chat::ConnectRsp& message) override {
    endpoint::report("message connect_rsp ", endpoint::to_hex(message));
  }
  void on_message_ind(const chat::MessageInd& message) override {
    if (counter_.handle_text(messi::test::text_of(message))) return;
    endpoint::report("message message_ind ", endpoint::to_hex(message));
  }

  void call_connect(double seconds, const std::string& hex) {
    const auto timeout =
        std::chrono::duration_cast<messi::Duration>(std::chrono::duration<double>(seconds));
    const int number = ++calls_;
    const auto answered = [number](const messi::CallResult<chat::ConnectRsp>& result) {
      if (result.ok()) {
        endpoint::report("answer ", number, " connect_rsp ", endpoint::to_hex(*result));
      } else {
        const absl::Status status = result.status();
        endpoint::report("unanswered ", number, ' ', static_cast<int>(status.code()), ' ',
                         status.message());
      }
    };
    endpoint::with_hex<chat::ConnectReq>(
        hex, [&](const auto& request) { call(request, timeout, answered); });
  }

  void send_text(const std::string& text) { send(messi::test::with_text<chat::MessageInd>(text)); }

  bool stop_when_disconnected_ = false;
  int calls_ = 0;
  endpoint::Counter counter_;
  endpoint::Stream stream_{loop(), [this](const std::string& text) { send_text(text); },
                           [this] { return !connected() || pending_bytes() > 64 * 1024; }};
};

}  // namespace

int main(int argc, char* argv[]) {
  const endpoint::Options given = endpoint::parse_options(argc, argv);
  messi::EpollLoop loop;
  messi::ClientOptions options;
  options.max_payload_size = given.max_payload;
  options.session = given.session;
  options.handshake = given.handshake;
  Client client(loop, given.uri, options);
  client.start();
  endpoint::run(loop, [&client](const std::string& verb, std::istream& rest) {
    client.handle_command(verb, rest);
  });
}

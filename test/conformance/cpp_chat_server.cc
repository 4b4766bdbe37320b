#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "chat.messi.h"
#include "cpp_endpoint.h"

namespace {

class Server final : public chat::ChatServer {
 public:
  Server(messi::EventLoop& loop, std::string uri, messi::ServerOptions options, bool asks)
      : ChatServer(loop, std::move(uri), std::move(options)), asks_(asks) {}

  bool listen() {
    const absl::Status status = start();
    if (status.ok()) {
      endpoint::report("listening ", port());
    } else {
      endpoint::report("failed ", status.message());
    }
    return status.ok();
  }

  void handle_command(const std::string& verb, std::istream& rest) {
    std::uint64_t id = 0;
    if (endpoint::handle_stream_command(verb, rest, stream_, counter_)) return;
    if (verb == "start") {
      listen();
    } else if (verb == "stop") {
      stop();
    } else if (verb == "drain" && rest >> id) {
      drain(std::chrono::seconds(id));
    } else if (verb == "accept" && rest >> id) {
      if (Client* const client = find_arriving(id)) client->accept();
    } else if (verb == "refuse" && rest >> id >> std::ws) {
      std::string text;
      std::getline(rest, text);
      if (Client* const client = find_arriving(id)) client->refuse(text);
    } else if (verb == "disconnect" && rest >> id) {
      if (Client* const client = find_client(id)) client->disconnect();
    } else if (verb == "send" && rest >> id) {
      if (Client* const client = find_client(id)) {
        send_message(rest, [client](const auto& message) { client->send(message); });
      }
    } else if (verb == "broadcast") {
      send_message(rest, [this](const auto& message) { broadcast(message); });
    } else if (verb == "flood") {
      flood(rest);
    } else {
      endpoint::report("bad command: ", verb);
    }
  }

 private:
  void on_authenticate(Client& client) override {
    if (!asks_) return client.accept();
    endpoint::report("asked ", client.id());
  }
  void on_client_refused(const std::string& /*peer_address*/,
                         messi::DisconnectReason reason) override {
    if (asks_) endpoint::report("refused ", reason);
  }
  void on_client_connected(Client& client) override { endpoint::report("connected ", client.id()); }
  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    endpoint::report("disconnected ", client.id(), " ", reason);
  }
  void on_client_detached(Client& client, messi::DisconnectReason reason) override {
    endpoint::report("detached ", client.id(), " ", reason);
  }
  void on_client_resumed(Client& client, std::uint64_t replayed) override {
    endpoint::report("resumed ", client.id(), " ", replayed);
  }
  void on_client_session_lost(Client& client, const messi::SessionLoss& loss) override {
    endpoint::report_loss(loss, std::to_string(client.id()) + " ");
  }
  void on_unknown_message(Client& client, std::uint32_t field_number) override {
    endpoint::report("unknown ", client.id(), " ", field_number);
  }
  void on_connect_req(Client& client, const chat::ConnectReq& message) override {
    endpoint::report("message ", client.id(), " connect_req ", endpoint::to_hex(message));
    reply(chat::ConnectRsp());
  }
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    if (counter_.handle_text(messi::test::text_of(message))) return;
    endpoint::report("message ", client.id(), " message_ind ", endpoint::to_hex(message));
    broadcast(message);
  }

  template <typename Send>
  void send_message(std::istream& rest, Send&& send) {
    std::string field;
    std::string hex;
    rest >> field >> hex;
    if (field == "connect_rsp") return endpoint::with_hex<chat::ConnectRsp>(hex, send);
    if (field == "message_ind") return endpoint::with_hex<chat::MessageInd>(hex, send);
    endpoint::report("bad command: no such message: ", field);
  }

  void flood(std::istream& rest) {
    std::uint64_t count = 0;
    std::size_t size = 0;
    rest >> count >> size;
    for (std::uint64_t i = 0; i < count; ++i) broadcast_text(std::string(size, '.'));
    endpoint::report("flooded ", count);
  }

  void broadcast_text(const std::string& text) {
    broadcast(messi::test::with_text<chat::MessageInd>(text));
  }

  bool blocked() {
    if (client_count() == 0) return true;
    auto all = clients();
    return std::any_of(all.begin(), all.end(),
                       [](Client& client) { return client.pending_bytes() > 64 * 1024; });
  }

  const bool asks_;
  endpoint::Counter counter_;
  endpoint::Stream stream_{loop(), [this](const std::string& text) { broadcast_text(text); },
                           [this] { return blocked(); }};
};

}  // namespace

int main(int argc, char* argv[]) {
  const endpoint::Options given = endpoint::parse_options(argc, argv);
  messi::EpollLoop loop;
  messi::ServerOptions options;
  options.max_payload_size = given.max_payload;
  options.max_clients = given.max_clients;
  options.session = given.session;
  options.handshake = given.handshake;
  Server server(loop, given.uri, options, given.authenticate);
  if (!server.listen()) return 1;
  endpoint::run(loop, [&server](const std::string& verb, std::istream& rest) {
    server.handle_command(verb, rest);
  });
}

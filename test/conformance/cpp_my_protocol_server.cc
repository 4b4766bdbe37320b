#include <string>

#include "absl/status/status.h"
#include "cpp_endpoint.h"
#include "my_protocol.messi.h"

namespace {

class Server final : public my_protocol::MyProtocolServer {
 public:
  using MyProtocolServer::MyProtocolServer;

 private:
  void on_client_connected(Client& client) override { endpoint::report("connected ", client.id()); }
  void on_client_disconnected(Client& client, messi::DisconnectReason reason) override {
    endpoint::report("disconnected ", client.id(), " ", reason);
  }
  void on_foo_req(Client& client, const my_protocol::FooReq& /*message*/) override {
    endpoint::report("message ", client.id(), " foo_req");
    reply(my_protocol::FooRsp());
  }
  void on_bar_ind(Client& client, const my_protocol::BarInd& /*message*/) override {
    endpoint::report("message ", client.id(), " bar_ind");
    if (++client.state<int>() == 2) client.send(my_protocol::FieReq());
  }
  void on_fie_rsp(Client& client, const my_protocol::FieRsp& /*message*/) override {
    endpoint::report("message ", client.id(), " fie_rsp");
    client.disconnect();
  }
};

}  // namespace

int main(int argc, char* argv[]) {
  messi::EpollLoop loop;
  Server server(loop, endpoint::parse_options(argc, argv).uri);
  if (const absl::Status status = server.start(); !status.ok()) {
    endpoint::report("failed ", status.message());
    return 1;
  }
  endpoint::report("listening ", server.port());
  endpoint::run(loop, [](const std::string& verb, std::istream&) {
    endpoint::report("bad command: ", verb);
  });
}

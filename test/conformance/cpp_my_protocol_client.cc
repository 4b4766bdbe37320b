#include <string>

#include "cpp_endpoint.h"
#include "my_protocol.messi.h"

namespace {

class Client final : public my_protocol::MyProtocolClient {
 public:
  using MyProtocolClient::MyProtocolClient;

 private:
  void on_connected() override {
    endpoint::report("connected");
    send(my_protocol::FooReq());
  }
  void on_disconnected(messi::DisconnectReason reason) override {
    endpoint::report("disconnected ", reason);
  }
  void on_foo_rsp(const my_protocol::FooRsp& /*message*/) override {
    endpoint::report("message foo_rsp");
    send(my_protocol::BarInd());
    send(my_protocol::BarInd());
  }
  void on_fie_req(const my_protocol::FieReq& /*message*/) override {
    endpoint::report("message fie_req");
    send(my_protocol::FieRsp());
  }
};

}  // namespace

int main(int argc, char* argv[]) {
  messi::EpollLoop loop;
  Client client(loop, endpoint::parse_options(argc, argv).uri);
  client.start();
  endpoint::run(loop, [](const std::string& verb, std::istream&) {
    endpoint::report("bad command: ", verb);
  });
}

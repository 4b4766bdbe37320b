// Messages of protobuf's lite runtime, which have no descriptors and cannot tell their size.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "lite.messi.h"
#include "messi/testing/manual_loop.h"
#include "test/catch.h"
#include "test/support/live_bytes.h"
#include "test/support/receive.h"

namespace {

class Client final : public lite::LiteClient {
 public:
  using lite::LiteClient::LiteClient;
  std::vector<std::string> lines;
  void on_connected() override {
    lite::Note note;
    note.add_lines("hello");
    send(note);
  }
  void on_note(const lite::Note& message) override {
    for (const std::string& line : message.lines()) lines.push_back(line);
  }
};

class Server final : public lite::LiteServer {
 public:
  using lite::LiteServer::LiteServer;
  void on_note(Client& client, const lite::Note& message) override {
    client.send(message);
    broadcast(message);
  }
};

}  // namespace

TEST_CASE("lite messages go both ways", "[codec]") {
  messi::testing::ManualLoop loop;
  Server server(loop, "tcp://:6000");
  REQUIRE(server.start().ok());
  Client client(loop, "tcp://localhost:6000");
  client.start();
  loop.run_until_idle();
  CHECK(client.lines == std::vector<std::string>{"hello", "hello"});
}

TEST_CASE("what many lite messages leave behind does not add up", "[codec]") {
  messi::codec::Received received(1);
  const std::size_t before = messi::test::live_bytes();
  std::size_t most = 0;
  for (int i = 0; i < 300; ++i) {
    lite::Note note;
    for (int line = 0; line < 300; ++line) {
      note.add_lines(line == i ? std::string(100'000, 'x') : std::string());
    }
    const std::string payload = messi::test::payload_of(note.SerializeAsString());
    note.Clear();
    messi::test::receive<lite::Note>(received, payload, nullptr, [](const lite::Note& /*note*/) {});
    most = std::max(most, messi::test::live_bytes() - before);
  }
  CHECK(most < 2'000'000);
}

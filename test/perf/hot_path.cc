// Runs one hot path a given number of times, in memory and in virtual time, for a tool that counts
// its instructions. Messages are libprotobuf's, or structs (HOT_PATH_VIEWS):
//
//     messi_hot_path SCENARIO COUNT
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "chat.messi.h"
#include "messi/calls/open_calls.h"
#include "messi/statistics.h"
#include "messi/testing/manual_loop.h"

namespace {

#ifdef HOT_PATH_VIEWS
std::size_t text_size(const chat::MessageInd& message) { return message.text.size(); }

chat::MessageInd message_of(std::size_t size) {
  static std::string text;
  text = std::string(size, 'x');
  return {"erik", text};
}
#else
std::size_t text_size(const chat::MessageInd& message) { return message.text().size(); }

chat::MessageInd message_of(std::size_t size) {
  chat::MessageInd message;
  message.set_user("erik");
  message.set_text(std::string(size, 'x'));
  return message;
}
#endif

class Client final : public chat::ChatClient {
 public:
  using ChatClient::ChatClient;
  void on_message_ind(const chat::MessageInd& message) override { received += text_size(message); }
  std::size_t received = 0;
};

class Server final : public chat::ChatServer {
 public:
  using ChatServer::ChatServer;
  void on_message_ind(Client& client, const chat::MessageInd& message) override {
    received += text_size(message);
    if (echoes) client.send(message);
  }
  std::size_t received = 0;
  bool echoes = false;
};

struct Room {
  explicit Room(int count, std::shared_ptr<messi::Statistics> statistics = nullptr)
      : server(loop, "tcp://:6000", observed_by<messi::ServerOptions>(statistics)) {
    if (!server.start().ok()) std::abort();
    for (int i = 0; i < count; ++i) {
      const auto options = observed_by<messi::ClientOptions>(statistics);
      clients.emplace_back(loop, "tcp://localhost:6000", options).start();
    }
    loop.run_until_idle();
  }

  template <typename Options>
  static Options observed_by(const std::shared_ptr<messi::Statistics>& statistics) {
    Options options;
    options.statistics = statistics;
    return options;
  }

  messi::testing::ManualLoop loop;
  Server server;
  std::deque<Client> clients;
};

void one_way(int count, std::size_t size, std::shared_ptr<messi::Statistics> statistics = nullptr) {
  static constexpr int kBatch = 10;
  Room room(1, std::move(statistics));
  const chat::MessageInd message = message_of(size);
  for (int i = 0; i < count; i += kBatch) {
    for (int j = 0; j < kBatch; ++j) room.clients[0].send(message);
    room.loop.run_until_idle();
  }
}

void round_trip(int count) {
  Room room(1);
  room.server.echoes = true;
  const chat::MessageInd message = message_of(16);
  for (int i = 0; i < count; ++i) {
    room.clients[0].send(message);
    room.loop.run_until_idle();
  }
}

void broadcast(int count) {
  Room room(100);
  const chat::MessageInd message = message_of(16);
  for (int i = 0; i < count; ++i) {
    room.server.broadcast(message);
    if (i % 10 == 9) room.loop.run_until_idle();
  }
  room.loop.run_until_idle();
}

void group(int count) {
  Room room(100);
  const Server::Group all = room.server.group("all");
  for (Server::Client& client : room.server.clients()) all.join(client);
  const chat::MessageInd message = message_of(16);
  for (int i = 0; i < count; ++i) {
    all.send(message);
    if (i % 10 == 9) room.loop.run_until_idle();
  }
  room.loop.run_until_idle();
}

// Many calls are open, and their answers come in order.
void answers(int count) {
  messi::calls::OpenCalls calls(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    calls.prepare();
    calls.add(0, 1, messi::TimePoint(), messi::TimePoint::max(),
              messi::CallHandler([](const messi::CallOutcome& /*outcome*/) {}));
  }
  for (int i = 0; i < count; ++i) calls.finish(*calls.find_first(1));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::string_view scenario = argv[1];
  const int count = std::atoi(argv[2]);
  if (scenario == "one_way_16") {
    one_way(count, 16);
  } else if (scenario == "one_way_16_statistics") {
    one_way(count, 16, std::make_shared<messi::Statistics>());
  } else if (scenario == "one_way_4096") {
    one_way(count, 4096);
  } else if (scenario == "round_trip") {
    round_trip(count);
  } else if (scenario == "broadcast_100") {
    broadcast(count);
  } else if (scenario == "group_100") {
    group(count);
  } else if (scenario == "answers_in_order") {
    answers(count);
  } else {
    std::fprintf(stderr, "unknown scenario %s\n", argv[1]);
    return 2;
  }
}

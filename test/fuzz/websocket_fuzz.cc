// Two ends of a WebSocket, on a network that takes and gives little at a time, which write, read,
// pause, ping and end; or one end, and somebody who sends anything. What one end hears is the
// beginning of what the other has written; after an end in order, it is all of it.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"
#include "messi/testing/manual_loop.h"
#include "messi/testing/raw_peer.h"
#include "messi/websocket.h"
#include "test/fuzz/fuzzed_input.h"
#include "test/websocket/support.h"

namespace {

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Stream;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::testing::ManualLoop;
using messi::testing::RawClient;

/// One end, which writes what it still has whenever there is room.
class End final : private messi::StreamHandler {
 public:
  explicit End(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {
    stream_->start(*this);
  }

  void say(const std::string& text) {
    if (finished_ || gone_) return;
    unsent_ += text;
    if (!blocked_) write();
  }
  void finish() {
    if (!unsent_.empty()) return;
    finished_ = true;
    stream_->finish();
  }
  void want_input(bool wanted) { stream_->want_input(wanted); }
  void cut() { stream_.reset(); }
  bool there() const { return stream_ != nullptr; }

  const std::string& said() const { return said_; }
  const std::string& heard() const { return heard_; }
  bool ended() const { return ended_; }
  bool blocked() const { return blocked_; }
  bool ended_in_order() const { return in_order_; }

  std::size_t most_per_read = 1;

 private:
  void write() {
    // In slices, of which some are empty.
    const std::size_t cut = unsent_.size() / 3;
    const Slice slices[] = {
        {unsent_.data(), cut}, {nullptr, 0}, {unsent_.data() + cut, unsent_.size() - cut}};
    const IoResult result = stream_->write(slices, 3, false);
    require(result.size <= unsent_.size(), "no more is taken than was given");
    said_ += unsent_.substr(0, result.size);
    unsent_.erase(0, result.size);
    gone_ = result.kind == IoResult::Kind::kEnd;
    if (gone_) unsent_.clear();
    blocked_ = !unsent_.empty();
  }
  void handle_readable() override {
    require(!ended_, "nothing is reported after the end");
    // The exact size, so that the sanitizer sees any access past the end.
    const std::size_t half = most_per_read / 2;
    const std::unique_ptr<char[]> first(new char[half]);
    const std::unique_ptr<char[]> second(new char[most_per_read - half]);
    const Space spaces[] = {{first.get(), half}, {second.get(), most_per_read - half}};
    const IoResult result = stream_->read(spaces, 2);
    require(result.size <= most_per_read, "no more is read than there is space for");
    heard_.append(first.get(), std::min(result.size, half));
    if (result.size > half) heard_.append(second.get(), result.size - half);
    if (result.kind != IoResult::Kind::kEnd) return;
    ended_ = true;
    in_order_ = stream_->why_ended().empty();
  }
  void handle_writable() override {
    blocked_ = false;
    if (!unsent_.empty() && !finished_) write();
  }

  std::unique_ptr<Stream> stream_;
  std::string unsent_;
  std::string said_;
  std::string heard_;
  bool blocked_ = false;
  bool gone_ = false;
  bool finished_ = false;
  bool ended_ = false;
  bool in_order_ = false;
};

/// A server, and what it has accepted.
class Room final : private messi::ListenHandler, private messi::ConnectHandler {
 public:
  Room() : listener_(*loop.networks().listen("ws://localhost:1", {}, *this)) {}

  void connect() {
    connecting_ = loop.networks().connect("ws://localhost:1", {}, *this);
    loop.run_until_idle();
    require(client != nullptr && server != nullptr, "two of ours make a WebSocket");
  }

  ManualLoop loop;
  std::unique_ptr<End> client;
  std::unique_ptr<End> server;

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override {
    server = std::make_unique<End>(std::move(stream));
  }
  void handle_out_of_descriptors() override {}
  void handle_stream(std::unique_ptr<Stream> stream) override {
    client = std::make_unique<End>(std::move(stream));
  }
  void handle_no_stream(const messi::Status& /*why*/) override {
    require(false, "a client of ours gets a WebSocket");
  }

  messi::websocket::Network ws_{loop};
  std::unique_ptr<messi::Listener> listener_;
  std::unique_ptr<messi::Connecting> connecting_;
};

void check(const End& speaker, const End& listener) {
  require(speaker.said().compare(0, listener.heard().size(), listener.heard()) == 0,
          "what is heard is what was written");
  require(!listener.ended_in_order() || listener.heard().size() == speaker.said().size(),
          "an end in order is the end of what was written");
}

void talk(FuzzedInput& input) {
  Room room;
  room.connect();
  bool cut = false;
  bool slow = false;
  std::uint8_t next = 0;
  while (!input.empty()) {
    const std::uint8_t what = input.byte();
    End& end = what % 2 == 0 ? *room.client : *room.server;
    if (!end.there()) break;
    switch (what / 2 % 8) {
      case 0:
      case 1: {
        // Little on a slow network, which takes a turn for a few bytes.
        std::string text(input.below(slow ? 300 : 30'000), ' ');
        for (char& byte : text) byte = static_cast<char>(next++);
        end.say(text);
        break;
      }
      case 2:
        end.most_per_read = 1 + input.below(3'000);
        break;
      case 3:
        end.want_input(input.one_in(2));
        break;
      case 4:
        slow = true;
        room.loop.network().faults.capacity = 1 + input.below(2'000);
        break;
      case 5:
        slow = true;
        room.loop.network().faults.most_per_read = 1 + input.below(2'000);
        break;
      case 6:
        if (input.one_in(4)) end.finish();
        break;
      default:
        if (input.one_in(16)) {
          end.cut();
          cut = true;
        } else {
          room.loop.run_until_idle();
        }
    }
    check(*room.client, *room.server);
    check(*room.server, *room.client);
  }
  if (cut) return room.loop.run_until_idle();
  // Everybody reads, and everything arrives.
  room.loop.network().faults = {};
  for (End* const end : {room.client.get(), room.server.get()}) {
    end->most_per_read = 5'000;
    if (!end->ended()) end->want_input(true);
  }
  room.loop.run_until_idle();
  for (End* const end : {room.client.get(), room.server.get()}) end->finish();
  room.loop.run_until_idle();
  require(
      room.client->heard() == room.server->said() && room.server->heard() == room.client->said(),
      "what was written is heard");
  require(room.client->ended_in_order() && room.server->ended_in_order(),
          "two of ours end in order");
}

void hear_anything(FuzzedInput& input) {
  Room room;
  RawClient client(room.loop, "tcp://localhost:1");
  room.loop.run_until_idle();
  const bool asks = input.one_in(2);
  if (asks) client->send(messi::test::request());
  std::size_t sent = 0;
  while (!input.empty() && client.peer() != nullptr) {
    const std::string bytes = input.bytes(200);
    sent += bytes.size();
    // Often the payload is anything, and its frame is not.
    client->send(input.one_in(2) ? bytes
                                 : messi::test::masked_frame(input.one_in(2) ? 0x82 : 0x89, bytes));
    room.loop.run_until_idle();
    if (room.server != nullptr) {
      room.server->most_per_read = 1 + input.below(300);
      require(room.server->heard().size() <= sent, "nothing is heard that was not sent");
    }
  }
  require(asks || room.server == nullptr, "nobody gets a WebSocket by chance");
  client->finish();
  room.loop.advance(std::chrono::minutes(1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedInput input(data, size);
  if (input.byte() < 160) {
    talk(input);
  } else {
    hear_anything(input);
  }
  return 0;
}

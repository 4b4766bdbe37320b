// A connection of either side is fed a stream in pieces of any size, through both ways in, while it
// sends, is written in pieces, pauses, ends, and time passes. Whatever comes: the messages seen are
// those that the stream holds, nothing is dispatched once closed, and what is written is whole
// frames.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "messi/connection/connection.h"
#include "test/fuzz/fuzzed_input.h"

namespace {

using messi::DisconnectReason;
using messi::TimePoint;
using messi::connection::Connection;
using messi::connection::ConnectionSettings;
using messi::connection::Side;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
using messi::fuzz::Script;
namespace wire = messi::wire;

constexpr std::size_t kMaxPayload = 3000;
constexpr std::size_t kMaxPending = 8 * 1024;
constexpr int kMostSteps = 2'000;

struct HookThrew {};

// The payloads of the user messages in `stream`, up to what a connection must not accept.
std::vector<std::string_view> expected_payloads(const ConnectionSettings& settings,
                                                std::string_view stream) {
  std::vector<std::string_view> payloads;
  while (stream.size() >= wire::kHeaderSize) {
    const std::size_t size = wire::read_size(stream.data());
    if (size > kMaxPayload || size > stream.size() - wire::kHeaderSize) break;
    const wire::FrameType type = wire::read_type(stream.data());
    const bool control =
        type == (settings.side == Side::kServer ? wire::FrameType::kPing : wire::FrameType::kPong);
    if (type == settings.incoming()) {
      payloads.push_back(stream.substr(wire::kHeaderSize, size));
    } else if (control ? size != 0 : settings.side == Side::kServer) {
      break;
    }
    stream.remove_prefix(wire::kHeaderSize + size);
  }
  return payloads;
}

class Target {
 public:
  Target(FuzzedInput& input, Side side)
      : settings_(side, kMaxPayload, kMaxPending,
                  {std::chrono::seconds(2), std::chrono::seconds(30)}),
        script_(input.bytes(60)),
        stream_(input.rest()),
        connection_(settings_, pool_, now_) {}

  void run() {
    std::string_view rest = stream_;
    for (int steps = 0; steps < kMostSteps && goes_on(rest); ++steps) {
      try {
        step(rest);
      } catch (const HookThrew&) {
        require(connection_.closed(), "a connection whose hook threw is closed");
      }
    }
    while (connection_.has_output()) write(1 << 20);
    check(!goes_on(rest));
  }

 private:
  auto dispatch() {
    return [this](std::string_view payload) { return handle_message(payload); };
  }

  bool goes_on(std::string_view rest) const {
    return connection_.listens() && (!rest.empty() || connection_.paused());
  }

  void step(std::string_view& rest) {
    const std::uint8_t what = script_.next();
    switch (what % 16) {
      case 0:
        return write(script_.next());
      case 1:
        return write(std::size_t{64} * script_.next());
      case 2:
        return pass_time(std::chrono::milliseconds(20 * script_.next()));
      case 3:
        return connection_.closed() ? void() : connection_.pause();
      case 4:
        return send(std::size_t{16} * script_.next());
      case 5:
        if (what == 245) connection_.end(DisconnectReason::kStopped);
        return;
      case 6:
        if (what == 246) connection_.finish();
        return;
      case 7:
        return connection_.set_slow(connection_.has_output());
      default:
        break;
    }
    if (connection_.paused()) return connection_.resume(now_, dispatch());
    const std::size_t step = script_.next();
    const std::string_view piece = rest.substr(0, step < 128 ? 1 + step % 16 : 32 * (step - 127));
    rest.remove_prefix(piece.size());
    receive(piece);
  }

  void receive(std::string_view piece) {
    const messi::Space spare = connection_.spare();
    const std::size_t in_spare = std::min(spare.size, piece.size());
    if (in_spare > 0) {
      std::memcpy(spare.data, piece.data(), in_spare);
      piece.remove_prefix(in_spare);
      connection_.handle_spare(in_spare, now_, dispatch());
    }
    if (piece.empty() || !connection_.listens()) return;
    // A copy of the exact size, so that the sanitizer sees any read past the end.
    const std::vector<char> exact(piece.begin(), piece.end());
    connection_.handle_bytes({exact.data(), exact.size()}, now_, dispatch());
  }

  bool handle_message(std::string_view payload) {
    require(!connection_.closed(), "nothing is dispatched once closed");
    require(!connection_.paused(), "nothing is dispatched during a pause");
    payloads_.emplace_back(payload);
    switch (script_.next()) {
      case 250:
        connection_.pause();
        return true;
      case 251:
        throw HookThrew();
      case 252:
        connection_.end(DisconnectReason::kDisconnected);
        return true;
      case 253:
        connection_.close(DisconnectReason::kDisconnected);
        return true;
      case 254:
        return false;
      default:
        send(payload.size() / 2);
        return true;
    }
  }

  void send(std::size_t size) {
    wire::Outbox* const outbox = connection_.outbox();
    require((outbox == nullptr) == connection_.closed(), "only a closed connection has no outbox");
    if (outbox == nullptr) return;
    std::uint8_t* const out = outbox->reserve(size);
    require((out == nullptr) == connection_.closed(), "what is not accepted closes the connection");
    if (out == nullptr) return;
    std::memset(out, 0x5a, size);
    outbox->commit(size);
  }

  void write(std::size_t most) {
    wire::Batch batch;
    connection_.gather(batch);
    std::size_t total = 0;
    for (std::size_t i = 0; i < batch.count(); ++i) {
      const std::size_t taken = std::min(batch.slices()[i].size, most - total);
      written_.append(batch.slices()[i].data, taken);
      total += taken;
    }
    connection_.handle_written(batch, total);
  }

  void pass_time(messi::Duration duration) {
    now_ += duration;
    if (connection_.closed()) return;
    if (connection_.paused()) connection_.handle_time_paused(now_);
    connection_.handle_time(now_, now_);
    require(connection_.closed() || connection_.deadline() > now_, "what was due is done");
  }

  void check(bool all_read) const {
    check_whole_frames();
    const std::vector<std::string_view> expected = expected_payloads(settings_, stream_);
    require(payloads_.size() <= expected.size(),
            "no message is seen that the stream does not hold");
    require(connection_.closed() || !all_read || payloads_.size() == expected.size(),
            "every message is seen while the connection lives");
    require(std::equal(payloads_.begin(), payloads_.end(), expected.begin()),
            "messages are seen as they are in the stream");
  }

  void check_whole_frames() const {
    std::string_view bytes = written_;
    while (!bytes.empty()) {
      require(bytes.size() >= wire::kHeaderSize, "whole headers are written");
      const std::size_t size = wire::kHeaderSize + wire::read_size(bytes.data());
      require(size <= bytes.size(), "whole frames are written");
      bytes.remove_prefix(size);
    }
  }

  ConnectionSettings settings_;
  wire::BufferPool pool_;
  Script script_;
  std::string_view stream_;
  TimePoint now_{};
  Connection connection_;
  std::vector<std::string> payloads_;
  std::string written_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedInput input(data, size);
  const Side side = input.byte() % 2 == 0 ? Side::kServer : Side::kClient;
  Target(input, side).run();
  return 0;
}

// Messages leave two outboxes in every way there is: encoded in place, in pieces, and encoded once
// for both, while streams take as much as they like. What is written is the accepted messages, in
// order, with control frames between them; and what waits is within its bounds.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "messi/wire/frame.h"
#include "messi/wire/outbox.h"
#include "test/fuzz/fuzzed_input.h"

namespace {

using messi::Slice;
using messi::fuzz::FuzzedInput;
using messi::fuzz::require;
namespace wire = messi::wire;

constexpr std::size_t kMostPieces = 5;

/// An outbox, its stream, and what should come out of it.
class Writer final : public wire::Outbox {
 public:
  Writer(const wire::OutboxSettings& settings, wire::BufferPool& pool, FuzzedInput& input)
      : Outbox(settings, pool), input_(input) {}

  void reserve(const std::string& payload, bool keep) {
    std::uint8_t* const out = Outbox::reserve(payload.size());
    note(out != nullptr ? wire::Accepted::kYes : refused_, payload, keep && out != nullptr);
    if (out == nullptr || !keep) return;
    std::memcpy(out, payload.data(), payload.size());
    commit(payload.size());
    check_bounds();
  }

  void send_pieces(const std::string& payload) {
    Slice pieces[kMostPieces + 1];
    std::size_t count = 1;
    std::size_t at = 0;
    while (at < payload.size()) {
      const bool last = count == kMostPieces;
      const std::size_t size = last ? payload.size() - at : 1 + input_.below(payload.size() - at);
      pieces[count++] = {payload.data() + at, size};
      at += size;
    }
    // The stream may have taken it before the outbox says that it is accepted.
    accepted_.push_back(payload);
    const wire::Accepted accepted = Outbox::send(pieces, count, payload.size());
    if (accepted != wire::Accepted::kYes) accepted_.pop_back();
    note(accepted, payload, false);
    check_bounds();
  }

  void send_shared(const wire::SharedFrame& frame, const std::string& payload) {
    const wire::Accepted accepted = Outbox::send(frame);
    note(accepted, payload, accepted == wire::Accepted::kYes);
    check_bounds();
  }

  void want(wire::Control kind) {
    frames().want(kind);
    ++wanted_[static_cast<std::size_t>(kind)];
  }
  void handle_full(const wire::Buffer* buffer) { frames().handle_full(buffer); }
  void handle_blocked() { frames().handle_blocked(); }

  void write(std::size_t most) {
    wire::Batch batch;
    frames().gather(batch, [](wire::Control kind, std::uint8_t* out) {
      const bool ping = kind == wire::Control::kPing;
      return wire::write_header(out, ping ? wire::FrameType::kPing : wire::FrameType::kPong, 0);
    });
    require(batch.count() > 0 || frames().empty(), "what waits is offered");
    most = std::min(most, batch.size());
    std::size_t left = most;
    for (std::size_t i = 0; i < batch.count(); ++i) {
      const std::size_t taken = std::min(left, batch.slices()[i].size);
      took({batch.slices()[i].data, taken});
      left -= taken;
    }
    handle_written(batch, most);
  }

  void finish() {
    while (!frames().empty()) write(100'000);
    require(frames().pending() == 0, "nothing is pending when all is written");
    require(written_.empty() && accepted_.empty(), "all that was accepted is written");
    for (std::size_t kind = 0; kind < wire::kControls; ++kind) {
      require((wanted_[kind] > 0) == (controls_[kind] > 0), "control frames come when wanted");
      require(controls_[kind] <= wanted_[kind], "control frames come only when wanted");
    }
  }

  void clear() {
    frames().clear();
    accepted_.clear();
    written_.clear();
    std::fill(std::begin(wanted_), std::end(wanted_), 0);
    std::fill(std::begin(controls_), std::end(controls_), 0);
  }

 private:
  bool finds_room(std::size_t frame_size, std::size_t most) override {
    write(input_.below(5'000));
    return !too_much(frame_size, most);
  }
  std::size_t write_past(const Slice* slices, std::size_t count) override {
    if (!frames().empty()) return 0;
    std::size_t left = input_.below(5'000);
    std::size_t written = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t taken = std::min(left, slices[i].size);
      took({slices[i].data, taken});
      left -= taken;
      written += taken;
    }
    return written;
  }
  void handle_refused(wire::Accepted why) override { refused_ = why; }

  void note(wire::Accepted accepted, const std::string& payload, bool keep) {
    const bool too_big = payload.size() > settings().max_payload_size;
    require((accepted == wire::Accepted::kTooBig) == too_big, "only what is too big is too big");
    if (accepted == wire::Accepted::kFull) {
      require(too_much(wire::kHeaderSize + payload.size(), settings().max_pending_bytes),
              "only an outbox that is full is full");
    }
    if (keep) accepted_.push_back(payload);
  }

  void check_bounds() {
    const std::size_t largest = wire::kHeaderSize + settings().max_payload_size;
    require(frames().pending() <=
                std::max(settings().max_pending_bytes, largest) + wire::kMostControlSize,
            "no more is waiting than allowed");
  }

  void took(std::string_view bytes) {
    written_.append(bytes);
    while (written_.size() >= wire::kHeaderSize) {
      const std::size_t size = wire::read_size(written_.data());
      if (written_.size() - wire::kHeaderSize < size) return;
      const wire::FrameType type = wire::read_type(written_.data());
      if (type == wire::FrameType::kPing || type == wire::FrameType::kPong) {
        require(size == 0, "control frames are empty");
        const auto kind =
            type == wire::FrameType::kPing ? wire::Control::kPing : wire::Control::kPong;
        ++controls_[static_cast<std::size_t>(kind)];
      } else {
        require(type == settings().outgoing, "messages have the type of messages");
        require(!accepted_.empty() && accepted_.front() == written_.substr(wire::kHeaderSize, size),
                "messages come in order, as they were sent");
        accepted_.pop_front();
      }
      written_.erase(0, wire::kHeaderSize + size);
    }
  }

  FuzzedInput& input_;
  wire::Accepted refused_ = wire::Accepted::kYes;
  std::deque<std::string> accepted_;
  std::string written_;  // what is not a whole frame yet
  std::size_t wanted_[wire::kControls] = {};
  std::size_t controls_[wire::kControls] = {};
};

std::string any_payload(FuzzedInput& input) {
  const std::size_t kind = input.byte();
  std::size_t size = kind % 32;
  if (kind >= 192) size = input.below(3'000);
  if (kind >= 250) size = input.below(200'000);
  std::string payload(size, '\0');
  std::uint8_t value = input.byte();
  for (char& byte : payload) byte = static_cast<char>(value++);
  return payload;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedInput input(data, size);
  wire::BufferPool pool;
  const wire::OutboxSettings settings{wire::FrameType::kServerToClient, 1 + input.below(300'000),
                                      1 + input.below(300'000)};
  wire::SharedFrames shared(settings, pool);
  Writer first(settings, pool, input);
  Writer second(settings, pool, input);

  while (!input.empty()) {
    Writer& writer = input.byte() % 2 == 0 ? first : second;
    switch (input.below(12)) {
      case 0:
      case 1:
        writer.reserve(any_payload(input), true);
        break;
      case 2:
        writer.reserve(any_payload(input), false);
        break;
      case 3:
        writer.send_pieces(any_payload(input));
        break;
      case 4:
      case 5:
      case 6: {
        const std::string payload = any_payload(input);
        if (!shared.accepts(payload.size())) break;
        if (!shared.has_room(payload.size())) {
          first.handle_full(shared.buffer());
          second.handle_full(shared.buffer());
        }
        std::memcpy(shared.reserve(payload.size()), payload.data(), payload.size());
        const wire::SharedFrame frame = shared.commit(payload.size());
        first.send_shared(frame, payload);
        if (!input.one_in(8)) second.send_shared(frame, payload);
        break;
      }
      case 7:
        writer.want(input.byte() % 2 == 0 ? wire::Control::kPing : wire::Control::kPong);
        break;
      case 8:
        writer.handle_blocked();
        break;
      case 9:
      case 10:
        writer.write(input.below(2) == 0 ? input.below(64) : input.below(100'000));
        break;
      default:
        if (input.one_in(16)) writer.clear();
    }
  }
  first.finish();
  second.finish();
  return 0;
}

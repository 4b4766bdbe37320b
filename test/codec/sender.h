#ifndef MESSI_TEST_CODEC_SENDER_H_
#define MESSI_TEST_CODEC_SENDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "messi/wire/outbox.h"
#include "test/support/bytes.h"

namespace messi::test {

struct SenderParts {
  SenderParts(std::size_t max_payload_size, std::size_t max_pending_bytes)
      : settings{wire::FrameType::kClientToServer, max_payload_size, max_pending_bytes} {}
  wire::OutboxSettings settings;
  wire::BufferPool pool;
};

/// What codec::send asks of a client, or of a server's handle of one.
class Sender final : private SenderParts, private wire::Outbox {
 public:
  explicit Sender(std::size_t max_payload_size = wire::kMaxPayloadSize,
                  std::size_t max_pending_bytes = 1 << 30)
      : SenderParts(max_payload_size, max_pending_bytes), Outbox(settings_of(*this), pool) {}

  wire::Outbox* outbox() { return this; }
  wire::Outbox* outbox_to_ask() { return this; }

  /// The payload of the one message that was sent; "" if none was.
  std::string payload() {
    wire::Batch batch;
    frames().gather(batch, [](wire::Control, std::uint8_t* out) { return out; });
    std::string bytes = written_;
    for (std::size_t i = 0; i < batch.count(); ++i) {
      bytes.append(batch.slices()[i].data, batch.slices()[i].size);
    }
    const std::vector<RawFrame> sent = frames_of(bytes);
    if (sent.empty()) return "";
    return sent.size() == 1 && sent[0].type == 1 ? sent[0].payload : "not one message";
  }
  /// Whether it was sent from where its pieces lie.
  bool in_pieces() const { return !written_.empty(); }

  std::vector<wire::Accepted> refused;

 private:
  static const wire::OutboxSettings& settings_of(const SenderParts& parts) {
    return parts.settings;
  }

  std::size_t write_past(const Slice* slices, std::size_t count) override {
    for (std::size_t i = 0; i < count; ++i) written_.append(slices[i].data, slices[i].size);
    return written_.size();
  }
  void handle_refused(wire::Accepted why) override { refused.push_back(why); }

  std::string written_;
};

}  // namespace messi::test

#endif  // MESSI_TEST_CODEC_SENDER_H_

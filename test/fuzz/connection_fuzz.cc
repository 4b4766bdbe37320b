// A connection of either side is fed a stream in pieces of any size, through both ways in, while it
// sends, is written in pieces, and time passes. Whatever comes: the frames seen are those that the
// stream holds, nothing is dispatched once closed, and what is written is whole frames.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "messi/connection/connection.h"

namespace {

using messi::TimePoint;
using messi::connection::Connection;
using messi::connection::ConnectionSettings;
using messi::connection::Side;
namespace wire = messi::wire;

void require(bool condition) {
  if (!condition) std::abort();
}

constexpr std::size_t kMaxPayload = 3000;

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

bool whole_frames(std::string_view bytes) {
  while (bytes.size() >= wire::kHeaderSize) {
    const std::size_t size = wire::kHeaderSize + wire::read_size(bytes.data());
    if (size > bytes.size()) return false;
    bytes.remove_prefix(size);
  }
  return bytes.empty();
}

void write_some(Connection& connection, std::size_t most, std::string& written) {
  wire::Batch batch;
  connection.gather(batch);
  std::size_t total = 0;
  for (std::size_t i = 0; i < batch.count(); ++i) {
    const std::size_t taken = std::min(batch.slices()[i].size, most - total);
    written.append(batch.slices()[i].data, taken);
    total += taken;
  }
  connection.handle_written(batch, total);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const ConnectionSettings settings{data[0] % 2 == 0 ? Side::kServer : Side::kClient,
                                    kMaxPayload,
                                    64 * 1024,
                                    {std::chrono::seconds(2), std::chrono::hours(1)}};
  std::uint32_t pieces = data[1] + 1u;
  const std::string stream(reinterpret_cast<const char*>(data) + 2, size - 2);

  wire::BufferPool pool;
  TimePoint now{};
  Connection connection(settings, pool, now);
  std::vector<std::string> payloads;
  std::string written;
  const auto dispatch = [&](std::string_view payload) {
    require(!connection.closed());
    payloads.emplace_back(payload);
    wire::Outbox* const outbox = connection.outbox();
    if (std::uint8_t* const out = outbox->reserve(payload.size() / 2)) {
      std::memset(out, 0x5a, payload.size() / 2);
      outbox->commit(payload.size() / 2);
    }
    return true;
  };

  std::string_view rest = stream;
  while (!rest.empty() && !connection.closed()) {
    pieces = pieces * 1664525 + 1013904223;
    const std::size_t piece =
        std::min<std::size_t>(rest.size(), pieces >> 8 & (pieces & 1 ? 7 : 4095));
    const messi::Space spare = connection.spare();
    const std::size_t in_spare = std::min(spare.size, piece);
    if (in_spare > 0) {
      std::memcpy(spare.data, rest.data(), in_spare);
      connection.handle_spare(in_spare, now, dispatch);
    }
    if (!connection.closed()) {
      // A copy of the exact size, so that the sanitizer sees any read past the end.
      const std::vector<char> exact(rest.begin() + static_cast<std::ptrdiff_t>(in_spare),
                                    rest.begin() + static_cast<std::ptrdiff_t>(piece));
      connection.handle_bytes({exact.data(), exact.size()}, now, dispatch);
    }
    rest.remove_prefix(piece);
    write_some(connection, pieces >> 20, written);
    now += std::chrono::milliseconds(pieces >> 24);
    connection.handle_time(now, now);
  }
  while (connection.has_output()) write_some(connection, 1 << 20, written);

  require(whole_frames(written));
  const std::vector<std::string_view> expected = expected_payloads(settings, stream);
  require(payloads.size() <= expected.size());
  require(connection.closed() || payloads.size() == expected.size());
  require(std::equal(payloads.begin(), payloads.end(), expected.begin()));
  return 0;
}

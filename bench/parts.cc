// The parts of a message's way, one at a time.
#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <vector>
#ifdef BENCH_SIMDJSON
#include <simdjson.h>
#endif

#include "chat.messi.h"
#include "messi/codec/protobuf.h"
#include "messi/wire/buffer_pool.h"
#include "messi/wire/frame.h"
#include "messi/wire/frame_decoder.h"
#include "messi/wire/outbox.h"

namespace {

namespace codec = messi::codec;
namespace wire = messi::wire;

chat::MessageInd make_message(std::int64_t text_size) {
  chat::MessageInd message;
  message.set_user("erik");
  message.set_text(std::string(static_cast<std::size_t>(text_size), 'x'));
  return message;
}

chat::ClientToServer make_wrapper(std::int64_t text_size) {
  chat::ClientToServer wrapper;
  *wrapper.mutable_message_ind() = make_message(text_size);
  return wrapper;
}

std::string make_frames(std::int64_t text_size, std::size_t total) {
  const std::string payload = make_wrapper(text_size).SerializeAsString();
  std::string frame(wire::kHeaderSize + payload.size(), '\0');
  wire::write_header(reinterpret_cast<std::uint8_t*>(frame.data()),
                     wire::FrameType::kClientToServer, payload.size());
  frame.replace(wire::kHeaderSize, payload.size(), payload);
  std::string frames;
  do frames += frame;
  while (frames.size() < total);
  return frames;
}

struct SinkParts {
  wire::OutboxSettings settings{wire::FrameType::kServerToClient, wire::kMaxPayloadSize, 1 << 30};
  wire::BufferPool pool;
};

// Takes what codec::send gives, and forgets it.
class Sink final : private SinkParts, private wire::Outbox {
 public:
  Sink() : Outbox(settings_of(*this), pool) {}
  wire::Outbox* outbox() {
    frames().clear();
    return this;
  }

 private:
  static const wire::OutboxSettings& settings_of(const SinkParts& parts) { return parts.settings; }
  void handle_refused(wire::Accepted) override {}
};

void encode(benchmark::State& state, const codec::Kind& kind) {
  const chat::MessageInd message = make_message(state.range(0));
  Sink sink;
  for (auto _ : state) {
    codec::send(sink, 2, message, kind);
    benchmark::ClobberMemory();
  }
}

void encode_with_wrapper(benchmark::State& state) {
  const chat::ClientToServer wrapper = make_wrapper(state.range(0));
  const std::unique_ptr<std::uint8_t[]> memory(
      new std::uint8_t[static_cast<std::size_t>(state.range(0)) + 64]);
  for (auto _ : state) {
    benchmark::DoNotOptimize(wrapper.ByteSizeLong());
    wrapper.SerializeWithCachedSizesToArray(memory.get());
    benchmark::ClobberMemory();
  }
}

void decode(benchmark::State& state, codec::Take take) {
  const std::string payload = make_wrapper(state.range(0)).SerializeAsString();
  codec::Received received(1);
  for (auto _ : state) {
    codec::Incoming in(received, payload, chat::ClientToServer::default_instance());
    in.parse(0, chat::MessageInd::default_instance(), take);
    benchmark::DoNotOptimize(static_cast<const chat::MessageInd&>(in.message()).text().data());
    in.finish();
  }
}

void decode_with_wrapper(benchmark::State& state) {
  const std::string payload = make_wrapper(state.range(0)).SerializeAsString();
  chat::ClientToServer wrapper;
  for (auto _ : state) {
    wrapper.ParseFromString(payload);
    benchmark::DoNotOptimize(wrapper.message_ind().text().data());
  }
}

// A text of that many bytes, of these characters in no order.
std::string make_text(const std::vector<std::string_view>& characters, std::int64_t size) {
  std::minstd_rand random(1);
  std::string text;
  while (text.size() < static_cast<std::size_t>(size))
    text += characters[random() % characters.size()];
  return text;
}
const std::vector<std::string_view> kAscii = {"x"};
const std::vector<std::string_view> kTwoBytes = {"ü", "ж"};
const std::vector<std::string_view> kThreeBytes = {"世", "界"};
const std::vector<std::string_view> kMixed = {"a", "e", "n", "r", "s", "t", " ", "ü", "世", "🌍"};

void check_utf8(benchmark::State& state, const std::vector<std::string_view>& characters,
                bool (*is_utf8)(std::string_view text)) {
  const std::string text = make_text(characters, state.range(0));
  for (auto _ : state) {
    bool valid = is_utf8(text);
    benchmark::DoNotOptimize(valid);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
bool ours(std::string_view text) { return messi::is_utf8(text); }
#ifdef BENCH_SIMDJSON
bool by_simdjson(std::string_view text) { return simdjson::validate_utf8(text); }
#endif

// Frames of a 64 KiB read, without what is inside.
void decode_frames(benchmark::State& state) {
  const std::string frames = make_frames(state.range(0), 64 * 1024);
  wire::BufferPool pool;
  wire::FrameDecoder decoder(pool, wire::kMaxPayloadSize);
  std::int64_t count = 0;
  for (auto _ : state) {
    decoder.decode(frames, [&](const wire::Frame& frame) {
      benchmark::DoNotOptimize(frame.payload.data());
      ++count;
      return wire::Next::kGoOn;
    });
  }
  state.SetItemsProcessed(count);
}

// The same, cut in the middle of every frame.
void decode_cut_frames(benchmark::State& state) {
  const std::string frame = make_frames(state.range(0), 1);
  const std::string_view begin = std::string_view(frame).substr(0, frame.size() / 2);
  const std::string_view end = std::string_view(frame).substr(frame.size() / 2);
  wire::BufferPool pool;
  wire::FrameDecoder decoder(pool, wire::kMaxPayloadSize);
  for (auto _ : state) {
    const auto take = [](const wire::Frame& whole) {
      benchmark::DoNotOptimize(whole.payload.data());
      return wire::Next::kGoOn;
    };
    decoder.decode(begin, take);
    decoder.decode(end, take);
  }
  state.SetItemsProcessed(state.iterations());
}

std::uint8_t* write_pong(wire::Control, std::uint8_t* out) {
  return wire::write_header(out, wire::FrameType::kPong, 0);
}

// Takes all that waits, as a socket would.
void take_all(wire::FrameQueue& queue) {
  while (!queue.empty()) {
    wire::Batch batch;
    queue.gather(batch, write_pong);
    queue.handle_written(batch, batch.size());
  }
}

// Appends until 64 KiB are waiting, then takes them.
void frame_queue(benchmark::State& state) {
  const auto frame_size = static_cast<std::size_t>(state.range(0)) + 16;
  wire::BufferPool pool;
  wire::FrameQueue queue(pool);
  for (auto _ : state) {
    benchmark::DoNotOptimize(queue.reserve(frame_size));
    queue.commit(frame_size);
    if (queue.pending() >= 64 * 1024) take_all(queue);
  }
  state.SetItemsProcessed(state.iterations());
}

// A ping or pong that goes ahead of 64 KiB of user messages, in the middle of one of them.
void frame_queue_control(benchmark::State& state) {
  wire::BufferPool pool;
  wire::FrameQueue queue(pool);
  const std::string frames = make_frames(state.range(0), 64 * 1024);
  const std::size_t frame_size = make_frames(state.range(0), 1).size();
  for (auto _ : state) {
    state.PauseTiming();
    for (std::size_t at = 0; at < frames.size(); at += frame_size) {
      frames.copy(reinterpret_cast<char*>(queue.reserve(frame_size)), frame_size, at);
      queue.commit(frame_size);
    }
    queue.take(frame_size / 2);
    state.ResumeTiming();
    queue.want(wire::Control::kPong);
    wire::Batch batch;
    queue.gather(batch, write_pong);
    benchmark::DoNotOptimize(batch.size());
    state.PauseTiming();
    take_all(queue);
    state.ResumeTiming();
  }
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t size : {16, 256, 4096, 65536}) benchmark->Arg(size);
}
void text_sizes(benchmark::internal::Benchmark* benchmark) {
  for (const std::int64_t size : {16, 158, 4096, 65536}) benchmark->Arg(size);
}

BENCHMARK_CAPTURE(encode, generated, chat::ChatCodec::kind_MessageInd)->Apply(sizes);
BENCHMARK_CAPTURE(encode, libprotobuf, codec::kOther)->Apply(sizes);
BENCHMARK(encode_with_wrapper)->Apply(sizes);
BENCHMARK_CAPTURE(decode, generated, &chat::ChatCodec::take_MessageInd)->Apply(sizes);
BENCHMARK_CAPTURE(decode, libprotobuf, nullptr)->Apply(sizes);
BENCHMARK(decode_with_wrapper)->Apply(sizes);
BENCHMARK_CAPTURE(check_utf8, ascii, kAscii, ours)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, two_bytes, kTwoBytes, ours)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, three_bytes, kThreeBytes, ours)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, mixed, kMixed, ours)->Apply(text_sizes);
#ifdef BENCH_SIMDJSON
BENCHMARK_CAPTURE(check_utf8, simdjson_ascii, kAscii, by_simdjson)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, simdjson_two_bytes, kTwoBytes, by_simdjson)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, simdjson_three_bytes, kThreeBytes, by_simdjson)->Apply(text_sizes);
BENCHMARK_CAPTURE(check_utf8, simdjson_mixed, kMixed, by_simdjson)->Apply(text_sizes);
#endif
BENCHMARK(decode_frames)->Apply(sizes);
BENCHMARK(decode_cut_frames)->Apply(sizes);
BENCHMARK(frame_queue)->Apply(sizes);
BENCHMARK(frame_queue_control)->Arg(16)->Arg(4096);

}  // namespace

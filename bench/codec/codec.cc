// Encodes and decodes messages of four shapes with every codec that is there: nanoseconds a
// message, the median of rounds in which all take turns.
//
//     bench_codec [MILLISECONDS]    of each measurement in each round, by default 10
#include "bench/codec/codec.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

using namespace bench;

struct Peer {
  const char* name;
  bool checks_utf8;
  MakeCodec* make;
};
const Peer kPeers[] = {
    {"messi, views", true, make_views},
    {"libprotobuf", true, make_protobuf},
#ifdef BENCH_UPB
    {"upb", true, make_upb},
#endif
#ifdef BENCH_PROTOZERO
    {"protozero", false, make_protozero},
#endif
#ifdef BENCH_NANOPB
    {"nanopb", false, make_nanopb},
#endif
#ifdef BENCH_FLATBUFFERS
    {"FlatBuffers", false, make_flatbuffers},
#endif
#ifdef BENCH_PBTOOLS
    {"pbtools", false, make_pbtools},
#endif
};

struct ShapeOf {
  const char* name;
  Shape shape;
  int items;
  std::size_t text;
  std::size_t data;
};
constexpr ShapeOf kShapes[] = {
    {"16 B, flat", Shape::kFlat, 0, 0, 0},
    {"158 B, mixed", Shape::kMixed, 3, 28, 0},
    {"1.4 KB, lists", Shape::kLists, 30, 370, 0},
    {"64 KiB of bytes", Shape::kBytes, 0, 0, 65536},
};
constexpr int kRounds = 15;

Content content_of(const ShapeOf& shape) {
  Content content;
  content.text = std::string(shape.text, 't');
  content.data = std::string(shape.data, 'd');
  for (int i = 0; i < shape.items; ++i) {
    const std::string number = std::to_string(100 + i);
    content.items.emplace_back("item_" + number, 1000 + i);
    content.counts.push_back(static_cast<std::uint32_t>(200 + i));
    content.labels.emplace_back("label_" + number, 1000 + i);
  }
  return content;
}

struct Measured {
  std::vector<double> encode, decode;
};

// Nanoseconds, of as many calls as take about that long.
template <typename Run>
double time_of(std::chrono::nanoseconds wanted, const Run& run) {
  using Clock = std::chrono::steady_clock;
  for (int count = 16;; count *= 4) {
    const Clock::time_point began = Clock::now();
    run(count);
    const std::chrono::duration<double, std::nano> took = Clock::now() - began;
    if (took >= wanted) return took.count() / count;
  }
}

double median(std::vector<double>& figures) {
  std::sort(figures.begin(), figures.end());
  return figures[figures.size() / 2];
}

void measure(const ShapeOf& shape, std::chrono::nanoseconds wanted) {
  const Content content = content_of(shape);
  std::vector<std::unique_ptr<Codec>> codecs;
  std::vector<std::string> encoded;
  for (const Peer& peer : kPeers) {
    codecs.push_back(peer.make(shape.shape, content));
    std::string& bytes = encoded.emplace_back(std::string(128 * 1024, '\0'));
    bytes.resize(codecs.back()->encode(bytes.data(), 1));
    if (codecs.back()->decode(bytes, 1) != codecs[0]->decode(encoded[0], 1)) {
      std::fprintf(stderr, "%s: %s has found other content\n", shape.name, peer.name);
      std::exit(1);
    }
  }
  std::vector<Measured> measured(codecs.size());
  std::string out(128 * 1024, '\0');
  for (int round = 0; round < kRounds; ++round) {
    for (std::size_t i = 0; i < codecs.size(); ++i) {
      Codec& codec = *codecs[i];
      measured[i].encode.push_back(
          time_of(wanted, [&](int count) { codec.encode(out.data(), count); }));
      measured[i].decode.push_back(
          time_of(wanted, [&](int count) { codec.decode(encoded[i], count); }));
    }
  }
  for (std::size_t i = 0; i < codecs.size(); ++i) {
    std::printf("| %s | %s | %s | %zu | %.1f | %.1f |\n", shape.name, kPeers[i].name,
                kPeers[i].checks_utf8 ? "yes" : "no", encoded[i].size(), median(measured[i].encode),
                median(measured[i].decode));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::chrono::milliseconds wanted(argc > 1 ? std::atoi(argv[1]) : 10);
  std::printf("| message | codec | checks UTF-8 | bytes | encode, ns | decode and iterate, ns |\n");
  std::printf("| --- | --- | --- | ---: | ---: | ---: |\n");
  for (const ShapeOf& shape : kShapes) measure(shape, wanted);
}

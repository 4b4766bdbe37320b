#include "messi/wire/frame_decoder.h"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/catch.h"
#include "test/support/bytes.h"
#include "test/support/live_bytes.h"

using messi::Space;
using messi::test::frame;
using messi::test::header;
using messi::test::live_bytes;
using messi::test::pattern;
using messi::test::RawFrame;
using messi::wire::BufferPool;
using messi::wire::DecodeResult;
using messi::wire::Frame;
using messi::wire::FrameDecoder;
using messi::wire::kMaxPayloadSize;
using messi::wire::Next;

namespace {

/// Feeds a decoder in all the ways in which bytes come, and keeps what it makes of them.
class Feeder {
 public:
  explicit Feeder(std::size_t max_payload_size = kMaxPayloadSize)
      : decoder_(pool_, max_payload_size) {}

  /// As input that lies in memory of the reader's.
  DecodeResult decode(std::string_view bytes) {
    // A copy of its own, so that the sanitizers see who reads or remembers too much.
    const std::unique_ptr<char[]> copy(new char[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), copy.get());
    return decoder_.decode({copy.get(), bytes.size()}, collect_);
  }

  /// As a socket reads: what fits into the spare room goes there, only the rest elsewhere.
  DecodeResult read(std::string_view bytes) {
    const Space spare = decoder_.spare();
    const std::size_t in_spare = std::min(spare.size, bytes.size());
    if (in_spare > 0) {
      std::copy_n(bytes.data(), in_spare, spare.data);
      const DecodeResult result = decoder_.decode_spare(in_spare, collect_);
      if (result != DecodeResult::kNeedMore) return result;
    }
    if (in_spare == bytes.size()) return DecodeResult::kNeedMore;
    return decode(bytes.substr(in_spare));
  }

  FrameDecoder& decoder() { return decoder_; }
  std::vector<RawFrame> take() { return std::exchange(frames_, {}); }
  const std::vector<RawFrame>& frames() const { return frames_; }

 private:
  BufferPool pool_;
  FrameDecoder decoder_;
  std::vector<RawFrame> frames_;
  const std::function<Next(const Frame&)> collect_ = [this](const Frame& each) {
    frames_.push_back({static_cast<int>(each.type), std::string(each.payload)});
    return Next::kGoOn;
  };
};

using Feed = DecodeResult (Feeder::*)(std::string_view);
constexpr Feed kFeeds[] = {&Feeder::decode, &Feeder::read};

struct Stream {
  std::string bytes;
  std::vector<RawFrame> frames;

  void add(int type, std::size_t size) {
    frames.push_back({type, pattern(size, static_cast<unsigned>(bytes.size()))});
    bytes += frame(type, frames.back().payload);
  }
};

Stream stream_of(const std::vector<std::size_t>& sizes) {
  Stream stream;
  int type = 0;
  for (const std::size_t size : sizes) stream.add(++type % 256, size);
  return stream;
}

/// Feeds pieces that end at `cuts`, and checks that the same frames come out.
void check_cut(const Stream& stream, const std::vector<std::size_t>& cuts, Feed feed) {
  Feeder feeder;
  std::size_t from = 0;
  const auto piece = [&](std::size_t to) {
    const std::string_view bytes = std::string_view(stream.bytes).substr(from, to - from);
    if ((feeder.*feed)(bytes) != DecodeResult::kNeedMore) FAIL("cut at " << to);
    from = to;
  };
  for (const std::size_t cut : cuts) piece(cut);
  piece(stream.bytes.size());
  // Millions of assertions would take longer than what they assert.
  if (!(feeder.frames() == stream.frames))
    FAIL("cut at " << Catch::StringMaker<std::vector<std::size_t>>::convert(cuts));
}

}  // namespace

TEST_CASE("whole frames come out as they went in", "[wire]") {
  const Stream stream = stream_of({0, 1, 5, 0, 300, 70'000, 0});
  Feeder feeder;
  CHECK(feeder.decode(stream.bytes) == DecodeResult::kNeedMore);
  CHECK(feeder.frames() == stream.frames);
}

TEST_CASE("whole frames are handed out where they lie", "[wire]") {
  BufferPool pool;
  FrameDecoder decoder(pool, kMaxPayloadSize);
  const std::string bytes = frame(1, "abc") + frame(2, pattern(1000));
  std::vector<const char*> places;
  decoder.decode(bytes, [&](const Frame& each) {
    places.push_back(each.payload.data());
    return Next::kGoOn;
  });
  CHECK(places == std::vector<const char*>{bytes.data() + 4, bytes.data() + 11});
}

TEST_CASE("a frame cut at any byte decodes the same", "[wire]") {
  const Stream stream = stream_of({0, 1, 2, 3, 4, 5, 31, 0, 0, 40});
  for (const Feed feed : kFeeds) {
    for (std::size_t a = 0; a <= stream.bytes.size(); ++a) {
      for (std::size_t b = a; b <= stream.bytes.size(); ++b) check_cut(stream, {a, b}, feed);
    }
  }
  SUCCEED();
}

TEST_CASE("frames fed singly, or in pieces of any size, decode the same", "[wire]") {
  const Stream stream = stream_of({0, 7, 2'043, 0, 4'060, 4'061, 9'000, 66'000, 1, 200'000, 0});
  for (const Feed feed : kFeeds) {
    for (const std::size_t size : {1u, 2u, 3u, 5u, 1'000u, 4'096u, 65'536u, 100'000u}) {
      std::vector<std::size_t> cuts;
      for (std::size_t cut = size; cut < stream.bytes.size(); cut += size) cuts.push_back(cut);
      check_cut(stream, cuts, feed);
    }
  }
  SUCCEED();
}

TEST_CASE("a large frame decodes the same wherever its buffers end", "[wire]") {
  // Around the sizes at which the decoder changes its mind about memory.
  std::vector<std::size_t> cuts;
  const Stream stream = stream_of({3, 300'000, 3});
  for (const std::size_t around :
       {std::size_t{7}, std::size_t{2'048}, BufferPool::kSmall, BufferPool::kLarge,
        2 * BufferPool::kLarge, 4 * BufferPool::kLarge, std::size_t{300'011}}) {
    for (std::size_t i = 0; i < 14; ++i) cuts.push_back(around - 4 + i);
  }
  cuts.erase(std::remove_if(cuts.begin(), cuts.end(),
                            [&](std::size_t cut) { return cut > stream.bytes.size(); }),
             cuts.end());
  for (const Feed feed : kFeeds) {
    for (const std::size_t a : cuts) {
      for (const std::size_t b : {a, a + 1, stream.bytes.size() - 1}) {
        if (a <= b && b <= stream.bytes.size()) check_cut(stream, {a, b}, feed);
      }
    }
  }
  SUCCEED();
}

TEST_CASE("a tail waits for its rest", "[wire]") {
  const Stream stream = stream_of({5, 0, 20});
  const std::string next = frame(9, "another message");
  for (const Feed feed : kFeeds) {
    for (std::size_t cut = 1; cut < next.size(); ++cut) {
      Feeder feeder;
      (feeder.*feed)(stream.bytes + next.substr(0, cut));
      CHECK(feeder.take() == stream.frames);
      (feeder.*feed)(next.substr(cut));
      CHECK(feeder.take() == std::vector<RawFrame>{{9, "another message"}});
    }
  }
}

TEST_CASE("random streams in random pieces decode the same", "[wire]") {
  std::mt19937 random(20240229);
  const auto below = [&random](std::size_t n) { return static_cast<std::size_t>(random()) % n; };
  for (int round = 0; round < 200; ++round) {
    Stream stream;
    const std::size_t count = 1 + below(20);
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t scale = std::size_t{1} << below(18);
      stream.add(static_cast<int>(below(256)), below(scale));
    }
    Feeder feeder;
    const std::size_t largest = std::size_t{1} << (1 + below(17));
    for (std::size_t from = 0; from < stream.bytes.size();) {
      const std::size_t size = std::min(1 + below(largest), stream.bytes.size() - from);
      (feeder.*kFeeds[below(2)])(std::string_view(stream.bytes).substr(from, size));
      from += size;
    }
    CHECK(feeder.frames() == stream.frames);
  }
}

TEST_CASE("nothing at all is fine at any time", "[wire]") {
  Feeder feeder;
  CHECK(feeder.decode("") == DecodeResult::kNeedMore);
  CHECK(feeder.decode("\x01") == DecodeResult::kNeedMore);
  CHECK(feeder.decode("") == DecodeResult::kNeedMore);
  CHECK(feeder.frames().empty());
}

TEST_CASE("an oversized frame is refused at its header", "[wire]") {
  constexpr std::size_t kLimit = 1000;
  const std::string before = frame(1, "fine");
  const std::string bad = header(1, kLimit + 1);
  for (const Feed feed : kFeeds) {
    for (std::size_t cut = 0; cut <= 4; ++cut) {
      Feeder feeder(kLimit);
      DecodeResult result = (feeder.*feed)(before + bad.substr(0, cut));
      if (cut < 4) {
        CHECK(result == DecodeResult::kNeedMore);
        result = (feeder.*feed)(bad.substr(cut));
      }
      CHECK(result == DecodeResult::kTooBig);
      CHECK(feeder.frames() == std::vector<RawFrame>{{1, "fine"}});
    }
  }
}

TEST_CASE("a frame of just the limit is accepted", "[wire]") {
  for (const Feed feed : kFeeds) {
    for (const std::size_t limit :
         {std::size_t{0}, std::size_t{1}, std::size_t{1000}, kMaxPayloadSize}) {
      Feeder feeder(limit);
      const std::string payload = pattern(limit);
      const std::string bytes = frame(2, payload);
      CHECK((feeder.*feed)(bytes.substr(0, bytes.size() / 2)) == DecodeResult::kNeedMore);
      CHECK((feeder.*feed)(bytes.substr(bytes.size() / 2)) == DecodeResult::kNeedMore);
      CHECK(feeder.take() == std::vector<RawFrame>{{2, payload}});
    }
  }
}

TEST_CASE("memory is taken as bytes arrive, not as the header promises", "[wire]") {
  for (const Feed feed : kFeeds) {
    Feeder feeder;
    const std::size_t before = live_bytes();
    (feeder.*feed)(header(1, kMaxPayloadSize));
    std::size_t arrived = 0;
    while (arrived < (std::size_t{1} << 20)) {
      (feeder.*feed)(pattern(500));
      arrived += 500;
      const std::size_t taken = live_bytes() - before;
      // Small at first; from some kilobytes on a large buffer; then at most four times as much,
      // and the old one, which the pool keeps.
      const std::size_t fair = arrived < 2'048 ? 6'000 : 80'000 + 4 * arrived + arrived + 80'000;
      if (taken > fair) FAIL(taken << " bytes of memory for " << arrived << " that arrived");
    }
  }
  SUCCEED();
}

TEST_CASE("the spare room stays within the frame", "[wire]") {
  Feeder feeder;
  CHECK(feeder.decoder().spare().size == 0);
  feeder.decode(header(1, 10).substr(0, 3));
  CHECK(feeder.decoder().spare().size == 0);  // the size is not known yet
  feeder.decode(header(1, 10).substr(3));
  CHECK(feeder.decoder().spare().size == 10);
  feeder.decode("1234567");
  CHECK(feeder.decoder().spare().size == 3);
  feeder.read("89");
  CHECK(feeder.decoder().spare().size == 1);
  feeder.read("0");
  CHECK(feeder.decoder().spare().size == 0);
  CHECK(feeder.frames() == std::vector<RawFrame>{{1, "1234567890"}});
}

TEST_CASE("a cut frame always has spare room, however large it is", "[wire]") {
  Feeder feeder;
  const std::string payload = pattern(1'000'000);
  feeder.decode(header(1, payload.size()));
  for (std::size_t from = 0; from < payload.size();) {
    const std::size_t room = feeder.decoder().spare().size;
    REQUIRE(room > 0);
    const std::size_t size = std::min({room, std::size_t{10'000}, payload.size() - from});
    feeder.read(std::string_view(payload).substr(from, size));
    from += size;
  }
  CHECK(feeder.frames() == std::vector<RawFrame>{{1, payload}});
}

TEST_CASE("who has had enough gets nothing more", "[wire]") {
  BufferPool pool;
  for (std::size_t cut = 0; cut <= 8; ++cut) {
    FrameDecoder decoder(pool, kMaxPayloadSize);
    const std::string bytes = frame(1, "last") + frame(1, "more") + frame(1, "even more");
    int count = 0;
    const auto once = [&count](const Frame& /*frame*/) {
      return ++count == 1 ? Next::kStop : Next::kGoOn;
    };
    if (cut < 8) {
      CHECK(decoder.decode(bytes.substr(0, cut), once) == DecodeResult::kNeedMore);
    }
    CHECK(decoder.decode(std::string_view(bytes).substr(cut < 8 ? cut : 0), once) ==
          DecodeResult::kStopped);
    CHECK(count == 1);
  }
}

TEST_CASE("an idle decoder holds no memory, and a dropped one gives its cut frame back", "[wire]") {
  const std::size_t before = live_bytes();
  {
    BufferPool pool;
    {
      FrameDecoder decoder(pool, kMaxPayloadSize);
      const auto ignore = [](const Frame& /*frame*/) { return Next::kGoOn; };
      decoder.decode(frame(1, "whole"), ignore);
      CHECK(live_bytes() == before);
      decoder.decode(frame(1, "cut").substr(0, 5), ignore);
      CHECK(live_bytes() > before);
    }
    messi::wire::Buffer* const again = pool.take(1);
    pool.release(again);
  }
  CHECK(live_bytes() == before);
}

TEST_CASE("a frame that is kept comes again, with all that follows it", "[wire]") {
  const Stream stream = stream_of({0, 10, 3'000, 5'000, 20, 70'000, 1});
  for (std::size_t kept = 0; kept < stream.frames.size(); ++kept) {
    for (std::size_t cut = 0; cut <= stream.bytes.size();
         cut += cut < 30 || stream.bytes.size() - cut < 30 ? 1 : 997) {
      CAPTURE(kept, cut);
      const std::size_t before = live_bytes();
      {
        BufferPool pool;
        FrameDecoder decoder(pool, kMaxPayloadSize);
        std::vector<RawFrame> frames;
        bool keeps = true;
        const auto collect = [&](const Frame& each) {
          if (keeps && frames.size() == kept) return Next::kKeep;
          frames.push_back({static_cast<int>(each.type), std::string(each.payload)});
          return Next::kGoOn;
        };
        const std::string_view bytes = stream.bytes;
        const DecodeResult first = decoder.decode(bytes.substr(0, cut), collect);
        if (first == DecodeResult::kPaused) {
          decoder.keep(bytes.substr(cut));
          CHECK(decoder.resume(collect) == DecodeResult::kPaused);  // it may be kept again
        } else {
          CHECK(decoder.decode(bytes.substr(cut), collect) == DecodeResult::kPaused);
        }
        CHECK(frames.size() == kept);
        keeps = false;
        CHECK(decoder.resume(collect) == DecodeResult::kNeedMore);
        CHECK(frames == stream.frames);
      }
      CHECK(live_bytes() == before);
    }
  }
}

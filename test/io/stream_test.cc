// The promises of a stream, on sockets.

#include "messi/io/stream.h"

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/io/linux/fd.h"
#include "test/catch.h"
#include "test/io/attempt.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Stream;
using messi::io::Fd;
using messi::test::Attempt;
using messi::test::RawListener;
using messi::test::read_all;
using messi::test::run_for;
using messi::test::run_until;
using messi::test::SocketLoop;
using messi::test::write_some;
using Kind = messi::IoResult::Kind;
using namespace std::chrono_literals;

namespace {

// A stream to a peer that is a bare socket.
class Pair final : private messi::StreamHandler {
 public:
  Pair() {
    RawListener listener;
    Attempt attempt(loop, listener.uri());
    REQUIRE(run_until(loop, [&] { return attempt.ended(); }));
    stream = attempt.take_stream();
    peer = listener.accept();
    REQUIRE(peer.valid());
    REQUIRE(stream->start(*this));
  }

  IoResult read(std::string& into, std::size_t most = 64 * 1024) const {
    std::vector<char> bytes(most);
    const Space space{bytes.data(), most};
    const IoResult result = stream->read(&space, 1);
    into.append(bytes.data(), result.size);
    return result;
  }

  /// Until the system takes no more.
  void fill() const {
    const std::string much(1'000'000, 'x');
    const Slice slice{much.data(), much.size()};
    while (stream->write(&slice, 1, false).size == much.size()) {
    }
  }

  SocketLoop loop;
  std::unique_ptr<Stream> stream;
  Fd peer;
  std::function<void()> on_readable = [] {};
  std::function<void()> on_writable = [] {};
  int readable = 0;
  int writable = 0;

 private:
  void handle_readable() override {
    ++readable;
    on_readable();
  }
  void handle_writable() override {
    ++writable;
    on_writable();
  }
};

}  // namespace

TEST_CASE("a stream says that there is something to read for as long as there is", "[io][loops]") {
  Pair pair;
  std::string received;
  pair.on_readable = [&] { CHECK(pair.read(received, 2).kind == Kind::kSome); };
  write_some(pair.peer, "hello");
  CHECK(run_until(pair.loop, [&] { return received == "hello"; }));
  CHECK(pair.readable == 3);
  CHECK(pair.read(received).kind == Kind::kAgain);
  run_for(pair.loop, 1ms);
  CHECK(pair.readable == 3);
}

TEST_CASE("a read fills one space after the other", "[io][loops]") {
  Pair pair;
  char first[3];
  char second[10];
  IoResult result{};
  pair.on_readable = [&] {
    const Space spaces[] = {{first, sizeof(first)}, {second, sizeof(second)}};
    result = pair.stream->read(spaces, 2);
  };
  write_some(pair.peer, "hello");
  CHECK(run_until(pair.loop, [&] { return pair.readable > 0; }));
  CHECK(result.size == 5);
  CHECK(std::string(first, 3) + std::string(second, 2) == "hello");
}

TEST_CASE("the end of a stream is told once, behind what came before", "[io][loops]") {
  Pair pair;
  std::string received;
  IoResult last{};
  pair.on_readable = [&] { last = pair.read(received); };
  write_some(pair.peer, "hello");
  pair.peer.reset();
  CHECK(run_until(pair.loop, [&] { return last.kind == Kind::kEnd; }));
  CHECK(received == "hello");
  const int calls = pair.readable;
  run_for(pair.loop, 5ms);
  CHECK(pair.readable == calls);
}

TEST_CASE("a stream may be destroyed in its own callbacks", "[io][loops]") {
  for (const bool while_reading : {true, false}) {
    for (const bool both : {true, false}) {
      CAPTURE(while_reading, both);
      Pair pair;
      const auto destroy = [&] { pair.stream.reset(); };
      std::string sink;
      if (while_reading) {
        pair.on_readable = destroy;
      } else {
        pair.on_readable = [&] { pair.read(sink); };
        pair.on_writable = destroy;
      }
      if (both || !while_reading) pair.fill();
      if (both || while_reading) write_some(pair.peer, "hello");
      if (both || !while_reading) read_all(pair.peer);
      CHECK(run_until(pair.loop, [&] {
        read_all(pair.peer);
        return pair.stream == nullptr;
      }));
      run_for(pair.loop, 1ms);
      CHECK(pair.readable == (while_reading ? 1 : 0));
      CHECK(pair.writable == (both || !while_reading ? 1 : 0));
    }
  }
}

TEST_CASE("what is written in many slices is written whole, or there is a call when there is room",
          "[io][loops]") {
  for (const std::size_t size : {std::size_t{1}, std::size_t{20'000}}) {
    for (const std::size_t count : std::vector<std::size_t>{63, 64, 65, 128, 129, 300}) {
      CAPTURE(size, count);
      Pair pair;
      std::string sent;
      for (std::size_t i = 0; i < count; ++i) sent.append(size, static_cast<char>(i));
      std::size_t written = 0;
      const auto write = [&] {
        std::vector<Slice> slices;
        for (std::size_t at = written; at < sent.size();) {
          const std::size_t end = (at / size + 1) * size;
          slices.push_back({sent.data() + at, end - at});
          at = end;
        }
        written += pair.stream->write(slices.data(), slices.size(), false).size;
      };
      pair.on_writable = write;
      write();
      if (size == 1) CHECK(written == sent.size());
      std::string received;
      CHECK(run_until(pair.loop, [&] {
        received += read_all(pair.peer);
        return received.size() == sent.size();
      }));
      CHECK(written == sent.size());
      CHECK(received == sent);
    }
  }
}

TEST_CASE("a farewell comes behind what was written, and what the peer says is still read",
          "[io][loops]") {
  Pair pair;
  const Slice slice{"bye", 3};
  CHECK(pair.stream->write(&slice, 1, false).size == 3);
  pair.stream->finish();
  std::string received;
  pair.on_readable = [&] { pair.read(received); };
  std::string heard;
  CHECK(run_until(pair.loop, [&] {
    heard += read_all(pair.peer);
    return messi::test::at_end(pair.peer);
  }));
  CHECK(heard == "bye");
  write_some(pair.peer, "bye bye");
  CHECK(run_until(pair.loop, [&] { return received == "bye bye"; }));
}

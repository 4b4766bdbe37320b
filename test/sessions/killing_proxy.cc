// usage: messi_sessions_killing_proxy LISTEN_URI TARGET_URI BYTES KILLS SEED
//
// Passes on what clients and a server say to each other, and kills connections: so many, spread
// over so many bytes, at any byte, in several ways. Says "listening URI", and at SIGTERM how many
// of each kind there were.

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "examples/signals.h"
#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/epoll_loop.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"

namespace {

using namespace std::chrono_literals;

enum class Kill { kReset, kEnd, kStall, kHalfOpen, kOneWay, kLate };
constexpr std::size_t kKills = 6;
constexpr std::array<const char*, kKills> kNames = {"reset",     "ended",   "stalled",
                                                    "half-open", "one way", "late"};
// How often each kind, of 100. Those that a peer notices by its time-out take long.
constexpr std::array<int, kKills> kShares = {42, 28, 12, 8, 4, 6};

/// Decides what happens to connections.
class Fate {
 public:
  Fate(std::uint64_t bytes, std::uint64_t kills, std::uint64_t seed)
      : bytes_(bytes), kills_(kills), random_(seed) {}

  /// After so many bytes of a new connection, in both directions together, it is killed.
  std::uint64_t choose_moment() {
    if (over()) return UINT64_MAX;
    if (below(16) == 0) return below(1500);  // in the handshake
    const std::uint64_t left = std::max(bytes_, passed_) - passed_;
    const std::uint64_t mean = std::max<std::uint64_t>(left / (kills_ - done_), 2000);
    return below(2 * mean);
  }
  bool over() const { return done_ == kills_; }
  Kill choose_kill() {
    std::uint64_t which = below(100);
    std::size_t kind = 0;
    while (which >= static_cast<std::uint64_t>(kShares[kind])) {
      which -= static_cast<std::uint64_t>(kShares[kind++]);
    }
    ++done_;
    ++counts_[kind];
    return static_cast<Kill>(kind);
  }
  messi::Duration choose_stall() { return std::chrono::milliseconds(10 + below(400)); }
  std::size_t choose_side() { return below(2); }
  void note_passed(std::size_t size) { passed_ += size; }

  void report() const {
    std::printf("kills %llu", static_cast<unsigned long long>(done_));
    for (std::size_t kind = 0; kind < kKills; ++kind) {
      std::printf(", %llu %s", static_cast<unsigned long long>(counts_[kind]), kNames[kind]);
    }
    std::puts("");
  }

 private:
  std::uint64_t below(std::uint64_t end) {
    return std::uniform_int_distribution<std::uint64_t>(0, end - 1)(random_);
  }

  const std::uint64_t bytes_;
  const std::uint64_t kills_;
  std::mt19937_64 random_;
  std::uint64_t passed_ = 0;
  std::uint64_t done_ = 0;
  std::array<std::uint64_t, kKills> counts_{};
};

/// A client's connection, and the one to the server that belongs to it.
class Pair final : private messi::ConnectHandler {
 public:
  Pair(messi::EpollLoop& loop, const std::string& target, Fate& fate,
       std::unique_ptr<messi::Stream> client)
      : loop_(loop),
        fate_(fate),
        moment_(fate.choose_moment()),
        timer_(loop, [this] { end_hold(); }),
        client_(*this, server_),
        server_(*this, client_),
        connecting_(loop.networks().connect(target, {}, *this)) {
    client_.stream = std::move(client);
  }

  bool over() const { return over_; }

  /// The client has another connection by now. What was held back of this one arrives.
  void handle_next() {
    if (is_late_) timer_.set(loop_.now() + 5ms);
  }

 private:
  // What comes from here goes to the other one.
  struct End final : messi::StreamHandler {
    End(Pair& its_pair, End& its_other) : pair(its_pair), other(its_other) {}
    void handle_readable() override { pair.read(*this); }
    void handle_writable() override { pair.write(other); }

    Pair& pair;
    End& other;
    std::unique_ptr<messi::Stream> stream;
    std::string read;    // and not written to the other one yet
    bool held = false;   // nothing is taken from here
    bool ended = false;  // nothing more comes from here
  };

  // ConnectHandler
  void handle_stream(std::unique_ptr<messi::Stream> stream) override {
    connecting_.reset();
    server_.stream = std::move(stream);
    client_.stream->start(client_);
    server_.stream->start(server_);
  }
  void handle_no_stream(const messi::Status& /*why*/) override { over_ = true; }

  void read(End& from) {
    if (over_) return;
    static std::array<char, std::size_t{64} * 1024> bytes;
    const messi::Space space{bytes.data(), bytes.size()};
    const messi::IoResult result = from.stream->read(&space, 1);
    from.ended = result.kind == messi::IoResult::Kind::kEnd;
    if (ending_) return finish_ending();
    fate_.note_passed(result.size);
    const std::size_t before = std::min<std::uint64_t>(result.size, moment_);
    from.read.append(bytes.data(), before);
    write(from);
    if (over_ || (moment_ -= before) > 0) return;
    moment_ = UINT64_MAX;
    if (client_.held || server_.held) {
      stop(from);  // the way that was left
    } else if (!fate_.over()) {
      kill();
    }
    if (ending_) return;
    from.read.append(bytes.data() + before, result.size - before);
    write(from);
  }

  /// Writes to the other end what was read from this one.
  void write(End& from) {
    if (over_ || ending_ || from.held) return;
    if (!from.read.empty()) {
      const messi::Slice slice{from.read.data(), from.read.size()};
      const messi::IoResult result = from.other.stream->write(&slice, 1, false);
      if (result.kind == messi::IoResult::Kind::kEnd) return reset();
      from.read.erase(0, result.size);
    }
    from.stream->want_input(from.read.empty());
    if (!from.ended || !from.read.empty()) return;
    from.other.stream->finish();
    over_ = from.other.ended && from.other.read.empty();
  }

  void kill() {
    switch (fate_.choose_kill()) {
      case Kill::kReset:
        return reset();
      case Kill::kEnd:
        ending_ = true;
        for (const End* const end : {&client_, &server_}) {
          end->stream->finish();
          end->stream->want_input(true);
        }
        timer_.set(loop_.now() + kForgotten);
        return finish_ending();
      case Kill::kOneWay:
        // For ever, all that is left could come through the other way, and nothing could be killed.
        hold(fate_.choose_side() == 0 ? client_ : server_, kForgotten);
        moment_ = fate_.choose_moment();
        return;
      case Kill::kLate:
        is_late_ = true;
        [[fallthrough]];
      case Kill::kHalfOpen:
        hold(client_, kForgotten);
        return hold(server_, kForgotten);
      case Kill::kStall:
        const messi::Duration stall = fate_.choose_stall();
        ends_hold_ = true;
        hold(client_, stall);
        return hold(server_, stall);
    }
  }

  static void stop(End& end) {
    end.held = true;
    end.stream->want_input(false);
  }
  void hold(End& end, messi::Duration duration) {
    stop(end);
    timer_.set(loop_.now() + duration);
  }
  void end_hold() {
    if (!is_late_ && !ends_hold_) return reset();
    is_late_ = ends_hold_ = false;
    moment_ = fate_.choose_moment();
    for (End* const end : {&client_, &server_}) {
      end->held = false;
      write(*end);
    }
  }

  // Both have been told that nothing more comes, and what they still say is thrown away.
  void finish_ending() { over_ = client_.ended && server_.ended; }

  void reset() {
    for (const End* const end : {&client_, &server_}) {
      const linger at_once{1, 0};
      ::setsockopt(end->stream->native_handle(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    }
    over_ = true;
  }

  static constexpr messi::Duration kForgotten = 5s;

  messi::EpollLoop& loop_;
  Fate& fate_;
  std::uint64_t moment_;  // bytes until then
  messi::Timer timer_;
  End client_;
  End server_;
  std::unique_ptr<messi::Connecting> connecting_;
  bool is_late_ = false;
  bool ends_hold_ = false;
  bool ending_ = false;
  bool over_ = false;
};

class Proxy final : private messi::ListenHandler {
 public:
  Proxy(messi::EpollLoop& loop, const std::string& uri, std::string target, Fate& fate)
      : loop_(loop),
        target_(std::move(target)),
        fate_(fate),
        sweep_(loop, [this] { sweep(); }),
        listener_(*loop.networks().listen(uri, {}, *this)) {
    sweep();
  }
  std::string uri() const { return listener_->uri(); }

 private:
  // ListenHandler
  void handle_accept(std::unique_ptr<messi::Stream> stream) override {
    for (Pair& pair : pairs_) pair.handle_next();
    pairs_.emplace_back(loop_, target_, fate_, std::move(stream));
  }
  void handle_out_of_descriptors() override { std::abort(); }

  void sweep() {
    pairs_.remove_if([](const Pair& pair) { return pair.over(); });
    sweep_.set(loop_.now() + 1ms);
  }

  messi::EpollLoop& loop_;
  const std::string target_;
  Fate& fate_;
  messi::Timer sweep_;
  std::list<Pair> pairs_;
  std::unique_ptr<messi::Listener> listener_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  const auto number = [&](int i) { return std::strtoull(argv[i], nullptr, 10); };
  Fate fate(number(3), number(4), number(5));
  messi::EpollLoop loop;
  Proxy proxy(loop, argv[1], argv[2], fate);
  const Signals signals(loop, [&] { loop.stop(); });
  std::printf("listening %s\n", proxy.uri().c_str());
  std::fflush(stdout);
  loop.run();
  fate.report();
}

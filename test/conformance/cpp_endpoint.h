#ifndef MESSI_TEST_CONFORMANCE_CPP_ENDPOINT_H_
#define MESSI_TEST_CONFORMANCE_CPP_ENDPOINT_H_

// What the C++ endpoints have in common: the convention of README.md without the protocol.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "messi/io/epoll_loop.h"
#include "messi/session/session_loss.h"
#include "messi/session/session_mode.h"
#include "test/support/either_kind.h"

namespace endpoint {

struct Options {
  std::string uri;
  std::size_t max_payload = 1024 * 1024;
  std::size_t max_clients = 10;
  bool authenticate = false;
  messi::SessionMode session = messi::SessionMode::kOff;
  bool handshake = false;
};

inline Options parse_options(int argc, char* argv[]) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--max-payload" && i + 1 < argc) {
      options.max_payload = std::stoul(argv[++i]);
    } else if (argument == "--max-clients" && i + 1 < argc) {
      options.max_clients = std::stoul(argv[++i]);
    } else if (argument == "--session" && i + 1 < argc) {
      options.session = std::string_view(argv[++i]) == "required" ? messi::SessionMode::kRequired
                                                                  : messi::SessionMode::kPrefer;
    } else if (argument == "--handshake") {
      options.handshake = true;
    } else if (argument == "--authenticate") {
      options.authenticate = true;
    } else {
      options.uri = argument;
    }
  }
  if (options.uri.empty()) {
    std::fprintf(stderr, "usage: %s <uri> [--max-payload <bytes>] [--max-clients <n>]\n", argv[0]);
    std::exit(2);
  }
  return options;
}

/// One event, at once.
template <typename... Parts>
void report(const Parts&... parts) {
  ((std::cout << parts), ..., (std::cout << std::endl));
}

/// `client` is its id and a space, on a server.
inline void report_loss(const messi::SessionLoss& loss, const std::string& client = "") {
  report("lost ", client, static_cast<int>(loss.reason), " ", loss.first_unacked, " ",
         loss.last_accepted, " ", loss.peer_handled ? std::to_string(*loss.peer_handled) : "-");
}

template <typename Message>
std::string to_hex(const Message& message) {
  std::string hex;
  for (const char c : messi::test::encoded(message)) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<unsigned char>(c) >> 4];
    hex += kDigits[c & 15];
  }
  return hex;
}

/// Does something with the message that `hex` encodes.
template <typename Message, typename Use>
void with_hex(std::string_view hex, const Use& use) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  Message message;
  if (!messi::test::decode_from(bytes, message)) report("bad command: not a message: ", hex);
  use(message);
}

/// A stream of numbered messages that is being received.
class Counter {
 public:
  /// Whether the text belongs to a stream; if so it is counted.
  bool handle_text(std::string_view text) {
    if (text.empty() || text[0] != '#') return false;
    const std::uint64_t number =
        std::strtoull(std::string(text.substr(1, 20)).c_str(), nullptr, 10);
    if (number != next_ && number != 0) report("disorder ", next_, " ", number);
    next_ = number + 1;
    return true;
  }

  void handle_count() { report("counted ", next_); }

 private:
  std::uint64_t next_ = 0;
};

/// A stream of numbered messages that is being sent, as fast as it is read or as it shall be.
class Stream {
 public:
  /// `send(text)` sends, `blocked()` says that it is not the time.
  Stream(messi::EventLoop& loop, std::function<void(const std::string&)> send,
         std::function<bool()> blocked)
      : loop_(loop),
        send_(std::move(send)),
        blocked_(std::move(blocked)),
        timer_(loop, [this] { handle_timer(); }) {}

  void start_count(std::uint64_t count, std::size_t size) {
    start(count, messi::TimePoint::max(), size, kUnlimited);
  }
  void start_for(std::chrono::seconds duration, std::size_t size, std::uint64_t per_second) {
    start(UINT64_MAX, loop_.now() + duration, size, per_second);
  }

 private:
  static constexpr std::uint64_t kUnlimited = 1'000'000'000;
  static constexpr std::uint64_t kPerTurn = 1000;

  void start(std::uint64_t count, messi::TimePoint end, std::size_t size,
             std::uint64_t per_second) {
    next_ = 0;
    count_ = count;
    begin_ = loop_.now();
    end_ = end;
    size_ = size;
    per_second_ = per_second;
    timer_.set(begin_);
  }

  void handle_timer() {
    const std::uint64_t due = std::min(this->due(), next_ + kPerTurn);
    while (next_ < due && !blocked_()) {
      std::string text = "#" + std::to_string(next_++);
      text.resize(size_, '.');
      send_(text);
    }
    if (next_ == count_ || loop_.now() >= end_) return report("streamed ", next_);
    timer_.set(loop_.now() +
               std::chrono::milliseconds(next_ < due || next_ == this->due() ? 1 : 0));
  }

  /// How many messages should have been sent by now.
  std::uint64_t due() {
    const std::chrono::duration<double> elapsed =
        loop_.now() - begin_ + std::chrono::milliseconds(1);
    return std::min(count_,
                    static_cast<std::uint64_t>(elapsed.count() * static_cast<double>(per_second_)));
  }

  messi::EventLoop& loop_;
  std::function<void(const std::string&)> send_;
  std::function<bool()> blocked_;
  messi::Timer timer_;
  std::uint64_t next_ = 0;
  std::uint64_t count_ = 0;
  messi::TimePoint begin_;
  messi::TimePoint end_;
  std::size_t size_ = 0;
  std::uint64_t per_second_ = 0;
};

/// "stream", "stream_for" and "count", which all endpoints know; false for other commands.
inline bool handle_stream_command(const std::string& verb, std::istream& rest, Stream& stream,
                                  Counter& counter) {
  std::uint64_t first = 0;
  std::size_t size = 0;
  std::uint64_t per_second = 0;
  if (verb == "count") {
    counter.handle_count();
  } else if (verb == "stream" && rest >> first >> size) {
    stream.start_count(first, size);
  } else if (verb == "stream_for" && rest >> first >> size >> per_second) {
    stream.start_for(std::chrono::seconds(first), size, per_second);
  } else {
    return false;
  }
  return true;
}

/// Runs the loop until the end of standard input, each line of which is a command.
inline void run(messi::EpollLoop& loop,
                const std::function<void(const std::string& verb, std::istream& rest)>& handle) {
  std::thread reader([&loop, &handle] {
    for (std::string line; std::getline(std::cin, line);) {
      loop.post([&handle, line] {
        std::istringstream words(line);
        std::string verb;
        words >> verb;
        handle(verb, words);
      });
    }
    loop.post([&loop] { loop.stop(); });
  });
  loop.run();
  reader.join();
}

}  // namespace endpoint

#endif  // MESSI_TEST_CONFORMANCE_CPP_ENDPOINT_H_

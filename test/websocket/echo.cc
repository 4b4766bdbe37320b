// Sends messages back, text too, for the cases of Autobahn, which want them whole: the upgrade and
// the engine are the runtime's, and messages are put together here.
//
//     messi_websocket_echo server             prints its port, and serves until it is killed
//     messi_websocket_echo client <port>      runs all cases of the server there
//     messi_websocket_echo stream             as server, but a stream of messi's own: bytes, no
//     text

#include <cstddef>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/utf8.h"
#include "messi/io/epoll_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"
#include "messi/io/websocket/client_upgrade.h"
#include "messi/io/websocket/engine.h"
#include "messi/io/websocket/server_upgrade.h"
#include "messi/websocket.h"

using messi::IoResult;
using messi::Slice;
using messi::Space;
using messi::Status;
using messi::Stream;
using namespace messi::websocket;

namespace {

/// One connection, which sends messages back.
class Echo final : private messi::StreamHandler {
 public:
  Echo(std::unique_ptr<Stream> stream, std::unique_ptr<Upgrade> upgrade, Side side)
      : stream_(std::move(stream)), upgrade_(std::move(upgrade)), side_(side), engine_(side) {
    stream_->start(*this);
    out_ += upgrade_->output();
    flush();
  }

  /// The last message.
  std::string message;
  bool over = false;

 private:
  void handle_readable() override {
    char bytes[65536];
    const Space space{bytes, sizeof(bytes)};
    const IoResult result = stream_->read(&space, 1);
    std::string_view input(bytes, result.size);
    std::string rest;
    if (!open_) {
      upgrade_->handle_written(upgrade_->output().size());
      if (!input.empty()) upgrade_->take(input);
      out_ += upgrade_->output();
      if (upgrade_->outcome()) {
        open_ = upgrade_->outcome()->ok();
        if (!open_) std::cerr << upgrade_->outcome()->message() << std::endl;
        rest = upgrade_->take_rest();
        over = !open_;
      }
      input = rest;
    }
    if (open_) take(input);
    flush();
    if (engine_.ended()) stream_->finish();
    if (result.kind == IoResult::Kind::kEnd) over = true;
  }
  void handle_writable() override { flush(); }

  void take(std::string_view input) {
    engine_.take(input, [this](const FrameReader::Event& event) {
      if (event.kind == FrameReader::Kind::kBegin) {
        opcode_ = event.opcode;
        message.clear();
      } else if (event.kind == FrameReader::Kind::kEnd) {
        write_control();  // pings came before the end
        answer();
      } else {
        const std::size_t size = message.size();
        message.resize(size + event.data.size());
        engine_.copy(message.data() + size, event);
      }
    });
    if (engine_.ended()) engine_.finish();
    write_control();
  }

  void write_control() {
    while (engine_.wants_control()) {
      engine_.write_control(kKey);
      out_ += engine_.writer().output();
      engine_.writer().handle_output(engine_.writer().output().size());
    }
  }

  void answer() {
    if (opcode_ == Opcode::kText && !messi::is_utf8(message)) {
      return engine_.refuse({CloseCode::kInvalidText, "text that is not UTF-8"});
    }
    char header[kMostHeader];
    const bool masks = side_ == Side::kClient;
    out_.append(header, write_header(header, opcode_, message.size(), masks ? &kKey : nullptr));
    const std::size_t at = out_.size();
    out_ += message;
    if (masks) copy_masked(out_.data() + at, message.data(), message.size(), kKey, 0);
  }

  void flush() {
    if (out_.empty()) return;
    const Slice slice{out_.data(), out_.size()};
    out_.erase(0, stream_->write(&slice, 1, false).size);
  }

  static constexpr MaskKey kKey{'m', 'a', 's', 'k'};

  std::unique_ptr<Stream> stream_;
  std::unique_ptr<Upgrade> upgrade_;
  const Side side_;
  Engine engine_;
  Opcode opcode_ = Opcode::kBinary;
  std::string out_;
  bool open_ = false;
};

/// The same with a stream of messi's own, which knows no messages.
class StreamEcho final : private messi::StreamHandler {
 public:
  explicit StreamEcho(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {
    stream_->start(*this);
  }

 private:
  void handle_readable() override {
    char bytes[65536];
    const Space space{bytes, sizeof(bytes)};
    const IoResult result = stream_->read(&space, 1);
    out_.append(bytes, result.size);
    handle_writable();
    if (result.kind == IoResult::Kind::kEnd) stream_->finish();
  }
  void handle_writable() override {
    const Slice slice{out_.data(), out_.size()};
    out_.erase(0, stream_->write(&slice, 1, false).size);
  }

  std::unique_ptr<Stream> stream_;
  std::string out_;
};

class Server final : private messi::ListenHandler {
 public:
  Server(messi::EventLoop& loop, bool with_messages)
      : with_messages_(with_messages),
        listener_(*loop.networks().listen(with_messages ? "tcp://127.0.0.1:0" : "ws://127.0.0.1:0",
                                          {}, *this)) {
    std::cout << "port " << listener_->port() << std::endl;
  }

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override {
    if (with_messages_) {
      echoes_.push_back(std::make_unique<Echo>(
          std::move(stream), std::make_unique<ServerUpgrade>("/", options_), Side::kServer));
    } else {
      stream_echoes_.push_back(std::make_unique<StreamEcho>(std::move(stream)));
    }
  }
  void handle_out_of_descriptors() override {}

  const bool with_messages_;
  const Options options_;
  std::vector<std::unique_ptr<Echo>> echoes_;
  std::vector<std::unique_ptr<StreamEcho>> stream_echoes_;
  std::unique_ptr<messi::Listener> listener_;
};

/// Connects, sends back what it hears until the end, and returns the last message.
class Visit final : private messi::ConnectHandler {
 public:
  Visit(messi::EpollLoop& loop, const std::string& port, std::string path)
      : path_(std::move(path)),
        connecting_(loop.networks().connect("tcp://127.0.0.1:" + port, {}, *this)) {
    loop.run_until([this] { return failed_ || (echo_ != nullptr && echo_->over); });
  }
  bool failed() const { return failed_; }
  std::string message() const { return echo_ != nullptr ? echo_->message : ""; }

 private:
  void handle_stream(std::unique_ptr<Stream> stream) override {
    Target target;
    target.path = path_;
    echo_ = std::make_unique<Echo>(std::move(stream),
                                   std::make_unique<ClientUpgrade>(target, "the sample nonce"),
                                   Side::kClient);
  }
  void handle_no_stream(const Status& why) override {
    std::cerr << why.message() << std::endl;
    failed_ = true;
  }

  const std::string path_;
  bool failed_ = false;
  std::unique_ptr<Echo> echo_;
  std::unique_ptr<messi::Connecting> connecting_;
};

int run_client(messi::EpollLoop& loop, const std::string& port) {
  const int cases = std::stoi("0" + Visit(loop, port, "/getCaseCount").message());
  for (int i = 1; i <= cases; ++i) {
    const Visit visit(loop, port, "/runCase?case=" + std::to_string(i) + "&agent=messi");
    if (visit.failed()) return 1;
  }
  const Visit report(loop, port, "/updateReports?agent=messi");
  std::cout << cases << " cases" << std::endl;
  return cases > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::string what = argc > 1 ? argv[1] : "";
  messi::EpollLoop loop;
  const Network ws(loop);
  if (what == "client" && argc > 2) return run_client(loop, argv[2]);
  if (what != "server" && what != "stream") return 2;
  const Server server(loop, what == "server");
  loop.run();
}

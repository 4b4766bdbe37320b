#ifndef MESSI_TESTING_RAW_PEER_H_
#define MESSI_TESTING_RAW_PEER_H_

// The other side of a connection, byte by byte: it can send what no client or server of ours would,
// and shows what they send. Works on any event loop.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messi/base/bytes.h"
#include "messi/base/status.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"

namespace messi::testing {

/// One end of a connection.
class RawPeer final : private StreamHandler {
 public:
  explicit RawPeer(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {
    stream_->start(*this);
  }

  void send(std::string_view bytes) {
    unsent_.append(bytes);
    flush();
  }
  /// The bytes that have arrived since they were last taken.
  const std::string& received() const { return received_; }
  std::string take_received() { return std::exchange(received_, {}); }
  /// True when the other side has ended the connection. This side then ends it too, unless
  /// `stay_open` was called.
  bool ended() const { return ended_; }
  void stay_open() { stays_open_ = true; }
  /// Whether to read input; at first it is read.
  void want_input(bool wanted) { stream_->want_input(wanted); }
  /// Sends nothing more, but still reads.
  void finish() { stream_->finish(); }
  void close() { stream_.reset(); }

 private:
  void handle_readable() override {
    char bytes[16 * 1024];
    const Space space{bytes, sizeof(bytes)};
    const IoResult result = stream_->read(&space, 1);
    received_.append(bytes, result.size);
    if (result.kind != IoResult::Kind::kEnd) return;
    ended_ = true;
    if (!stays_open_) stream_->finish();
  }
  void handle_writable() override { flush(); }

  void flush() {
    if (stream_ == nullptr || unsent_.empty()) return;
    const Slice slice{unsent_.data(), unsent_.size()};
    unsent_.erase(0, stream_->write(&slice, 1, false).size);
  }

  std::unique_ptr<Stream> stream_;
  std::string unsent_;
  std::string received_;
  bool ended_ = false;
  bool stays_open_ = false;
};

/// Connects at once, and only once.
class RawClient final : private ConnectHandler {
 public:
  RawClient(EventLoop& loop, const std::string& uri)
      : connecting_(loop.networks().connect(uri, {}, *this)) {}

  /// Null until connected.
  RawPeer* peer() { return peer_.get(); }
  RawPeer* operator->() { return peer_.get(); }
  const Status& error() const { return error_; }

 private:
  void handle_stream(std::unique_ptr<Stream> stream) override {
    peer_ = std::make_unique<RawPeer>(std::move(stream));
    connecting_.reset();
  }
  void handle_no_stream(const Status& why) override { error_ = why; }

  std::unique_ptr<RawPeer> peer_;
  Status error_;
  std::unique_ptr<Connecting> connecting_;
};

/// Accepts every connection.
class RawServer final : private ListenHandler {
 public:
  RawServer(EventLoop& loop, const std::string& uri)
      : listener_(*loop.networks().listen(uri, {}, *this)) {}

  std::string uri() const { return listener_->uri(); }
  /// In the order in which they came.
  const std::vector<std::unique_ptr<RawPeer>>& peers() const { return peers_; }
  RawPeer& last() { return *peers_.back(); }

 private:
  void handle_accept(std::unique_ptr<Stream> stream) override {
    peers_.push_back(std::make_unique<RawPeer>(std::move(stream)));
  }
  void handle_out_of_descriptors() override {}

  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<RawPeer>> peers_;
};

}  // namespace messi::testing

#endif  // MESSI_TESTING_RAW_PEER_H_

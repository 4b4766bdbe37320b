#ifndef MESSI_IO_ENDED_STREAM_H_
#define MESSI_IO_ENDED_STREAM_H_

#include <cstddef>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/io/stream.h"

namespace messi {

/// What is left of a stream that has ended: who the peer was.
class EndedStream final : public Stream {
 public:
  explicit EndedStream(PeerInfo peer) : peer_(std::move(peer)) {}

  bool start(StreamHandler& /*handler*/) override { return true; }
  IoResult read(const Space* /*spaces*/, std::size_t /*count*/) override {
    return {0, IoResult::Kind::kEnd};
  }
  IoResult write(const Slice* /*slices*/, std::size_t /*count*/, bool /*more*/) override {
    return {0, IoResult::Kind::kEnd};
  }
  bool wait_for_room() override { return false; }
  void finish() override {}
  void want_input(bool /*wanted*/) override {}
  PeerInfo peer() const override { return peer_; }

 private:
  const PeerInfo peer_;
};

}  // namespace messi

#endif  // MESSI_IO_ENDED_STREAM_H_

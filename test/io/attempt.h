#ifndef MESSI_TEST_IO_ATTEMPT_H_
#define MESSI_TEST_IO_ATTEMPT_H_

#include <memory>
#include <string>
#include <utility>

#include "messi/base/status.h"
#include "messi/io/address_memory.h"
#include "messi/io/event_loop.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "test/support/sockets.h"

namespace messi::test {

/// One attempt to connect, and how it ended.
class Attempt final : private ConnectHandler {
 public:
  explicit Attempt(EventLoop& loop, const std::string& uri, AddressMemory* memory = nullptr)
      : connecting_(loop.networks().connect(uri, options(memory), *this)) {}

  bool ended() const { return stream_ != nullptr || !failure_.ok(); }
  inline std::string outcome() const {
    return stream_ != nullptr ? stream_->peer().address : failure_.message();
  }
  const Status& failure() const { return failure_; }
  std::unique_ptr<Stream> take_stream() { return std::move(stream_); }

 private:
  static ConnectOptions options(AddressMemory* memory) {
    ConnectOptions result;
    result.memory = memory;
    return result;
  }
  void handle_stream(std::unique_ptr<Stream> stream) override { stream_ = std::move(stream); }
  void handle_no_stream(const Status& why) override { failure_ = why; }

  std::unique_ptr<Stream> stream_;
  Status failure_;
  std::unique_ptr<Connecting> connecting_;
};

template <typename Loop>
std::string outcome(Loop& loop, const std::string& uri, AddressMemory* memory = nullptr) {
  const Attempt attempt(loop, uri, memory);
  return run_until(loop, [&] { return attempt.ended(); }) ? attempt.outcome() : "no end";
}

}  // namespace messi::test

#endif  // MESSI_TEST_IO_ATTEMPT_H_

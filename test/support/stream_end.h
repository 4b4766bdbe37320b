#ifndef MESSI_TEST_SUPPORT_STREAM_END_H_
#define MESSI_TEST_SUPPORT_STREAM_END_H_

// Ends of connections that show what a stream does.

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "messi/base/bytes.h"
#include "messi/io/network.h"
#include "messi/io/networks.h"
#include "messi/io/stream.h"
#include "messi/testing/manual_loop.h"

namespace messi::test {

/// One end of a connection, which reads little by little and writes down what it is told.
class End final : private StreamHandler {
 public:
  explicit End(std::unique_ptr<Stream> of) : stream(std::move(of)) { stream->start(*this); }

  IoResult write(const std::string& bytes) {
    const Slice slice{bytes.data(), bytes.size()};
    return stream->write(&slice, 1, false);
  }

  std::unique_ptr<Stream> stream;
  std::size_t most_per_read = 10;
  std::string heard;
  bool ended = false;
  int readable = 0;
  int writable = 0;
  std::function<void()> on_readable = [] {};
  std::function<void()> on_writable = [] {};

 private:
  void handle_readable() override {
    ++readable;
    std::string bytes(most_per_read, ' ');
    const Space space{bytes.data(), bytes.size()};
    const IoResult result = stream->read(&space, 1);
    heard.append(bytes, 0, result.size);
    ended = ended || result.kind == IoResult::Kind::kEnd;
    on_readable();
  }
  void handle_writable() override {
    ++writable;
    on_writable();
  }
};

/// Connects, and runs the loop until that is over. Null if there is no stream.
inline std::unique_ptr<Stream> connected_stream(testing::ManualLoop& loop, const std::string& uri) {
  class Once final : public ConnectHandler {
   public:
    std::unique_ptr<Stream> stream;

   private:
    void handle_stream(std::unique_ptr<Stream> made) override { stream = std::move(made); }
    void handle_no_stream(const Status& /*why*/) override {}
  };
  Once once;
  const auto connecting = loop.networks().connect(uri, {}, once);
  loop.run_until_idle();
  return std::move(once.stream);
}

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_STREAM_END_H_

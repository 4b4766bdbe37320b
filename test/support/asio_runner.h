#ifndef MESSI_TEST_SUPPORT_ASIO_RUNNER_H_
#define MESSI_TEST_SUPPORT_ASIO_RUNNER_H_

#include <memory>

#include "messi/io/asio_loop.h"
#include "test/support/socket_loop.h"

namespace messi::test {
inline namespace MESSI_ASIO_FLAVOUR {

/// A loop on a context of its own, which runs as EpollLoop does: also while there is nothing to do.
class AsioRunner final : public SocketLoop::Runner {
 public:
  /// `make` gives what the loop is to be on.
  template <typename Make>
  explicit AsioRunner(Make make) : loop_(make(context_)) {}

  EventLoop& loop() override { return loop_; }
  void poll(Duration patience) override {
    if (context_.poll_one() == 0 && context_.run_one_for(patience) == 0) return;
    // A hook that throws ends this call before the post has run.
    const auto turned = std::make_shared<bool>(false);
    loop_.post([turned] { *turned = true; });
    while (!*turned) context_.run_one();
  }
  void run() override {
    context_.run();
    context_.restart();
  }

 private:
  AsioLoop::Context context_;
  // As long as there is this, a run does not end by itself.
  const io::net::any_io_executor work_ =
      io::net::require(context_.get_executor(), io::net::execution::outstanding_work_t::tracked);
  AsioLoop loop_;
};

}  // namespace MESSI_ASIO_FLAVOUR
}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_ASIO_RUNNER_H_

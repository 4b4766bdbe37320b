#ifndef MESSI_TEST_SUPPORT_SOCKET_LOOP_H_
#define MESSI_TEST_SUPPORT_SOCKET_LOOP_H_

#include <functional>
#include <memory>
#include <utility>

#include "messi/io/event_loop.h"
#include "messi/io/networks.h"

namespace messi::test {

/// The loop under test, one with sockets. MESSI_TEST_LOOP in the environment says which: "asio", on
/// an io_context; "boost", on a strand of Boost's; else EpollLoop.
class SocketLoop {
 public:
  /// A loop, and who runs it.
  class Runner {
   public:
    virtual ~Runner() = default;
    virtual EventLoop& loop() = 0;
    /// Waits up to `patience` for something to do, and does it.
    virtual void poll(Duration patience) = 0;
    /// Until `stop`.
    virtual void run() = 0;
  };

  SocketLoop();

  operator EventLoop&() const { return runner_->loop(); }
  void poll(Duration patience = Duration::zero()) const { runner_->poll(patience); }
  void run() const { runner_->run(); }
  void stop() const { runner_->loop().stop(); }
  void post(std::function<void()> call) const { runner_->loop().post(std::move(call)); }
  TimePoint now() const { return runner_->loop().now(); }
  Networks& networks() const { return runner_->loop().networks(); }

 private:
  const std::unique_ptr<Runner> runner_;
};

std::unique_ptr<SocketLoop::Runner> run_asio_loop();
std::unique_ptr<SocketLoop::Runner> run_boost_asio_loop();

}  // namespace messi::test

#endif  // MESSI_TEST_SUPPORT_SOCKET_LOOP_H_

#include "test/support/socket_loop.h"

#include <cstdlib>
#include <string>

#include "messi/io/epoll_loop.h"

namespace messi::test {

namespace {

class EpollRunner final : public SocketLoop::Runner {
 public:
  EventLoop& loop() override { return loop_; }
  void poll(Duration patience) override { loop_.poll(patience); }
  void run() override { loop_.run(); }

 private:
  EpollLoop loop_;
};

std::unique_ptr<SocketLoop::Runner> run_loop() {
  const char* const which = std::getenv("MESSI_TEST_LOOP");
#ifdef MESSI_TEST_ASIO
  if (which != nullptr && which == std::string("asio")) return run_asio_loop();
  if (which != nullptr && which == std::string("boost")) return run_boost_asio_loop();
#endif
  if (which != nullptr) std::abort();
  return std::make_unique<EpollRunner>();
}

}  // namespace

SocketLoop::SocketLoop() : runner_(run_loop()) {}

}  // namespace messi::test

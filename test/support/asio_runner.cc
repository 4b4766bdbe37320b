#include "test/support/asio_runner.h"

namespace messi::test {

std::unique_ptr<SocketLoop::Runner> run_asio_loop() {
  return std::make_unique<AsioRunner>(
      [](AsioLoop::Context& context) -> AsioLoop::Context& { return context; });
}

}  // namespace messi::test

#define MESSI_BOOST_ASIO
#include "test/support/asio_runner.h"

namespace messi::test {

std::unique_ptr<SocketLoop::Runner> run_boost_asio_loop() {
  return std::make_unique<AsioRunner>(
      [](AsioLoop::Context& context) { return io::net::make_strand(context); });
}

}  // namespace messi::test

// Clients and servers that talk over TLS, in memory and over sockets.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "messi/testing/manual_loop.h"
#include "messi/tls.h"
#include "test/catch.h"
#include "test/support/any_network.h"
#include "test/support/authority.h"
#include "test/support/socket_loop.h"
#include "test/support/sockets.h"
#include "test/tls/support.h"

using messi::test::Authority;
using messi::test::config_of;
using messi::test::mutual_config_of;
using messi::test::run_until;
using messi::test::SocketLoop;
using messi::test::talk;
using messi::testing::ManualLoop;
using namespace std::chrono_literals;

TEST_CASE("clients and servers talk over TLS in memory, however the network slices it", "[tls]") {
  const Authority authority;
  for (const std::size_t most_per_read : std::vector<std::size_t>{1, 7, 1'000, 1'000'000}) {
    for (const std::size_t capacity : std::vector<std::size_t>{1, 1'000, 256 * 1024}) {
      CAPTURE(most_per_read, capacity);
      ManualLoop loop;
      messi::tls::Network tls(loop, config_of(authority));
      REQUIRE(tls.status().ok());
      loop.network().faults.most_per_read = most_per_read;
      loop.network().faults.capacity = capacity;
      const auto until = [&](auto condition) {
        loop.run_until_idle();
        return condition();
      };
      const std::size_t large =
          std::min<std::size_t>(300 * std::min(most_per_read, capacity), 40'000);
      talk(loop, "tls://localhost:6000", until, large);
    }
  }
}

TEST_CASE("an answer to a client that was told to go is not lost in TLS", "[tls]") {
  const Authority authority;
  ManualLoop loop;
  const messi::tls::Network tls(loop, config_of(authority));
  messi::test::answer_who_goes(loop, "tls://localhost:6000");
}

TEST_CASE("clients and servers talk over TLS on sockets", "[tls][loops]") {
  const Authority authority;
  for (const bool mutual : {false, true}) {
    SocketLoop loop;
    messi::tls::Network tls(loop, mutual ? mutual_config_of(authority) : config_of(authority));
    const auto until = [&](auto condition) { return run_until(loop, condition); };
    talk(loop, "tls://127.0.0.1:0", until, 400'000);
    talk(loop, "tls://localhost:0", until, 40'000);
  }
}

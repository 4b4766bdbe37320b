#ifndef MESSI_TEST_SIMULATION_TLS_NETWORK_H_
#define MESSI_TEST_SIMULATION_TLS_NETWORK_H_

#include <cstdint>
#include <memory>

#include "messi/io/event_loop.h"
#include "messi/io/network.h"

namespace messi::simulation {

/// "tls:" over the network in memory, for the hosts "first" and "second". What OpenSSL takes for
/// chance comes from the seed, so that a run is the same each time. Null without OpenSSL.
std::unique_ptr<Network> make_tls_network(EventLoop& loop, std::uint64_t seed);

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_TLS_NETWORK_H_

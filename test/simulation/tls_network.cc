#include "test/simulation/tls_network.h"

#include <cstdint>
#include <ctime>
#include <memory>

#ifdef MESSI_SIMULATION_TLS

// Its successor, a provider, needs a hundred lines to do the same.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/rand.h>

#include "messi/tls.h"
#include "test/simulation/random.h"
#include "test/support/authority.h"

namespace messi::simulation {

namespace {

Random chance(0);

int fill(unsigned char* out, int size) {
  for (int i = 0; i < size; ++i) out[i] = static_cast<unsigned char>(chance.next());
  return 1;
}
int ready() { return 1; }

tls::Config make_config() {
  static constexpr RAND_METHOD kMethod = {nullptr, fill, nullptr, nullptr, fill, ready};
  RAND_set_rand_method(&kMethod);
  const test::Authority authority;
  // The same dates each time: the length of a signature depends on what is signed.
  const long now = static_cast<long>(std::time(nullptr));
  test::Says says;
  says.name = "first";
  says.alternative_names = "DNS:first,DNS:second";
  says.not_before = 1'600'000'000 - now;
  says.not_after = 4'000'000'000 - now;
  const test::Identity identity = authority.issue(says);
  tls::Config config;
  config.ca = authority.certificate();
  config.certificate = identity.certificate;
  config.key = identity.key;
  return config;
}

}  // namespace

std::unique_ptr<Network> make_tls_network(EventLoop& loop, std::uint64_t seed) {
  static const tls::Config config = make_config();
  chance = Random(seed);
  return std::make_unique<tls::Network>(loop, config);
}

}  // namespace messi::simulation

#else

namespace messi::simulation {

std::unique_ptr<Network> make_tls_network(EventLoop& /*loop*/, std::uint64_t /*seed*/) {
  return nullptr;
}

}  // namespace messi::simulation

#endif

#ifndef MESSI_TEST_SIMULATION_WORLD_H_
#define MESSI_TEST_SIMULATION_WORLD_H_

// Runs a scenario in virtual time, and checks what must always hold.

#include <cstdint>
#include <string>

#include "test/simulation/scenario.h"

namespace messi::simulation {

struct Outcome {
  std::string violation;    ///< What did not hold; "" if everything did.
  std::uint64_t trace = 0;  ///< A hash of all that happened, and when.
  std::uint64_t turns = 0;
  std::uint64_t messages = 0;   ///< That were delivered.
  std::size_t most_memory = 0;  ///< The bound for what it may have taken, in bytes.
};

/// With `verbose`, prints a line for all that happens.
Outcome run(const Scenario& scenario, bool verbose);

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_WORLD_H_

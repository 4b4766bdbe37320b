#ifndef MESSI_TEST_SIMULATION_MEMORY_H_
#define MESSI_TEST_SIMULATION_MEMORY_H_

#include <cstddef>

namespace messi::simulation {

/// What the program has allocated with `new` and not deleted yet, in bytes. For one thread.
std::size_t live_bytes();
/// The most that it was since `forget_peak`.
std::size_t peak_bytes();
void forget_peak();

}  // namespace messi::simulation

#endif  // MESSI_TEST_SIMULATION_MEMORY_H_

#ifndef EXAMPLES_DEVICE_BOARD_H_
#define EXAMPLES_DEVICE_BOARD_H_

#include <cstdint>

namespace board {

/// Starts the clock and the serial line.
void start();
/// Since the last call, which must not be 49 days ago.
std::uint32_t milliseconds();
/// One byte of the serial line; false if there is none.
bool read(char& byte);
/// False if there is no room for it.
bool write(char byte);

}  // namespace board

#endif  // EXAMPLES_DEVICE_BOARD_H_

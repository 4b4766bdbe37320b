// board.h for C.

#include <cstdint>

#include "examples/device/board.h"

extern "C" {
void board_start() { board::start(); }
std::uint32_t board_milliseconds() { return board::milliseconds(); }
bool board_read(char* byte) { return board::read(*byte); }
bool board_write(char byte) { return board::write(byte); }
}

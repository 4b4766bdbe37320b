// lm3s6965evb: a Cortex-M3 at 12 MHz.

#include "board.h"

#include <cstddef>
#include <utility>

int main();

namespace {

constexpr std::uint32_t kTicksOfMillisecond = 12'000'000 / 1000;

volatile std::uint32_t& at(std::uint32_t address) {
  return *reinterpret_cast<volatile std::uint32_t*>(address);
}

// The serial line, a PL011.
constexpr std::uint32_t kUartData = 0x4000c000;
constexpr std::uint32_t kUartFlags = 0x4000c018;
constexpr std::uint32_t kUartControl = 0x4000c030;
constexpr std::uint32_t kNothingReceived = 1 << 4;
constexpr std::uint32_t kNoRoom = 1 << 5;

// The Cortex-M3's own timer.
constexpr std::uint32_t kTimerControl = 0xe000e010;
constexpr std::uint32_t kTimerReload = 0xe000e014;

volatile std::uint32_t ticks;

void count() { ticks = ticks + 1; }

[[noreturn]] void halt() {
  while (true) {
  }
}

}  // namespace

namespace board {

void start() {
  at(kUartControl) = 0x301;  // on, both ways
  at(kTimerReload) = kTicksOfMillisecond - 1;
  at(kTimerControl) = 7;  // on, with its interrupt, from the clock of the processor
}

std::uint32_t milliseconds() {
  static std::uint32_t last = 0;
  const std::uint32_t now = ticks;
  return now - std::exchange(last, now);
}

bool read(char& byte) {
  if ((at(kUartFlags) & kNothingReceived) != 0) return false;
  byte = static_cast<char>(at(kUartData));
  return true;
}

bool write(char byte) {
  if ((at(kUartFlags) & kNoRoom) != 0) return false;
  at(kUartData) = static_cast<unsigned char>(byte);
  return true;
}

}  // namespace board

// What the linker script defines.
extern "C" {
extern std::uint32_t data_in_flash, data_begin, data_end, bss_begin, bss_end, stack_end;
extern void (*const init_begin)();
extern void (*const init_end)();

[[noreturn]] void reset() {
  const std::uint32_t* from = &data_in_flash;
  for (std::uint32_t* to = &data_begin; to < &data_end; ++to) *to = *from++;
  for (std::uint32_t* to = &bss_begin; to < &bss_end; ++to) *to = 0;
  for (void (*const* init)() = &init_begin; init < &init_end; ++init) (*init)();
  main();
  halt();
}
}

struct Vectors {
  std::uint32_t* stack;
  void (*handlers[15])();
};
[[gnu::section(".vectors"), gnu::used]] const Vectors vectors = {
    &stack_end,
    {reset, halt, halt, halt, halt, halt, nullptr, nullptr, nullptr, nullptr, halt, halt, nullptr,
     halt, count}};

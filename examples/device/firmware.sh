# Sourced by what builds firmware for the board: how it is compiled and measured.
# shellcheck shell=bash
for_board=(-mcpu=cortex-m3 -mthumb -Os -flto -ffreestanding -fno-tree-loop-distribute-patterns -ffunction-sections -fdata-sections
  -Wall -Wextra -Wpedantic -Werror)
for_board_cxx=("${for_board[@]}" -std=c++17 -fno-exceptions -fno-rtti -fno-threadsafe-statics)
linking=(-nostdlib -Wl,--gc-sections -T "$root/examples/device/board.ld")

# measure <firmware>: sets `flash`, `buffers`, which are the variables memory_for_*, and `ram`, which is without them and the stack.
measure() {
  local text data bss size
  read -r text data bss _ < <(arm-none-eabi-size "$1" | tail -n 1)
  buffers=0
  for size in $(arm-none-eabi-nm -S "$1" | awk '/memory_for_/ { print $2 }'); do buffers=$((buffers + 0x$size)); done
  flash=$((text + data))
  ram=$((data + bss - buffers))
}

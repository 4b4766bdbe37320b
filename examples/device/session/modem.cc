#include "modem.h"

#include "board.h"

namespace modem {
namespace {

constexpr char kEscape = '\xff';
constexpr char kConnect = 'C';
constexpr char kLost = 'L';

void write_now(char byte) {
  while (!board::write(byte)) {
  }
}
char read_now() {
  char byte;
  while (!board::read(byte)) {
  }
  return byte;
}

}  // namespace

void connect() {
  write_now(kEscape);
  write_now(kConnect);
  while (read_now() != kEscape || read_now() != kConnect) {
  }
}

Read read(char& byte) {
  if (!board::read(byte)) return Read::kNothing;
  if (byte != kEscape) return Read::kByte;
  byte = read_now();
  return byte == kLost ? Read::kLost : Read::kByte;
}

bool write(char byte) {
  if (!board::write(byte)) return false;
  if (byte == kEscape) write_now(kEscape);
  return true;
}

}  // namespace modem

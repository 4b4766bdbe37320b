// Runs a fuzz target over inputs that a fixed seed generates: bytes that look like frames more
// often than chance would have it.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main() {
  constexpr int kInputs = 20'000;
  std::mt19937 engine(1);
  const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
  const auto below = [&random](std::uint32_t limit) { return random() % limit; };
  for (int i = 0; i < kInputs; ++i) {
    std::vector<std::uint8_t> input(below(8));
    for (std::uint8_t& byte : input) byte = static_cast<std::uint8_t>(random());
    for (std::uint32_t frames = below(6); frames > 0; --frames) {
      const std::uint32_t size = below(8) == 0 ? below(5000) : below(24);
      const std::uint32_t promised = below(16) == 0 ? random() & 0xffffff : size;
      input.push_back(static_cast<std::uint8_t>(below(8) == 0 ? random() : 1 + below(4)));
      for (const int shift : {16, 8, 0}) {
        input.push_back(static_cast<std::uint8_t>(promised >> shift));
      }
      for (std::uint32_t byte = 0; byte < size; ++byte) {
        input.push_back(static_cast<std::uint8_t>(below(3) == 0 ? 0x0a : random()));
      }
    }
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%d inputs\n", kInputs);
}

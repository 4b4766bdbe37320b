// usage: <target> <seconds> <file or folder>...
//
// Runs a target without libFuzzer: first over the inputs that are given, then for so many seconds
// over inputs that it makes of them by chance. They are the same ones each time. The input of a
// crash is written to crash-<target>.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Of the sanitizers, if the program has them.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());

namespace {

constexpr std::size_t kLongest = 4096;

std::string current;  // input
std::string target;

void keep_input() {
  const std::string name = "crash-" + target;
  std::ofstream(name, std::ios::binary) << current;
  std::fprintf(stderr, "The input is in %s\n", name.c_str());
}

void keep_input_of_signal(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(std::string input) {
  current = std::move(input);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(current.data()), current.size());
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> corpus(int count, char** names) {
  std::vector<std::filesystem::path> paths;
  for (int i = 0; i < count; ++i) {
    if (std::filesystem::is_directory(names[i])) {
      for (const auto& each : std::filesystem::directory_iterator(names[i])) paths.push_back(each);
    } else {
      paths.emplace_back(names[i]);
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const std::filesystem::path& path : paths) inputs.push_back(contents(path));
  return inputs;
}

class Mutator {
 public:
  explicit Mutator(const std::vector<std::string>& corpus) : corpus_(corpus) {}

  std::string next() {
    std::string input = any();
    for (std::size_t i = below(6); i > 0; --i) change(input);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }
  char byte() { return static_cast<char>(random_()); }
  const std::string& any() { return corpus_[below(corpus_.size())]; }

  void change(std::string& input) {
    const std::size_t at = below(input.size() + 1);
    switch (below(5)) {
      case 0:
        input.insert(at, 1 + below(4), byte());
        return;
      case 1:
        input.erase(at, 1 + below(8));
        return;
      case 2:
        if (at < input.size()) input[at] = byte();
        return;
      case 3:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ 1 << below(8));
        return;
      default:
        const std::string& other = any();
        const std::size_t from = below(other.size() + 1);
        input.insert(at, other, from, below(64));
    }
  }

  const std::vector<std::string>& corpus_;
  std::mt19937 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s <seconds> <file or folder>...\n", argv[0]);
    return 2;
  }
  target = std::filesystem::path(argv[0]).filename().string();
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE}) {
    std::signal(signal, keep_input_of_signal);
  }
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);

  std::vector<std::string> inputs = corpus(argc - 2, argv + 2);
  for (const std::string& input : inputs) run(input);
  const std::size_t replayed = inputs.size();
  if (inputs.empty()) inputs.emplace_back();
  Mutator mutator(inputs);
  std::size_t made = 0;
  const auto end = Clock::now() + std::chrono::duration<double>(std::atof(argv[1]));
  for (; Clock::now() < end; ++made) run(mutator.next());
  std::printf("%zu inputs replayed, %zu made\n", replayed, made);
}

#include "messi/testing/history.h"

#include <filesystem>
#include <fstream>
#include <random>
#include <regex>
#include <string>

#include "test/catch.h"

namespace {

using messi::testing::History;

/// A file that the test writes.
class Path {
 public:
  ~Path() { std::filesystem::remove(name_); }
  operator const std::string&() const { return name_; }

  /// Without clock and times, which differ each time.
  std::string written() const {
    std::ifstream file(name_);
    std::string line;
    std::getline(file, line);
    std::string result = std::regex_replace(line, std::regex("[-0-9a-f]+$"), "CLOCK") + '\n';
    while (std::getline(file, line)) {
      result += std::regex_replace(line, std::regex("^[0-9]+\\.[0-9]{6} "), "TIME ") + '\n';
    }
    return result;
  }

 private:
  const std::string name_ = std::filesystem::temp_directory_path() /
                            ("messi-history-" + std::to_string(std::random_device()()));
};

TEST_CASE("a history has a line for each event") {
  const Path path;
  {
    History history(path, History::Side::kClient);
    CHECK(history.good());
    history.sending(0, "early");
    history.connected(0);
    history.named(0, "alice/1");
    history.sending(0, "");
    history.sending(0, "refused");
    history.not_sent(0);
    history.dispatched(0, "hi");
    history.unacknowledged(0, 1);
    history.unacknowledged(0, 1);
    history.detached(0, "Connection closed.");
    history.resumed(0, 1);
    history.lost(0, 2, 2, 1, "EXPIRED");
    history.disconnected(0);
    history.unacknowledged(0, 1);
  }
  // As in runtime/python/tests/test_history.py.
  CHECK(path.written() == R"(messi-history 1 client CLOCK
TIME 0 accepted 1 5a38ece4b
TIME 0 connected
TIME 0 named alice/1
TIME 0 accepted 2 0
TIME 0 dispatched 1 2d8932aac
TIME 0 acknowledged 1
TIME 0 detached Connection closed.
TIME 0 resumed 1
TIME 0 lost 2 2 1 EXPIRED
TIME 0 disconnected
TIME 0 acknowledged 1
TIME end
)");
}

TEST_CASE("messages may share a line of a history") {
  const Path path;
  {
    History history(path, History::Side::kClient, 3);
    history.connected(0);
    history.connected(1);
    for (const char* const content : {"a", "bb", "ccc", "hi"}) {
      history.sending(0, content);
      if (content == std::string("hi")) history.not_sent(0);
      history.dispatched(0, content);
    }
    history.sending(1, "hi");
    history.disconnected(0);
    history.dispatched(1, "hi");
  }
  CHECK(path.written() == R"(messi-history 1 client CLOCK
TIME 0 connected
TIME 1 connected
TIME 0 accepted 1-3 78e8fe62ed70d69e
TIME 0 dispatched 1-3 78e8fe62ed70d69e
TIME 0 dispatched 4 2d8932aac
TIME 0 disconnected
TIME 1 accepted 1 2d8932aac
TIME 1 dispatched 1 2d8932aac
TIME end
)");
}

TEST_CASE("a history says if it cannot be written") {
  History history("/no/such/folder/history", History::Side::kServer);
  CHECK(!history.good());
  history.connected(1);
}

}  // namespace

#ifndef MESSI_TEST_FAULTS_SCENARIOS_H_
#define MESSI_TEST_FAULTS_SCENARIOS_H_

#include <string>
#include <vector>

#include "test/faults/world.h"

namespace messi::test {

/// What programs do with messi. Each reaches its aim also if one call in it fails, since clients
/// and servers go on by themselves; only a server that cannot start is started again.
struct Scenario {
  std::string name;
  void (*run)(World& world);
  /// Whether it always goes the same way, unless something fails.
  bool steady = true;
};

const std::vector<Scenario>& all_scenarios();

/// The descriptor of what systemd has opened. The program keeps it free for that.
inline constexpr int kFirstOfSystemd = 3;

}  // namespace messi::test

#endif  // MESSI_TEST_FAULTS_SCENARIOS_H_

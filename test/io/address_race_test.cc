// Which address of a host is tried next, and when.

#include "messi/io/address_race.h"

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "test/catch.h"

using messi::AddressMemory;
using namespace std::chrono_literals;

namespace {

using Race = messi::io::AddressRace<std::string>;

/// An address is its own text here; one with a colon is of IPv6.
void add(Race& race, const std::vector<std::string>& addresses) {
  for (const std::string& each : addresses) {
    race.add(each, each, each.find(':') == std::string::npos);
  }
  race.arrange();
}

std::vector<std::string> rest(Race& race) {
  std::vector<std::string> result;
  while (race.has_next()) result.push_back(race.begin_next());
  return result;
}

}  // namespace

TEST_CASE("IPv6 and IPv4 take turns", "[io]") {
  Race race(nullptr);
  add(race, {"1", "2", "3", "::1", "::2"});
  CHECK(rest(race) == std::vector<std::string>{"::1", "1", "::2", "2", "3"});
}

TEST_CASE("addresses that have failed come last, the latest at the end", "[io]") {
  AddressMemory memory;
  memory.failed("::1");
  memory.failed("1");
  Race race(&memory);
  add(race, {"1", "2", "::1", "::2"});
  CHECK(rest(race) == std::vector<std::string>{"::2", "2", "::1", "1"});
}

TEST_CASE("addresses that are found later are put in order with those that are untried", "[io]") {
  Race race(nullptr);
  add(race, {"1", "2"});
  CHECK(race.begin_next() == "1");
  add(race, {"::1"});
  CHECK(rest(race) == std::vector<std::string>{"::1", "2"});
}

TEST_CASE("a head start is a quarter of a second, and less if there are many addresses", "[io]") {
  for (const auto& [addresses, head_start] :
       {std::pair(1, messi::Duration(250ms)), {4, 250ms}, {10, 100ms}, {500, 10ms}}) {
    CAPTURE(addresses);
    Race race(nullptr);
    add(race, std::vector<std::string>(static_cast<std::size_t>(addresses), "1"));
    CHECK(race.head_start() == head_start);
  }
}

TEST_CASE("those that fail or are overtaken are remembered, those behind the winner are not",
          "[io]") {
  AddressMemory memory;
  {
    Race race(&memory);
    add(race, {"1", "2", "3", "4", "5"});
    for (int i = 0; i < 4; ++i) race.begin_next();
    race.failed("2");
    race.won("3");
  }
  CHECK(memory.rank("2") == 1);
  CHECK(memory.rank("1") == 2);
  for (const char* const other : {"3", "4", "5"}) CHECK(memory.rank(other) == 0);
}

TEST_CASE("those that are under way when a race is given up have failed", "[io]") {
  AddressMemory memory;
  {
    Race race(&memory);
    add(race, {"1", "2", "3"});
    race.begin_next();
    race.begin_next();
  }
  CHECK(memory.rank("1") == 1);
  CHECK(memory.rank("2") == 2);
  CHECK(memory.rank("3") == 0);
}

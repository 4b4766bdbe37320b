#include "messi/io/tls/records.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "messi/base/bytes.h"
#include "test/catch.h"

using messi::Slice;
using messi::tls::Records;

namespace {

struct Cut {
  std::vector<std::size_t> sizes;
  std::string all;
  std::size_t in_place = 0;
};

Cut cut(const std::vector<std::string>& texts) {
  std::vector<Slice> slices;
  for (const std::string& text : texts) slices.push_back({text.data(), text.size()});
  Cut result;
  char buffer[Records::kMost];
  Records records(slices.data(), slices.size());
  while (!records.done()) {
    const Slice record = records.take(buffer);
    result.sizes.push_back(record.size);
    result.all.append(record.data, record.size);
    if (record.data != buffer) ++result.in_place;
  }
  return result;
}

using Sizes = std::vector<std::size_t>;

}  // namespace

TEST_CASE("small slices share a record", "[tls]") {
  CHECK(cut({}).sizes.empty());
  CHECK(cut({"", ""}).sizes.empty());
  CHECK(cut({"a", "", "bc", "d"}).sizes == Sizes{4});
  CHECK(cut({"a", "", "bc", "d"}).all == "abcd");
  const Cut many = cut(std::vector<std::string>(3'000, "0123456789"));
  CHECK(many.sizes == Sizes{16'384, 30'000 - 16'384});
}

TEST_CASE("what fills a record, or is the rest, is not copied", "[tls]") {
  const std::string large(40'000, 'x');
  CHECK(cut({large}).sizes == Sizes{16'384, 16'384, 40'000 - 2 * 16'384});
  CHECK(cut({large}).in_place == 3);
  CHECK(cut({"one"}).in_place == 1);
  const Cut mixed = cut({"head", large, "tail"});
  CHECK(mixed.all == "head" + large + "tail");
  CHECK(*std::max_element(mixed.sizes.begin(), mixed.sizes.end()) == 16'384);
  CHECK(mixed.sizes.size() == 3);
}

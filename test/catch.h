// Catch2, release 3 or 2.

#ifndef MESSI_TEST_CATCH_H_
#define MESSI_TEST_CATCH_H_

#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>

namespace Catch::Matchers {
inline auto ContainsSubstring(const std::string& text) { return Catch::Matchers::Contains(text); }
}  // namespace Catch::Matchers
#endif

#endif  // MESSI_TEST_CATCH_H_

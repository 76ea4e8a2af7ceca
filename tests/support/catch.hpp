/// Catch2, version 3 or 2 (Debian 12). Tests use what both have: matchers from Catch::Matchers, no Approx.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif
#include <string>

namespace support {

/// Ends a test that cannot run here: `if (…) return support::skip("there is no …");`. tests/run.sh counts and names
/// what is skipped so; Catch2 2 has no SKIP.
inline void skip(const std::string& why) {
  WARN("skipped: " + why);
  SUCCEED();
}

}  // namespace support

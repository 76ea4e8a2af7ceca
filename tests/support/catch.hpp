/// Catch2, version 3 or 2 (Debian 12). Tests use what both have: matchers from Catch::Matchers, no Approx.
#pragma once
#if __has_include(<catch2/catch_all.hpp>)
#include <catch2/catch_all.hpp>
#else
#include <catch2/catch.hpp>
#endif

// The test programs' main(), for a Catch2 2 that was packaged without one.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>

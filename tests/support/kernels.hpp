/// The kernels, compiled once for the many sources of the tests: those that include this header call them, and
/// kernels.cpp holds them.
#pragma once
#include <bora/simd/kernels.hpp>

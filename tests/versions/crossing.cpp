// A part of half 1 that hands one of the library's types to half 2.
#include "tiny.hpp"

void cross();
void cross() { weight_bytes(Model()); }

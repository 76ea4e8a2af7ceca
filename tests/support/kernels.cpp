#define BORA_TEST_COMPILE_KERNELS
#include "kernels.hpp"

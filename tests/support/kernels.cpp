#define BORA_COMPILE_KERNELS
#include <bora/simd/kernels.hpp>

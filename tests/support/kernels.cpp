// The kernels of the programs that call them as bora/simd/kernels.hpp says.
#define BORA_COMPILE_KERNELS
#include <bora/simd/kernels.hpp>

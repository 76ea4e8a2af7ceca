/// What the kernels of a program were compiled for.
#pragma once
#include <bora/simd/block.hpp>
#include <string>

namespace bora::inline BORA_ABI::simd {

/// "AVX3 (highway)": instruction set and backend. Without -march the kernels run on SSE2 or one lane, silently; print
/// this in a program's first line.
inline std::string target_name() { return std::string(FloatBlock::target()) + " (" + backend_name + ")"; }

}  // namespace bora::inline BORA_ABI::simd

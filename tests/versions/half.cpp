// Half of a program, compiled as HALF 1 with one set of flags and as HALF 2 with another. Prints what it was compiled
// for and what it computes, using the library for itself alone.
#include "tiny.hpp"
#include <bora/infer/session.hpp>
#include <bora/simd/target.hpp>
#include <cstdio>
#include <vector>

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)

namespace {

void run() {
  const Model model = bora::random_model<Tiny, bora::F32>(/*seed=*/1);
  bora::Session session{model};
  const std::vector<bora::TokenId> prompt{1, 2, 3};
  std::printf("half %d: %s, %s:", HALF, TEXT(BORA_ABI), bora::simd::target_name().c_str());
  for (const float logit : session.prefill(prompt).first(4)) std::printf(" %a", static_cast<double>(logit));
  std::printf("\n");
}

}  // namespace

#if HALF == 1
void run_1();
void run_1() { run(); }
#else
std::size_t weight_bytes(const Model& model) { return model.weight_bytes(); }
void run_2();
void run_2() { run(); }
#endif

// Eight layers of Mistral 7B in bfloat16 against what the machine can do: decode as a share of the read bandwidth,
// prefill as a share of the bfloat16 peak, all measured in one run, medians.
//
//     cmake -S . -B build -G Ninja -DBORA_BUILD_BENCHMARKS=ON -DBORA_BUILD_TESTS=OFF
//     ninja -C build speed && build/bin/speed [THREADS]
#include "machine.hpp"
#include <bora/infer.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <bora/simd/target.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

namespace {

struct Mistral8 : bora::Mistral7B {
  static constexpr std::size_t layers = 8;
};

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t threads = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : bora::usable_cores();
  if (threads == 0) return std::fprintf(stderr, "usage: %s [THREADS]\n", argv[0]), 2;
  constexpr std::size_t prompt = 512, tokens = 16, repeats = 5;
  bora::ThreadPool pool{threads};
  const auto model = bora::random_model<Mistral8, bora::Bf16>(1);
  const bora::Buffer<float> memory(std::size_t{256} << 20);  // 1 GiB: larger than any cache
  std::vector<bora::TokenId> ids(prompt);
  for (std::size_t i = 0; i < prompt; ++i) ids[i] = static_cast<bora::TokenId>((i * 7919 + 13) % Mistral8::vocab_size);

  std::vector<double> bandwidth, peak, prefill, decode;
  for (std::size_t r = 0; r < repeats; ++r) {  // side by side: a noisy machine slows all of them
    bora::Session session{model, {.capacity = prompt + tokens, .pool = &pool}};
    bandwidth.push_back(read_rate_now(pool, memory));
    peak.push_back(bf16_peak_now(pool));
    prefill.push_back(prompt / seconds([&] { session.prefill(ids); }));
    decode.push_back(tokens / seconds([&] {
                       for (std::size_t i = 0; i < tokens; ++i) session.step(static_cast<bora::TokenId>(i));
                     }));
  }
  // A token reads every weight but the embedding table; a prompt's flops leave the head out, which runs for one token.
  const double bytes = 2.0 * (bora::parameter_count<Mistral8> - Mistral8::vocab_size * Mistral8::dim);
  const double flops = bora::flops_per_token<Mistral8>(prompt / 2) - 2.0 * Mistral8::vocab_size * Mistral8::dim;
  std::printf("kernels   %s, %zu threads, medians of %zu\n", bora::simd::target_name().c_str(), threads, repeats);
  std::printf("machine   reads %.1f GB/s, bfloat16 peak %.0f GFLOP/s\n", median(bandwidth) / 1e9, median(peak) / 1e9);
  std::printf("decode    %.2f tokens/s, %.1f GB/s, %.0f %% of the read bandwidth\n", median(decode),
              median(decode) * bytes / 1e9, 100 * median(decode) * bytes / median(bandwidth));
  std::printf("prefill   %.1f tokens/s, %.0f GFLOP/s, %.0f %% of the peak\n", median(prefill),
              median(prefill) * flops / 1e9, 100 * median(prefill) * flops / median(peak));
}

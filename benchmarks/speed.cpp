// Eight layers of Mistral 7B in bfloat16 against what the machine can do: decode as a share of the read bandwidth,
// prefill as a share of the bfloat16 peak, all measured in one run, medians.
//
//     cmake -S . -B build -G Ninja -DBORA_BUILD_BENCHMARKS=ON && ninja -C build speed && build/bin/speed [THREADS]
#include <bora/infer.hpp>
#include <bora/model/zoo/mistral.hpp>
#include <bora/simd/block.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>
#include <vector>

namespace {

struct Mistral8 : bora::Mistral7B {
  static constexpr std::size_t layers = 8;
};

using Block = bora::simd::FloatBlock;
volatile float sink = 0;  // keeps what is measured from being optimised away

double seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}

/// Bytes a second that all threads read together from memory far larger than the caches.
double read_bandwidth(bora::Executor& pool, const bora::Buffer<float>& memory) {
  return static_cast<double>(memory.bytes()) / seconds([&] {
           bora::run_gang(&pool, [&](const bora::Lane& lane) noexcept {
             const bora::Range share = lane.share(memory.size(), 64);
             Block sum[4] = {Block::zero(), Block::zero(), Block::zero(), Block::zero()};
             for (std::size_t i = share.begin; i + 64 <= share.end; i += 64)
               for (std::size_t j = 0; j < 4; ++j) sum[j] = sum[j] + Block::load(memory.data() + i + 16 * j);
             if (lane.index == 0) sink = (sum[0] + sum[1] + sum[2] + sum[3]).sum();
           });
         });
}

/// Floating-point operations a second of bfloat16 dot products that stay in registers.
double bf16_peak(bora::Executor& pool) {
  constexpr std::size_t rounds = 4'000'000, chains = 16;
  const double time = seconds([&] {
    bora::run_gang(&pool, [&](const bora::Lane& lane) noexcept {
      bora::bfloat16 numbers[32] = {};
      const auto pairs = Block::Pairs::load(numbers);
      Block sum[chains];
      for (auto& s : sum) s = Block::zero();
      for (std::size_t i = 0; i < rounds; ++i)
#pragma GCC unroll 16
        for (std::size_t c = 0; c < chains; ++c) sum[c] = dot_pairs(pairs, pairs, sum[c]);
      float total = 0;
      for (auto& s : sum) total += s.sum();
      if (lane.index == 0) sink = total;
    });
  });
  return static_cast<double>(pool.lanes() * rounds * chains) * 2 * 2 * bora::simd::block_lanes / time;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t threads = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : std::thread::hardware_concurrency();
  constexpr std::size_t prompt = 512, tokens = 16, repeats = 5;
  bora::ThreadPool pool{threads};
  const auto model = bora::random_model<Mistral8, bora::Bf16>(1);
  const bora::Buffer<float> memory(std::size_t{64} << 20);
  std::vector<bora::TokenId> ids(prompt);
  for (std::size_t i = 0; i < prompt; ++i) ids[i] = static_cast<bora::TokenId>((i * 7919 + 13) % Mistral8::vocab_size);

  std::vector<double> bandwidth, peak, prefill, decode;
  for (std::size_t r = 0; r < repeats; ++r) {  // side by side: a noisy machine slows all of them
    bora::Session session{model, {.capacity = prompt + tokens, .pool = &pool}};
    bandwidth.push_back(read_bandwidth(pool, memory));
    peak.push_back(bf16_peak(pool));
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

// A program for every x86-64: decodes and trains, and prints the kernels it took and a sum over the bits of what it
// computed.
#include <bora/infer/session.hpp>
#include <bora/train/trainer.hpp>
#include <bora/simd/target.hpp>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <span>
#include <vector>

namespace {

struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 100, dim = 48, layers = 2, context = 128;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 12},
                                                bora::SlidingWindow<23>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<4, bora::TopKRouter<2>, bora::SwiGlu<40>>;
};

std::uint64_t add_bits(std::uint64_t sum, std::span<const float> numbers) {
  for (const float number : numbers) {
    std::uint32_t bits;
    std::memcpy(&bits, &number, sizeof bits);
    sum = (sum ^ bits) * 0x100000001b3u;
  }
  return sum;
}

template <class Format>
std::uint64_t decoded(std::uint64_t sum) {
  const auto model = bora::random_model<Small, Format>(/*seed=*/1);
  bora::Session session{model, {.capacity = 128}};
  std::vector<bora::TokenId> prompt;
  for (int i = 0; i < 70; ++i) prompt.push_back(i * 37 % 100);
  sum = add_bits(sum, session.prefill(prompt));
  for (int i = 0; i < 20; ++i) sum = add_bits(sum, session.step(i));
  return sum;
}

std::uint64_t trained(std::uint64_t sum) {
  auto model = bora::random_model<Small, bora::Bf16>(/*seed=*/1);
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}, .load_balancing = 0.1}};
  std::vector<bora::TokenId> ids;
  for (int i = 0; i < 3 * 33; ++i) ids.push_back(i * 53 % 100);
  for (int step = 0; step < 3; ++step) trainer.step(bora::TokenBatch{3, 33, ids});
  return add_bits(sum, trainer.parameters().values());
}

}  // namespace

int main() {
  try {
    std::printf("%s\n", bora::simd::target_report().c_str());
    std::printf("%016llx\n", static_cast<unsigned long long>(trained(decoded<bora::Bf16>(decoded<bora::F32>(1)))));
  } catch (const bora::Error& error) {
    std::fprintf(stderr, "dispatch: %s\n", error.what());
    return 2;
  }
}

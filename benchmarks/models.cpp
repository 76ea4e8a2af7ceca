// Whole models on random weights, with all cores: prefill, decode at several depths, a training step. Rates are tokens
// by the clock; shares are of what all cores together can compute or read.
#include "machine.hpp"
#include <benchmark/benchmark.h>
#include <bora/bora.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace {

/// The shape of benchmarks/train_llama.cpp.
struct Llama31M : bora::DecoderSpec {
  static constexpr const char* name = "Llama31M";
  static constexpr std::size_t vocab_size = 8192, dim = 512, layers = 8, context = 8192;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 64},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::SwiGlu<1408>;
};

/// A small Mixtral whose window keeps its cache, and so its speed, the same at any depth.
struct Mixtral83M : Llama31M {
  static constexpr const char* name = "Mixtral83M";
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 8, .kv_heads = 2, .head_dim = 64},
                                                bora::SlidingWindow<256>, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<8, bora::TopKRouter<2>, bora::SwiGlu<704>>;
};

static_assert(bora::parameter_count<Mixtral83M> == 82'878'976);

struct Gpt2 : bora::Gpt2Small {
  static constexpr const char* name = "Gpt2Small";
};

std::size_t threads() { return bora::usable_cores(); }

bora::ThreadPool& pool() {
  static bora::ThreadPool all(threads());
  return all;
}

template <class Spec, class Format>
const bora::Decoder<Spec, Format>& model() {
  static const auto made = bora::random_model<Spec, Format>(1);
  return made;
}

template <class Spec>
std::vector<bora::TokenId> made_up(std::size_t count) {
  std::vector<bora::TokenId> ids(count);
  for (std::size_t i = 0; i < count; ++i) ids[i] = static_cast<bora::TokenId>((i * 7919 + 13) % Spec::vocab_size);
  return ids;
}

/// Tokens a second, and the share of the nearer limit when `tokens` cost so many operations and bytes.
template <class Format>
void report(benchmark::State& state, double tokens, double flops, double bytes) {
  using benchmark::Counter;
  const Machine& limits = machine(threads());
  const double peak = std::is_same_v<Format, bora::Bf16> ? limits.bf16_peak : limits.f32_peak;
  const double computing = flops / peak, reading = bytes / limits.memory;
  const auto rate = [](double amount) { return Counter(amount, Counter::kIsIterationInvariantRate); };
  state.counters["tokens"] = rate(tokens);
  state.counters["flops"] = rate(flops);
  if (bytes != 0) state.counters["bytes"] = rate(bytes);
  state.counters["share"] = rate(std::max(computing, reading));
  state.SetLabel(computing > reading ? "peak" : "memory");
}

template <class Run>
void add(const char* name, const char* phase, const std::string& format, const std::string& arguments, Run run) {
  const std::string full = bora::detail::message("BM_", name, "_", phase, "/backend:", bora::simd::backend_name,
                                                 "/format:", format, "/", arguments);
  benchmark::RegisterBenchmark(full.c_str(), run)->UseRealTime()->Unit(benchmark::kMillisecond);
}

template <class Spec, class Format>
void prefill(benchmark::State& state, std::size_t tokens) {
  bora::Session session{model<Spec, Format>(), {.capacity = tokens, .pool = &pool()}};
  const auto prompt = made_up<Spec>(tokens);
  for ([[maybe_unused]] auto _ : state) {
    session.reset();
    session.prefill(prompt);
  }
  // The head runs for the last token alone; a token sees half of the prompt on average.
  const double n = static_cast<double>(tokens), head = 2.0 * Spec::vocab_size * Spec::dim;
  report<Format>(state, n, n * (bora::flops_per_token<Spec>(tokens / 2) - head) + head, 0);
}

/// Bytes that a step reads: every active weight but the embedding table, and the keys and values in view.
template <class Spec, class Format>
double bytes_of_step(std::size_t depth) {
  const std::size_t table = Spec::tie_embeddings ? 0 : Spec::vocab_size * Spec::dim;
  return static_cast<double>(sizeof(typename Format::Storage) * (bora::active_parameter_count<Spec> - table) +
                             bora::cache_bytes<Spec, Format>(depth));
}

template <class Spec, class Format>
void decode(benchmark::State& state, std::size_t depth) {
  bora::Session session{model<Spec, Format>(), {.capacity = depth + 1, .rewind = 1, .pool = &pool()}};
  if (depth > 0) session.prefill(made_up<Spec>(depth));
  for ([[maybe_unused]] auto _ : state) {
    session.step(1);
    session.rewind(depth);
  }
  report<Format>(state, 1, bora::flops_per_token<Spec>(depth + 1), bytes_of_step<Spec, Format>(depth + 1));
}

template <class Spec, class Format>
void training_step(benchmark::State& state, std::size_t batch, std::size_t time) {
  auto model = bora::random_model<Spec, Format>(1);
  bora::Trainer trainer{model, {.pool = &pool()}};
  const bora::TokenBatch tokens(batch, time, made_up<Spec>(batch * time));
  trainer.step(tokens);  // makes its memory
  for ([[maybe_unused]] auto _ : state) trainer.step(tokens);
  const double n = static_cast<double>(batch * time);
  report<Format>(state, n, 3 * n * bora::flops_per_token<Spec>(time / 2), 0);
}

template <class Spec, class Format>
void add_inference(const std::vector<std::size_t>& depths) {
  const std::string format(Format::name);
  add(Spec::name, "prefill", format, "tokens:512", [](benchmark::State& s) { prefill<Spec, Format>(s, 512); });
  for (const std::size_t depth : depths)
    add(Spec::name, "decode", format, bora::detail::message("depth:", depth),
        [depth](benchmark::State& s) { decode<Spec, Format>(s, depth); });
}
template <class Spec, class Format>
void add_training(std::size_t batch, std::size_t time) {
  add(Spec::name, "training_step", std::string(Format::name), bora::detail::message("batch:", batch, "/time:", time),
      [=](benchmark::State& s) { training_step<Spec, Format>(s, batch, time); });
}

[[maybe_unused]] const bool added = [] {
  add_inference<Llama31M, bora::F32>({0, 512, 2048, 8191});
  add_inference<Llama31M, bora::Bf16>({0, 512, 2048, 8191});
  add_inference<Mixtral83M, bora::Bf16>({0, 512, 2048, 8191});
  add_inference<Gpt2, bora::Bf16>({0, 512, 1023});
  add_training<Llama31M, bora::F32>(8, 256);
  add_training<Mixtral83M, bora::F32>(4, 256);
  add_training<Gpt2, bora::Bf16>(2, 256);
  return true;
}();

}  // namespace

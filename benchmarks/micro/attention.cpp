// Attention with the heads of Mistral 7B: a step over many keys, a prompt from its start, its backward, and writing
// keys.
#include "kernel.hpp"
#include <bora/simd/attention_backward.hpp>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace benchmarks { namespace {

constexpr std::size_t kv_heads = 8, group = 4, head_dim = 128;

/// Keys and values of one sequence.
template <CacheFormat E>
struct Keys {
  Buffer<std::byte> memory;
  simd::KeyRuns<E> runs;

  explicit Keys(std::size_t length)
      : memory(length / simd::run_length * kv_heads * simd::RunLayout<E>::bytes(head_dim)),
        runs{.base = memory.data(), .modulus = length / simd::run_length, .kv_heads = kv_heads, .head_dim = head_dim} {
    const auto row = numbers<float>(2 * head_dim + length);
    for (std::size_t p = 0; p < length; ++p)
      for (std::size_t h = 0; h < kv_heads; ++h)
        simd::store_key_value(runs, p, h, row.data() + p, row.data() + p + head_dim);
  }
};

/// Attention of the tokens [first, first + count) of a sequence, tile by tile as a layer does it.
template <CacheFormat E>
struct Attend {
  Keys<E> keys;
  std::size_t first, count;
  Buffer<float> queries = numbers<float>(group * head_dim);
  Buffer<float> memory = Buffer<float>(simd::AttentionScratch<float>::size(head_dim));

  void operator()() noexcept {
    constexpr std::size_t tokens = simd::query_tile / group;
    simd::AttentionScratch<float> scratch(memory.data(), head_dim);
    for (std::size_t p = first; p < first + count; p += tokens)
      for (std::size_t head = 0; head < kv_heads; ++head) {
        simd::QueryRow<float> rows[simd::query_tile] = {};
        std::size_t n = 0;
        for (std::size_t t = p; t < std::min(first + count, p + tokens); ++t)
          for (std::size_t h = 0; h < group; ++h) rows[n++] = {h, t, 0, queries.data() + h * head_dim};
        simd::attend(keys.runs, head, rows, n, 1 / std::sqrt(static_cast<float>(head_dim)), simd::ScoreBias<float>{},
                     scratch);
      }
  }
};

template <CacheFormat E>
void add_attention(const char* phase, const std::string& size, std::size_t first, std::size_t count) {
  double seen = 0;  // keys, over all tokens
  for (std::size_t t = first; t < first + count; ++t) seen += static_cast<double>(t + 1);
  const std::size_t length = round_up(first + count, simd::run_length);
  const double cache = static_cast<double>(length * kv_heads * simd::RunLayout<E>::bytes(head_dim) / simd::run_length);
  add(detail::message("attention_", phase), detail::message("format:", E::name, "/", size),
      {.flops = 4.0 * group * kv_heads * head_dim * seen, .bytes = cache},
      [=] { return Attend<E>{Keys<E>(length), first, count}; });
}

/// Backward of one query head over a whole text.
void add_backward(std::size_t time) {
  const double pairs = static_cast<double>(time) * static_cast<double>(time + 1) / 2;
  add("attention_backward", detail::message("format:F32/tokens:", time),
      {.flops = 10.0 * head_dim * pairs, .bytes = 4.0 * 4 * head_dim * static_cast<double>(time)}, [time] {
        return [time, keys = Keys<F32>(time), query = numbers<float>(head_dim),
                memory = Buffer<float>(simd::AttentionGradients<float>::size(head_dim, time))]() mutable {
          simd::AttentionGradients<float> g(memory.data(), head_dim, time);
          g.begin(keys.runs, 0);
          for (std::size_t first = 0; first < time; first += simd::query_tile) {
            simd::QueryRow<float> rows[simd::query_tile] = {};
            for (std::size_t m = 0; m < simd::query_tile; ++m) {
              rows[m] = {0, first + m, 0, query.data()};
              std::copy_n(query.data(), head_dim, g.queries + m * g.stride);
              std::copy_n(query.data(), head_dim, g.d_output + m * g.stride);
            }
            simd::attend_backward(keys.runs, 0, rows, simd::query_tile, 1 / std::sqrt(static_cast<float>(head_dim)),
                                  simd::ScoreBias<float>{}, g);
          }
        };
      });
}

template <CacheFormat E>
void add_store() {
  constexpr std::size_t positions = 64;
  add("store_key_value", detail::message("format:", E::name, "/positions:", positions),
      {.bytes = 2.0 * positions * kv_heads * head_dim * (4 + sizeof(typename E::Storage)),
       .bandwidth = &Machine::cache},
      [] {
        return [keys = Keys<E>(positions), row = numbers<float>(2 * head_dim + positions)]() mutable {
          for (std::size_t p = 0; p < positions; ++p)
            for (std::size_t h = 0; h < kv_heads; ++h)
              simd::store_key_value(keys.runs, p, h, row.data() + p, row.data() + p + head_dim);
        };
      });
}

template <CacheFormat E>
void add_all() {
  add_store<E>();
  for (const std::size_t depth : {1024u, 16384u})
    add_attention<E>("decode", detail::message("depth:", depth), depth - 1, 1);
  add_attention<E>("prefill", "tokens:512", 0, 512);
}

[[maybe_unused]] const bool added = (add_all<F32>(), add_all<Bf16>(), add_all<Q8>(), add_backward(512), true);

}}}}  // namespace bora::BORA_ABI::benchmarks

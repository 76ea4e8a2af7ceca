#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/attention_backward.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using bora::Buffer;
using bora::F32;
using bora::simd::run_length;
using bora::simd::RunLayout;
using numbers::bells;
using numbers::wide;

// A name for what other tests of the room have of their own: some builds compile them as one source.
namespace large_scores {
namespace {

constexpr std::size_t head_dim = 16, time = 45, query_rows = 5;
constexpr float scale = 0.25f;

/// One head whose scores are all near `size` and exact as floats, so that what is off is backward's own.
struct LargeScores {
  std::vector<float> keys = std::vector<float>(time * head_dim), queries = std::vector<float>(query_rows * head_dim),
                     values = bells<float>(time * head_dim, 1), d_output = bells<float>(query_rows * head_dim, 2);

  explicit LargeScores(float size) {
    for (std::size_t p = 0; p < time; ++p) {
      keys[p * head_dim] = size / scale;
      keys[p * head_dim + 1] = static_cast<float>(p * 7 % 23);
      keys[p * head_dim + 2] = static_cast<float>(p * 5 % 11);
    }
    for (std::size_t m = 0; m < query_rows; ++m) {
      queries[m * head_dim] = 1;
      queries[m * head_dim + 1] = 0.5f;
      queries[m * head_dim + 2] = m % 2 == 0 ? 1.0f : -1.0f;
    }
  }
  /// The last rows of the text.
  static std::size_t position(std::size_t m) { return time - query_rows + m; }
};

struct Gradients {
  std::vector<double> scores, values;  ///< [query_rows, time], [time, head_dim]
};

Gradients expected(const LargeScores& x) {
  Gradients g{std::vector<double>(query_rows * time), std::vector<double>(time * head_dim)};
  for (std::size_t m = 0; m < query_rows; ++m) {
    const std::size_t keys = LargeScores::position(m) + 1;
    std::vector<double> p(keys), d(keys);
    double largest = -1e300, sum = 0, mean = 0;
    for (std::size_t j = 0; j < keys; ++j) {
      for (std::size_t c = 0; c < head_dim; ++c) {
        p[j] += wide(scale) * wide(x.queries[m * head_dim + c]) * wide(x.keys[j * head_dim + c]);
        d[j] += wide(x.d_output[m * head_dim + c]) * wide(x.values[j * head_dim + c]);
      }
      largest = std::max(largest, p[j]);
    }
    for (double& score : p) sum += score = std::exp(score - largest);
    for (std::size_t j = 0; j < keys; ++j) mean += (p[j] /= sum) * d[j];
    for (std::size_t j = 0; j < keys; ++j) {
      g.scores[m * time + j] = p[j] * (d[j] - mean);
      for (std::size_t c = 0; c < head_dim; ++c)
        g.values[j * head_dim + c] += p[j] * wide(x.d_output[m * head_dim + c]);
    }
  }
  return g;
}

Gradients found(const LargeScores& x) {
  const std::size_t modulus = (time + run_length - 1) / run_length;
  Buffer<std::byte> cache(modulus * RunLayout<F32>::bytes(head_dim));
  const bora::simd::KeyRuns<F32> keys{.base = cache.data(), .modulus = modulus, .kv_heads = 1, .head_dim = head_dim};
  for (std::size_t p = 0; p < time; ++p)
    bora::simd::store_key_value(keys, p, 0, &x.keys[p * head_dim], &x.values[p * head_dim]);
  using Memory = bora::simd::AttentionGradients<float>;
  Buffer<float> memory(Memory::size(head_dim, time));
  std::fill(memory.begin(), memory.end(), numbers::poison<float>());
  Memory g(memory.data(), head_dim, time);
  g.begin(keys, 0);
  std::copy(x.queries.begin(), x.queries.end(), g.queries);
  std::copy(x.d_output.begin(), x.d_output.end(), g.d_output);
  bora::simd::QueryRow<float> rows[query_rows] = {};
  for (std::size_t m = 0; m < query_rows; ++m) {
    rows[m].position = LargeScores::position(m);
    rows[m].query = &x.queries[m * head_dim];
  }
  bora::simd::attend_backward(keys, 0, rows, query_rows, scale, {}, g);
  Gradients result{std::vector<double>(query_rows * time), std::vector<double>(time * head_dim)};
  for (std::size_t m = 0; m < query_rows; ++m)
    for (std::size_t j = 0; j < time; ++j) result.scores[m * time + j] = wide(g.d_scores[m * g.length + j]);
  for (std::size_t j = 0; j < time; ++j)
    for (std::size_t c = 0; c < head_dim; ++c) result.values[j * head_dim + c] = wide(g.d_value[j * g.stride + c]);
  return result;
}

double error(const std::vector<double>& a, const std::vector<double>& b) {
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    worst = std::max(worst, std::abs(a[i] - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

}  // namespace

TEST_CASE("Attention's gradients are as precise for large scores as for small ones", "[simd]") {
  for (const float size : {0.0f, 100.0f, 1e3f, 1e4f, 1e5f}) {
    CAPTURE(size);
    const LargeScores x(size);
    const Gradients a = found(x), b = expected(x);
    CHECK(error(a.scores, b.scores) < 1e-6);
    CHECK(error(a.values, b.values) < 1e-6);
  }
}

}  // namespace large_scores

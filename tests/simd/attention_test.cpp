#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/attention_backward.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

using bora::Bf16;
using bora::Buffer;
using bora::F32;
using bora::F64;
using bora::Q8;
using bora::Range;
using bora::simd::KeyRuns;
using bora::simd::query_tile;
using bora::simd::QueryRow;
using bora::simd::run_length;
using bora::simd::RunLayout;
using bora::simd::ScoreBias;
using numbers::bells;
using numbers::same_bits;
using numbers::wide;

namespace {

enum class Bias { none, slopes, table };
constexpr std::size_t heads = 3, reach = 40;

/// The keys and values of one sequence and two key/value heads, in a cache's format.
template <class E, class T>
struct Sequence {
  std::size_t length, head_dim;
  Buffer<std::byte> memory;
  KeyRuns<E> runs;

  static constexpr std::size_t kv_heads = 2, kv_head = 1;
  Sequence(std::size_t n, std::size_t dim)
      : length(n),
        head_dim(dim),
        memory((n + run_length - 1) / run_length * kv_heads * RunLayout<E>::bytes(dim)),
        runs{.base = memory.data(),
             .modulus = (n + run_length - 1) / run_length,
             .kv_heads = kv_heads,
             .head_dim = dim} {
    const auto keys = bells<T>(n * dim, 1), values = bells<T>(n * dim, 2);
    for (std::size_t p = 0; p < n; ++p) bora::simd::store_key_value(runs, p, kv_head, &keys[p * dim], &values[p * dim]);
  }
  void copy_from(const Sequence& other) { std::copy_n(other.memory.data(), memory.size(), memory.data()); }

  double key(std::size_t p, std::size_t c) const {
    const auto run = runs.run(p / run_length, kv_head);
    const double stored = wide(run.keys()[c * run_length + p % run_length]);
    if constexpr (std::is_same_v<E, Q8>) return stored * wide(run.key_scales()[p % run_length]);
    return stored;
  }
  double value(std::size_t p, std::size_t c) const {
    const auto run = runs.run(p / run_length, kv_head);
    const double stored = wide(run.values()[p % run_length * head_dim + c]);
    if constexpr (std::is_same_v<E, Q8>) return stored * wide(run.value_scales()[p % run_length]);
    return stored;
  }
  /// A NaN in everything that positions outside [first, last] hold, and in what a run has beyond its values.
  void poison_outside(std::size_t first, std::size_t last) {
    for (std::size_t p = 0; p < runs.modulus * run_length; ++p) {
      if (p >= first && p <= last) continue;
      const auto run = runs.run(p / run_length, kv_head);
      const std::size_t slot = p % run_length;
      if constexpr (std::is_same_v<E, Q8>) {
        run.key_scales()[slot] = run.value_scales()[slot] = numbers::poison<float>();
      } else {
        for (std::size_t c = 0; c < head_dim; ++c)
          run.keys()[c * run_length + slot] = numbers::poison<typename E::Storage>();
        std::fill_n(run.values() + slot * head_dim, head_dim, numbers::poison<typename E::Storage>());
      }
    }
    if constexpr (!std::is_same_v<E, Q8>)
      for (std::size_t r = 0; r < runs.modulus; ++r) {
        const auto run = runs.run(r, kv_head);
        auto* const end = reinterpret_cast<typename E::Storage*>(run.data + RunLayout<E>::scales_at(head_dim));
        std::fill(run.values() + run_length * head_dim, end, numbers::poison<typename E::Storage>());
      }
  }
};

/// Queries of several rows and what attention makes of them.
template <class T>
struct Rows {
  std::size_t head_dim;
  std::vector<QueryRow<T>> row;
  std::vector<T> query, slopes, table;
  ScoreBias<T> bias;

  Rows(const std::vector<std::size_t>& positions, std::size_t window, std::size_t dim, Bias kind)
      : head_dim(dim), query(bells<T>(positions.size() * dim, 3)) {
    for (std::size_t h = 0; h < heads; ++h) slopes.push_back(static_cast<T>(std::exp2(-2.0 * double(h + 1))));
    table = bells<T>(heads * reach, 4);
    if (kind == Bias::slopes) bias.slopes = slopes.data();
    if (kind == Bias::table) bias.by_distance = table.data(), bias.reach = reach;
    for (std::size_t m = 0; m < positions.size(); ++m) {
      const std::size_t p = positions[m];
      row.push_back({m % heads, p, window == 0 || p < window ? 0 : p + 1 - window, &query[m * dim]});
    }
  }
  Rows(const Rows&) = delete;
};

template <class T>
T scale_of(std::size_t head_dim) {
  return T(1) / std::sqrt(static_cast<T>(head_dim));
}

/// Rows [first, first + count) in one call: their outputs [count, head_dim].
template <class E, class T>
std::vector<T> attend(const Sequence<E, T>& sequence, const Rows<T>& rows, std::size_t first, std::size_t count) {
  Buffer<T> memory(bora::simd::AttentionScratch<T>::size(rows.head_dim));
  std::fill(memory.begin(), memory.end(), numbers::poison<T>());  // scratch holds what was there before
  bora::simd::AttentionScratch<T> scratch(memory.data(), rows.head_dim);
  bora::simd::attend(sequence.runs, sequence.kv_head, &rows.row[first], count, scale_of<T>(rows.head_dim), rows.bias,
                     scratch);
  std::vector<T> out;
  for (std::size_t m = 0; m < count; ++m)
    out.insert(out.end(), scratch.output + m * scratch.stride, scratch.output + m * scratch.stride + rows.head_dim);
  return out;
}

struct Expected {
  std::vector<double> output, weights;  ///< weights [position - first_visible]
};

/// softmax(scale q k + bias) v as it is written in the paper.
template <class E, class T>
Expected naive(const Sequence<E, T>& sequence, const Rows<T>& rows, std::size_t m) {
  const QueryRow<T>& row = rows.row[m];
  const std::size_t n = rows.head_dim;
  std::vector<double> scores;
  for (std::size_t j = row.first_visible; j <= row.position; ++j) {
    double score = 0;
    for (std::size_t c = 0; c < n; ++c) score += wide(row.query[c]) * sequence.key(j, c);
    score *= wide(scale_of<T>(n));
    const std::size_t distance = row.position - j;
    if (rows.bias.slopes != nullptr) score -= wide(rows.slopes[row.head]) * static_cast<double>(distance);
    if (rows.bias.by_distance != nullptr) score += wide(rows.table[row.head * reach + std::min(distance, reach - 1)]);
    scores.push_back(score);
  }
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  Expected e{std::vector<double>(n, 0.0), {}};
  for (std::size_t j = 0; j < scores.size(); ++j)
    for (std::size_t c = 0; c < n; ++c) e.output[c] += scores[j] / sum * sequence.value(row.first_visible + j, c);
  for (const double score : scores) e.weights.push_back(score / sum);
  return e;
}

/// What F32 may differ from the formula: scores of size 4 off by some roundings, averaged.
template <class T>
constexpr double tolerance = 40 * numbers::rounding<T>;

template <class E, class T>
void check_attention(std::size_t head_dim, Bias bias) {
  constexpr std::size_t length = 1500;
  const Sequence<E, T> clean(length, head_dim);
  Sequence<E, T> planted(length, head_dim);
  numbers::Worst worst;
  std::size_t different = 0;
  const std::vector<std::size_t> windows =
      bias == Bias::none ? std::vector<std::size_t>{0, 1, 5, 16, 17, 600} : std::vector<std::size_t>{0, 17};
  for (const std::size_t window : windows)
    for (const std::size_t last : {7, 20, 100, 511, 514, 1040, 1499}) {
      std::vector<std::size_t> positions;
      for (std::size_t m = 0; m < query_tile; ++m) positions.push_back(last - 7 + m);
      const Rows<T> rows(positions, window, head_dim, bias);
      const auto together = attend(clean, rows, 0, query_tile);
      for (const std::size_t m : {0, 3, 7}) {
        const Expected e = naive(clean, rows, m);
        for (std::size_t c = 0; c < head_dim; ++c) worst.see(wide(together[m * head_dim + c]), e.output[c]);
        // Alone, and with a NaN in every slot that it does not see.
        planted.copy_from(clean);
        planted.poison_outside(rows.row[m].first_visible, rows.row[m].position);
        const auto alone = attend(planted, rows, m, 1);
        different += !same_bits(alone.data(), &together[m * head_dim], head_dim);
      }
    }
  CHECK(worst < tolerance<T>);
  CHECK(different == 0);
}

}  // namespace

TEMPLATE_TEST_CASE("Attention agrees with the formula; alone and beside NaNs a row has the same bits", "[simd]", F32,
                   Bf16, Q8, F64) {
  using T = std::conditional_t<std::is_same_v<TestType, F64>, double, float>;
  const std::size_t head_dim = GENERATE(1, 7, 8, 12, 16, 40, 64, 80, 128);
  const Bias bias = GENERATE(Bias::none, Bias::slopes, Bias::table);
  CAPTURE(head_dim, static_cast<int>(bias));
  check_attention<TestType, T>(head_dim, bias);
}

TEMPLATE_TEST_CASE("A row's bits depend on no tile: neighbours, positions, heads or their number", "[simd]", F32, Bf16,
                   Q8, F64) {
  using T = std::conditional_t<std::is_same_v<TestType, F64>, double, float>;
  const std::size_t window = GENERATE(0, 5, 600);
  const Sequence<TestType, T> sequence(1200, 40);
  // Rows of one tile far apart: some share no segment, some no run.
  const std::vector<std::size_t> positions = {0, 1199, 513, 15, 16, 700, 1024, 511, 512, 513, 514, 515, 2, 1023};
  const Rows<T> rows(positions, window, 40, Bias::slopes);
  std::vector<std::vector<T>> alone;
  for (std::size_t m = 0; m < positions.size(); ++m) alone.push_back(attend(sequence, rows, m, 1));
  std::size_t different = 0;
  for (std::size_t first = 0; first < positions.size(); ++first)
    for (std::size_t count = 1; count <= query_tile && first + count <= positions.size(); ++count) {
      const auto tile = attend(sequence, rows, first, count);
      for (std::size_t m = 0; m < count; ++m) different += !same_bits(&tile[m * 40], alone[first + m].data(), 40);
    }
  CHECK(different == 0);
}

TEST_CASE("A window as long as the text is no window", "[simd]") {
  const Sequence<F32, float> sequence(700, 16);
  const std::vector<std::size_t> positions = {0, 15, 511, 512, 600, 699};
  const Rows<float> windowed(positions, 700, 16, Bias::none), causal(positions, 0, 16, Bias::none);
  CHECK(same_bits(attend(sequence, windowed, 0, 6), attend(sequence, causal, 0, 6)));
}

TEST_CASE("What a bias says of keys out of sight is not felt", "[simd]") {
  constexpr std::size_t window = 17, n = 12;
  static_assert(window < reach);
  const Sequence<F32, float> sequence(700, n);
  const std::vector<std::size_t> positions = {0, 15, 16, 17, 511, 512, 528, 699};
  const Rows<float> clean(positions, window, n, Bias::table);
  Rows<float> planted(positions, window, n, Bias::table);
  for (std::size_t h = 0; h < heads; ++h) {
    planted.table[h * reach + window] = numbers::poison<float>();
    planted.table[h * reach + window + 1] = std::numeric_limits<float>::infinity();
  }
  CHECK(same_bits(attend(sequence, planted, 0, positions.size()), attend(sequence, clean, 0, positions.size())));
}

TEST_CASE("A query that sees itself alone returns its value", "[simd]") {
  const Sequence<F32, float> sequence(40, 12);
  const Rows<float> rows({0, 17, 39}, 1, 12, Bias::none);
  const auto out = attend(sequence, rows, 0, 3);
  for (std::size_t m = 0; m < 3; ++m)
    for (std::size_t c = 0; c < 12; ++c) CHECK(wide(out[m * 12 + c]) == sequence.value(rows.row[m].position, c));
}

TEST_CASE("Scores of a thousand do not overflow", "[simd]") {
  const Sequence<F32, float> sequence(600, 8);
  Rows<float> rows({599}, 0, 8, Bias::none);
  for (float& q : rows.query) q *= 1000;
  const auto out = attend(sequence, rows, 0, 1);
  const Expected e = naive(sequence, rows, 0);
  for (std::size_t c = 0; c < 8; ++c) CHECK(std::abs(wide(out[c]) - e.output[c]) < 2e-3);  // 1000 x 40 roundings
}

TEST_CASE("The same keys in a ring or in pages give the same bits", "[simd]") {
  constexpr std::size_t n = 16, window = 40, length = 300, ring_runs = 5;
  const Sequence<F32, float> linear(length, n);
  const std::size_t bytes = RunLayout<F32>::bytes(n), stride = 2 * bytes;
  std::vector<std::size_t> positions;
  for (std::size_t p = length - query_tile; p < length; ++p) positions.push_back(p);
  const Rows<float> rows(positions, window, n, Bias::none);
  const auto expected = attend(linear, rows, 0, query_tile);

  Sequence<F32, float> ring(ring_runs * run_length, n);
  for (std::size_t r = 0; r < linear.runs.modulus; ++r)
    std::copy_n(linear.memory.data() + r * stride, stride, ring.memory.data() + r % ring_runs * stride);
  CHECK(same_bits(attend(ring, rows, 0, query_tile), expected));

  Sequence<F32, float> paged(40 * run_length, n);
  const std::uint32_t table[] = {9, 3, 5, 0, 7, 1, 8, 2, 6, 4};  // pages of two runs
  paged.runs.table = table;
  paged.runs.page_runs = 2;
  for (std::size_t r = 0; r < linear.runs.modulus; ++r)
    std::copy_n(linear.memory.data() + r * stride, stride, paged.memory.data() + paged.runs.place(r) * stride);
  CHECK(same_bits(attend(paged, rows, 0, query_tile), expected));
}

namespace {

/// Every row of a sequence, forward and backward, for head 0 .. heads - 1 of one key/value head.
template <class E, class T>
struct Whole {
  std::size_t time, head_dim, window;
  Bias kind;
  std::vector<T> query, d_output;  ///< [heads, time, head_dim]
  std::vector<T> d_query, d_key, d_value, d_table;

  Whole(std::size_t n, std::size_t dim, std::size_t w, Bias b)
      : time(n),
        head_dim(dim),
        window(w),
        kind(b),
        query(bells<T>(heads * n * dim, 5)),
        d_output(bells<T>(heads * n * dim, 6)),
        d_query(query.size()),
        d_key(n * dim),
        d_value(n * dim),
        d_table(heads * reach) {}

  /// Rows of one head from position `first` on, reading this object's queries.
  struct Tile : Rows<T> {
    Tile(const Whole& w, std::size_t head, std::size_t first, std::size_t count, const std::vector<T>& biases)
        : Rows<T>(std::vector<std::size_t>(count), w.window, w.head_dim, w.kind) {
      this->table = biases;
      if (w.kind == Bias::table) this->bias.by_distance = this->table.data();
      for (std::size_t m = 0; m < count; ++m) {
        const std::size_t p = first + m;
        this->row[m].head = head;
        this->row[m].position = p;
        this->row[m].first_visible = w.window == 0 || p < w.window ? 0 : p + 1 - w.window;
        this->row[m].query = &w.query[(head * w.time + p) * w.head_dim];
      }
    }
  };
  template <class F>
  void for_tiles(const std::vector<T>& table, F&& f) const {
    for (std::size_t h = 0; h < heads; ++h)
      for (std::size_t p = 0; p < time; p += query_tile) {
        const std::size_t count = std::min(query_tile, time - p);
        Tile tile(*this, h, p, count, table);
        f(h, p, count, tile);
      }
  }
  /// Sum of output * d_output.
  double loss(const Sequence<E, T>& sequence, const std::vector<T>& table) const {
    double sum = 0;
    for_tiles(table, [&](std::size_t h, std::size_t p, std::size_t count, Tile& tile) {
      const auto out = attend(sequence, tile, 0, count);
      for (std::size_t i = 0; i < out.size(); ++i) sum += wide(out[i]) * wide(d_output[(h * time + p) * head_dim + i]);
    });
    return sum;
  }
  void backward(const Sequence<E, T>& sequence, const std::vector<T>& table) {
    using Gradients = bora::simd::AttentionGradients<T>;
    Buffer<T> memory(Gradients::size(head_dim, time));
    Gradients g(memory.data(), head_dim, time);
    g.begin(sequence.runs, sequence.kv_head);
    for_tiles(table, [&](std::size_t h, std::size_t p, std::size_t count, Tile& tile) {
      attend(sequence, tile, 0, count);  // leaves the sums that backward reads
      const std::size_t at = (h * time + p) * head_dim;
      for (std::size_t m = 0; m < count; ++m) {
        std::copy_n(&query[at + m * head_dim], head_dim, g.queries + m * g.stride);
        std::copy_n(&d_output[at + m * head_dim], head_dim, g.d_output + m * g.stride);
      }
      const Range keys = bora::simd::attend_backward(sequence.runs, sequence.kv_head, tile.row.data(), count,
                                                     scale_of<T>(head_dim), tile.bias, g);
      for (std::size_t m = 0; m < count; ++m) {
        std::copy_n(g.d_query + m * g.stride, head_dim, &d_query[at + m * head_dim]);
        for (std::size_t j = tile.row[m].first_visible; j <= tile.row[m].position; ++j)
          d_table[h * reach + std::min(p + m - j, reach - 1)] += g.d_scores[m * g.length + j];
      }
      CHECK(keys.begin <= tile.row[0].first_visible);
      CHECK(keys.end > tile.row[count - 1].position);
    });
    for (std::size_t p = 0; p < time; ++p) {
      std::copy_n(g.d_key + p * g.stride, head_dim, &d_key[p * head_dim]);
      std::copy_n(g.d_value + p * g.stride, head_dim, &d_value[p * head_dim]);
    }
  }
};

/// Largest difference between `gradient` and the central differences of `loss` along `at`, which `write` puts in place.
template <class Write, class Loss>
numbers::Worst worst_difference(const std::vector<double>& at, const std::vector<double>& gradient, Write&& write,
                                Loss&& loss) {
  constexpr double step = 1e-5;
  numbers::Worst worst;
  std::vector<double> x = at;
  for (std::size_t i = 0; i < x.size(); i += 1 + x.size() / 60) {  // some sixty directions
    x[i] = at[i] + step;
    write(x);
    const double above = loss();
    x[i] = at[i] - step;
    write(x);
    const double below = loss();
    x[i] = at[i];
    worst.see(gradient[i], (above - below) / (2 * step));
  }
  write(at);
  return worst;
}

}  // namespace

TEST_CASE("The backward of attention is its derivative", "[simd][double]") {
  const std::size_t head_dim = GENERATE(1, 7, 16, 40), time = GENERATE(1, 16, 21), window = GENERATE(0, 5, 17);
  const Bias bias = GENERATE(Bias::none, Bias::table);
  CAPTURE(head_dim, time, window);
  Sequence<F64, double> sequence(time, head_dim);
  Whole<F64, double> whole(time, head_dim, window, bias);
  const std::vector<double> table = bells<double>(heads * reach, 4);
  whole.backward(sequence, table);
  const auto loss = [&] { return whole.loss(sequence, table); };

  const std::vector<double> query = whole.query;
  CHECK(worst_difference(query, whole.d_query, [&](const auto& x) { whole.query = x; }, loss) < 1e-7);
  std::vector<double> keys(time * head_dim), values(time * head_dim);
  for (std::size_t p = 0; p < time; ++p)
    for (std::size_t c = 0; c < head_dim; ++c) {
      keys[p * head_dim + c] = sequence.key(p, c);
      values[p * head_dim + c] = sequence.value(p, c);
    }
  const auto store = [&](const std::vector<double>& k, const std::vector<double>& v) {
    for (std::size_t p = 0; p < time; ++p)
      bora::simd::store_key_value(sequence.runs, p, sequence.kv_head, &k[p * head_dim], &v[p * head_dim]);
  };
  CHECK(worst_difference(keys, whole.d_key, [&](const auto& x) { store(x, values); }, loss) < 1e-7);
  CHECK(worst_difference(values, whole.d_value, [&](const auto& x) { store(keys, x); }, loss) < 1e-7);
  if (bias == Bias::table) {
    std::vector<double> at = table;
    CHECK(worst_difference(
              table, whole.d_table, [&](const auto& x) { at = x; }, [&] { return whole.loss(sequence, at); }) < 1e-7);
  }
}

TEST_CASE("The backward of attention over several segments agrees with its formula", "[simd]") {
  // dV = Pᵀ dO, dP = dO Vᵀ, dS = P (dP - sum P dP), dQ = scale dS K, dK = scale dSᵀ Q
  const std::size_t window = GENERATE(0, 530);
  constexpr std::size_t time = 600, n = 12;
  const Sequence<F64, double> sequence(time, n);
  const Sequence<F32, float> single(time, n);
  Whole<F64, double> whole(time, n, window, Bias::slopes);
  Whole<F32, float> floats(time, n, window, Bias::slopes);
  const double scale = scale_of<double>(n);
  std::vector<double> d_query(whole.query.size()), d_key(time * n), d_value(time * n);
  whole.for_tiles({}, [&](std::size_t h, std::size_t p, std::size_t count, auto& tile) {
    for (std::size_t m = 0; m < count; ++m) {
      const Expected e = naive(sequence, tile, m);
      const std::size_t at = (h * time + p + m) * n, first = tile.row[m].first_visible;
      std::vector<double> d_weight(e.weights.size());
      double mean = 0;
      for (std::size_t j = 0; j < d_weight.size(); ++j) {
        for (std::size_t c = 0; c < n; ++c) {
          d_weight[j] += whole.d_output[at + c] * sequence.value(first + j, c);
          d_value[(first + j) * n + c] += e.weights[j] * whole.d_output[at + c];
        }
        mean += e.weights[j] * d_weight[j];
      }
      for (std::size_t j = 0; j < d_weight.size(); ++j)
        for (std::size_t c = 0; c < n; ++c) {
          const double d_score = e.weights[j] * (d_weight[j] - mean) * scale;
          d_query[at + c] += d_score * sequence.key(first + j, c);
          d_key[(first + j) * n + c] += d_score * whole.query[at + c];
        }
    }
  });
  whole.backward(sequence, bells<double>(heads * reach, 4));
  floats.backward(single, bells<float>(heads * reach, 4));
  const auto worst = [](const auto& found, const std::vector<double>& expected) {
    numbers::Worst most;
    for (std::size_t i = 0; i < expected.size(); ++i) most.see(wide(found[i]), expected[i]);
    return most;
  };
  CHECK(worst(whole.d_query, d_query) < 1e-13);
  CHECK(worst(whole.d_key, d_key) < 1e-12);
  CHECK(worst(whole.d_value, d_value) < 1e-12);
  CHECK(worst(floats.d_query, d_query) < 1e-5);
  CHECK(worst(floats.d_key, d_key) < 1e-4);  // sums over 1800 rows
  CHECK(worst(floats.d_value, d_value) < 1e-4);
}

TEST_CASE("Backward does not see what lies in the cache beyond the text", "[simd]") {
  constexpr std::size_t time = 21, n = 7;
  Sequence<F32, float> sequence(time, n);
  Whole<F32, float> clean(time, n, 0, Bias::none), planted(time, n, 0, Bias::none);
  clean.backward(sequence, {});
  sequence.poison_outside(0, time - 1);
  planted.backward(sequence, {});
  CHECK(same_bits(planted.d_query, clean.d_query));
  CHECK(same_bits(planted.d_key, clean.d_key));
  CHECK(same_bits(planted.d_value, clean.d_value));
}

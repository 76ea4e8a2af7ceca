#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/key_runs.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

using bora::Bf16;
using bora::F32;
using bora::F64;
using bora::Q8;
using bora::simd::KeyRuns;
using bora::simd::run_length;
using bora::simd::RunLayout;
using numbers::wide;

namespace {

const std::size_t head_dims[] = {1, 7, 8, 12, 16, 40, 64, 80, 128};

/// What a cache gives back of component c at a position.
template <class E>
double key_at(const KeyRuns<E>& runs, std::size_t position, std::size_t head, std::size_t c) {
  const auto run = runs.run(position / run_length, head);
  const std::size_t slot = position % run_length;
  const double stored = wide(run.keys()[c * run_length + slot]);
  if constexpr (std::is_same_v<E, Q8>) return stored * wide(run.key_scales()[slot]);
  return stored;
}
template <class E>
double value_at(const KeyRuns<E>& runs, std::size_t position, std::size_t head, std::size_t c) {
  const auto run = runs.run(position / run_length, head);
  const std::size_t slot = position % run_length;
  const double stored = wide(run.values()[slot * runs.head_dim + c]);
  if constexpr (std::is_same_v<E, Q8>) return stored * wide(run.value_scales()[slot]);
  return stored;
}

}  // namespace

TEMPLATE_TEST_CASE("Runs are whole cache lines and their parts do not overlap", "[simd]", F32, Bf16, Q8, F64) {
  using Layout = RunLayout<TestType>;
  for (std::size_t n = 1; n <= 200; ++n) {
    const std::size_t element = sizeof(typename TestType::Storage);
    CHECK(Layout::values_at(n) >= n * run_length * element);
    const std::size_t last = Layout::values_at(n) + (run_length - 1) * n * element;  // read by whole blocks
    CHECK(Layout::scales_at(n) >= last + bora::round_up(n, run_length) * element);
    CHECK(Layout::scales_at(n) % alignof(float) == 0);
    CHECK(Layout::bytes(n) >=
          Layout::scales_at(n) + (std::is_same_v<TestType, Q8> ? 2 * run_length * sizeof(float) : 0));
    CHECK(Layout::bytes(n) % bora::alignment == 0);
  }
}

TEMPLATE_TEST_CASE("A key and a value come back as their format rounds them", "[simd]", F32, Bf16, Q8, F64) {
  using T = std::conditional_t<std::is_same_v<TestType, F64>, double, float>;
  constexpr std::size_t kv_heads = 3, positions = 50;
  for (const std::size_t n : head_dims) {
    bora::Buffer<std::byte> memory(4 * kv_heads * RunLayout<TestType>::bytes(n));
    const KeyRuns<TestType> runs{.base = memory.data(), .modulus = 4, .kv_heads = kv_heads, .head_dim = n};
    const auto keys = numbers::bells<T>(positions * kv_heads * n, 1), values = numbers::bells<T>(keys.size(), 2);
    for (std::size_t p = 0; p < positions; ++p)
      for (std::size_t h = 0; h < kv_heads; ++h)
        bora::simd::store_key_value(runs, p, h, &keys[(p * kv_heads + h) * n], &values[(p * kv_heads + h) * n]);
    std::size_t wrong = 0;
    for (std::size_t p = 0; p < positions; ++p)  // after all were written: nobody wrote over another
      for (std::size_t h = 0; h < kv_heads; ++h) {
        const T *key = &keys[(p * kv_heads + h) * n], *value = &values[(p * kv_heads + h) * n];
        double largest_key = 0, largest_value = 0;
        for (std::size_t c = 0; c < n; ++c) {
          largest_key = std::max(largest_key, std::abs(wide(key[c])));
          largest_value = std::max(largest_value, std::abs(wide(value[c])));
        }
        for (std::size_t c = 0; c < n; ++c) {
          const double k = key_at(runs, p, h, c), v = value_at(runs, p, h, c);
          if constexpr (std::is_same_v<TestType, Q8>) {
            wrong += std::abs(k - wide(key[c])) > largest_key / 127 * 0.5001;
            wrong += std::abs(v - wide(value[c])) > largest_value / 127 * 0.5001;
          } else {
            using Storage = typename TestType::Storage;
            wrong += k != wide(numbers::rounded<Storage>(wide(key[c])));
            wrong += v != wide(numbers::rounded<Storage>(wide(value[c])));
          }
        }
      }
    CHECK(wrong == 0);
  }
}

TEST_CASE("Eight bits keep the largest magnitude, zeros, and round halves away from zero", "[simd]") {
  bora::Buffer<std::byte> memory(RunLayout<Q8>::bytes(4));
  const KeyRuns<Q8> runs{.base = memory.data(), .head_dim = 4};
  const float key[] = {127, -127, 2.5f, -0.5f}, zero[] = {0, 0, 0, 0};
  bora::simd::store_key_value(runs, 3, 0, key, zero);
  const auto run = runs.run(0, 0);
  const int expected[] = {127, -127, 3, -1};
  for (std::size_t c = 0; c < 4; ++c) {
    CHECK(run.keys()[c * run_length + 3] == expected[c]);
    CHECK(run.values()[3 * 4 + c] == 0);
  }
  CHECK(run.key_scales()[3] == 1);
  CHECK(run.value_scales()[3] == 0);
}

TEST_CASE("Runs lie one after the other, in a ring, or where a table says", "[simd]") {
  KeyRuns<F32> linear{.first = 10, .modulus = 8};
  for (std::size_t r = 0; r < 8; ++r) CHECK(linear.place(r) == 10 + r);

  KeyRuns<F32> ring{.first = 6, .modulus = 3};
  for (std::size_t r = 0; r < 30; ++r) CHECK(ring.place(r) == 6 + r % 3);

  const std::uint32_t pages[] = {5, 0, 9};
  KeyRuns<F32> paged{.table = pages, .page_runs = 4};
  CHECK(paged.place(0) == 20);
  CHECK(paged.place(3) == 23);
  CHECK(paged.place(4) == 0);
  CHECK(paged.place(11) == 39);
}

TEMPLATE_TEST_CASE("Runs of all heads and places are disjoint", "[simd]", F32, Bf16, Q8) {
  constexpr std::size_t n = 12, kv_heads = 3, count = 5;
  std::vector<std::byte> memory(count * kv_heads * RunLayout<TestType>::bytes(n));
  const KeyRuns<TestType> runs{.base = memory.data(), .modulus = count, .kv_heads = kv_heads, .head_dim = n};
  std::set<std::ptrdiff_t> starts;
  for (std::size_t r = 0; r < count; ++r)
    for (std::size_t h = 0; h < kv_heads; ++h) starts.insert(runs.run(r, h).data - memory.data());
  CHECK(starts.size() == count * kv_heads);
  for (const std::ptrdiff_t start : starts) CHECK(static_cast<std::size_t>(start) % RunLayout<TestType>::bytes(n) == 0);
  CHECK(static_cast<std::size_t>(*starts.rbegin()) + RunLayout<TestType>::bytes(n) == memory.size());
}

TEST_CASE("Eight bits hide nothing that is not a number, and hold the smallest vectors as zeros", "[simd]") {
  constexpr std::size_t n = 20;
  std::vector<std::byte> memory(RunLayout<Q8>::bytes(n));
  KeyRuns<Q8> runs;
  runs.base = memory.data();
  runs.head_dim = n;
  const auto stored = [&](float odd) {
    std::vector<float> key(n, 1.5f), value(n, -0.5f);
    key[n / 2] = odd;
    value[0] = odd;
    if (std::abs(odd) < 1) key.assign(n, odd), value.assign(n, odd);
    bora::simd::store_key_value(runs, 3, 0, key.data(), value.data());
    return std::vector{key_at(runs, 3, 0, 0), value_at(runs, 3, 0, n - 1)};
  };
  for (const float odd : {std::nanf(""), HUGE_VALF, -HUGE_VALF})
    for (const double x : stored(odd)) CHECK(std::isnan(x));
  for (const float odd : {0.0f, 1e-45f, -3e-38f, 3e-37f})
    for (const double x : stored(odd)) CHECK(std::abs(x) <= 3e-37);
  for (const double x : stored(3.4e38f)) CHECK(std::abs(x) <= 3.4e38 / 127);
}

#include "simd/numbers.hpp"
#include "support/catch.hpp"
#include <bora/simd/block.hpp>
#include <bora/simd/target.hpp>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

using bora::bfloat16;
using bora::simd::block_lanes;

namespace {

template <class T>
using Block = bora::simd::Block<T>;
template <class T>
using Lanes = std::array<T, block_lanes>;

template <class T>
Lanes<T> lanes_of(Block<T> b) {
  Lanes<T> lanes;
  b.store(lanes.data());
  return lanes;
}
template <class T>
Lanes<T> some(std::uint64_t seed) {
  Lanes<T> lanes;
  const auto values = numbers::bells<T>(block_lanes, seed);
  std::copy(values.begin(), values.end(), lanes.begin());
  return lanes;
}
/// Each lane of `found` is `expected(lane)`.
template <class T, class F>
bool each(Block<T> found, F&& expected) {
  const Lanes<T> lanes = lanes_of<T>(found);
  for (std::size_t i = 0; i < block_lanes; ++i)
    if (!(lanes[i] == expected(i))) return false;
  return true;
}

}  // namespace

TEST_CASE("A block has 16 lanes on every target", "[simd]") {
  CHECK(Block<float>::lanes == 16);
  CHECK(Block<double>::lanes == 16);
  CHECK(!bora::simd::target_name().empty());
  CHECK(Block<float>::tile_panels <= 2);
  CHECK(Block<float>::tile_rows <= 8);
}

TEST_CASE("The report of the target says which kernels a program uses", "[simd]") {
  const std::string pairs = Block<float>::native_pairs ? "yes" : "no",
                    bytes = Block<float>::native_bytes ? "yes" : "no";
  CHECK(bora::simd::target_report() ==
        bora::simd::target_name() + "; bf16 dot products: " + pairs + "; VNNI: " + bytes);
#if defined(__AVX512BF16__) && !defined(HWY_COMPILE_ONLY_SCALAR) && !defined(BORA_BACKEND_SCALAR) && \
    !defined(BORA_BACKEND_XSIMD)
  CHECK(bora::simd::bf16_dot_products);
#endif
}

TEMPLATE_TEST_CASE("Arithmetic is done lane by lane, rounded once", "[simd]", float, double) {
  using B = Block<TestType>;
  const auto a = some<TestType>(1), b = some<TestType>(2), c = some<TestType>(3);
  const B x = B::load(a.data()), y = B::load(b.data()), z = B::load(c.data());
  CHECK(each<TestType>(x + y, [&](std::size_t i) { return a[i] + b[i]; }));
  CHECK(each<TestType>(x - y, [&](std::size_t i) { return a[i] - b[i]; }));
  CHECK(each<TestType>(x * y, [&](std::size_t i) { return a[i] * b[i]; }));
  CHECK(each<TestType>(x / y, [&](std::size_t i) { return a[i] / b[i]; }));
  CHECK(each<TestType>(max(x, y), [&](std::size_t i) { return std::max(a[i], b[i]); }));
  CHECK(each<TestType>(min(x, y), [&](std::size_t i) { return std::min(a[i], b[i]); }));
  CHECK(each<TestType>(abs(x), [&](std::size_t i) { return std::abs(a[i]); }));
  CHECK(each<TestType>(sqrt(abs(x)), [&](std::size_t i) { return std::sqrt(std::abs(a[i])); }));
  CHECK(each<TestType>(B::broadcast(TestType(1.5)), [](std::size_t) { return TestType(1.5); }));
  CHECK(each<TestType>(B::zero(), [](std::size_t) { return TestType(0); }));
  CHECK(each<TestType>(B::where_less(x, y, z, x), [&](std::size_t i) { return a[i] < b[i] ? c[i] : a[i]; }));
  const auto sums = lanes_of<TestType>(mul_add(x, y, z));
  for (std::size_t i = 0; i < block_lanes; ++i) {  // fused or rounded twice, the same in all lanes
    numbers::Bound bound;
    bound.add(double(a[i]) * double(b[i]));
    bound.add(double(c[i]));
    CHECK(bound.allows(sums[i], 2));
  }
}

TEMPLATE_TEST_CASE("A multiply-add rounds the same way in every lane", "[simd]", float, double) {
  using B = Block<TestType>;
  const auto a = some<TestType>(4), b = some<TestType>(5), c = some<TestType>(6);
  for (std::size_t i = 0; i < block_lanes; ++i) {
    const auto found = lanes_of<TestType>(mul_add(B::broadcast(a[i]), B::broadcast(b[i]), B::broadcast(c[i])));
    for (std::size_t j = 1; j < block_lanes; ++j) CHECK(found[j] == found[0]);
    CHECK(lanes_of<TestType>(mul_add(B::load(a.data()), B::load(b.data()), B::load(c.data())))[i] == found[0]);
  }
}

TEMPLATE_TEST_CASE("keep takes a range of lanes and drops a NaN elsewhere", "[simd]", float, double) {
  using B = Block<TestType>;
  Lanes<TestType> a, bad;
  std::iota(a.begin(), a.end(), TestType(1));
  bad.fill(std::numeric_limits<TestType>::quiet_NaN());
  for (int begin = 0; begin <= 16; ++begin)
    for (int end = begin; end <= 16; ++end) {
      auto in = bad;
      for (int i = begin; i < end; ++i) in[std::size_t(i)] = a[std::size_t(i)];
      CHECK(each<TestType>(B::keep(begin, end, B::load(in.data()), B::zero()),
                           [&](std::size_t i) { return int(i) >= begin && int(i) < end ? a[i] : TestType(0); }));
    }
}

TEMPLATE_TEST_CASE("The first lanes load and store without touching the rest", "[simd]", float, double) {
  using B = Block<TestType>;
  const auto values = some<TestType>(7);
  for (std::size_t n = 0; n <= block_lanes; ++n) {
    std::vector<TestType> exact(values.begin(),
                                values.begin() + std::ptrdiff_t(n));  // a reader past it is seen by ASan
    CHECK(each<TestType>(B::load_first(exact.data(), n), [&](std::size_t i) { return i < n ? values[i] : 0; }));
    std::vector<TestType> out(block_lanes + 1, TestType(9));
    B::load(values.data()).store_first(out.data(), n);
    for (std::size_t i = 0; i <= block_lanes; ++i) CHECK(out[i] == (i < n ? values[i] : TestType(9)));
    const auto narrow = numbers::bells<bfloat16>(block_lanes, 8);
    std::vector<bfloat16> exact16(narrow.begin(), narrow.begin() + std::ptrdiff_t(n));
    CHECK(each<TestType>(B::load_first(exact16.data(), n),
                         [&](std::size_t i) { return i < n ? TestType(to_float(narrow[i])) : 0; }));
  }
}

TEMPLATE_TEST_CASE("Narrow numbers widen exactly", "[simd]", float, double) {
  using B = Block<TestType>;
  std::int8_t bytes[block_lanes];
  bfloat16 halves[block_lanes];
  std::size_t wrong = 0;
  for (int base = -128; base <= 112; base += 16) {
    for (int i = 0; i < 16; ++i) bytes[i] = static_cast<std::int8_t>(base + i);
    wrong += !each<TestType>(B::load(bytes), [&](std::size_t i) { return TestType(bytes[i]); });
  }
  for (std::uint32_t base = 0; base <= 0xffff; base += 16) {
    if ((base & 0x7f80) == 0x7f80) continue;  // infinities and NaNs
    for (std::uint32_t i = 0; i < 16; ++i) halves[i].bits = static_cast<std::uint16_t>(base + i);
    wrong += !each<TestType>(B::load(halves), [&](std::size_t i) { return TestType(to_float(halves[i])); });
  }
  CHECK(wrong == 0);
}

TEST_CASE("Blocks round to bfloat16 as to_bfloat16 does, for every kind of number", "[simd]") {
  std::vector<std::uint32_t> patterns;
  for (std::uint32_t high = 0; high <= 0xffff; ++high)
    for (const std::uint32_t low : {0u, 1u, 0x7fffu, 0x8000u, 0x8001u, 0xffffu}) patterns.push_back(high << 16 | low);
  while (patterns.size() % block_lanes != 0) patterns.push_back(0);
  std::size_t wrong = 0;
  for (std::size_t p = 0; p < patterns.size(); p += block_lanes) {
    float in[block_lanes];
    bfloat16 all[block_lanes], first[block_lanes] = {};
    std::memcpy(in, &patterns[p], sizeof in);
    Block<float>::load(in).store(all);
    Block<float>::load(in).store_first(first, 11);
    for (std::size_t i = 0; i < block_lanes; ++i) {
      const std::uint16_t expected = bora::to_bfloat16(std::bit_cast<float>(patterns[p + i])).bits;
      wrong += all[i].bits != expected;
      wrong += first[i].bits != (i < 11 ? expected : 0);
    }
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("Lanes are summed and compared", "[simd]", float, double) {
  using B = Block<TestType>;
  for (std::size_t at = 0; at < block_lanes; ++at) {
    Lanes<TestType> lanes;
    lanes.fill(TestType(-3));
    lanes[at] = TestType(at);
    CHECK(B::load(lanes.data()).largest() == TestType(at));
    CHECK(B::load(lanes.data()).sum() == TestType(at) - 45);
    lanes.fill(-std::numeric_limits<TestType>::infinity());
    lanes[at] = TestType(-5);
    CHECK(B::load(lanes.data()).largest() == TestType(-5));
  }
}

TEMPLATE_TEST_CASE("exp and tanh agree with the library's", "[simd]", float, double) {
  using B = Block<TestType>;
  numbers::Worst worst_exp, worst_softmax, worst_tanh;
  for (double base = -87; base < 88; base += 0.0625) {
    Lanes<TestType> x;
    for (std::size_t i = 0; i < block_lanes; ++i) x[i] = static_cast<TestType>(base + static_cast<double>(i) / 259);
    const auto e = lanes_of<TestType>(exp(B::load(x.data()))), t = lanes_of<TestType>(tanh(B::load(x.data())));
    const auto s = lanes_of<TestType>(exp_nonpositive(B::load(x.data())));
    for (std::size_t i = 0; i < block_lanes; ++i) {
      const double exact = std::exp(static_cast<double>(x[i])), exact_tanh = std::tanh(static_cast<double>(x[i]));
      worst_exp.see(static_cast<double>(e[i]), exact, exact);
      if (x[i] <= 0) worst_softmax.see(static_cast<double>(s[i]), exact, exact);
      if (exact_tanh != 0) worst_tanh.see(static_cast<double>(t[i]), exact_tanh, std::abs(exact_tanh));
    }
  }
  CHECK(worst_exp < 4 * numbers::rounding<TestType>);  // Highway and xsimd promise one unit in the last place
  CHECK(worst_softmax < 4 * numbers::rounding<TestType>);
  CHECK(worst_tanh < 10 * numbers::rounding<TestType>);
}

TEMPLATE_TEST_CASE("exp of far away numbers is 0 or infinity", "[simd]", float, double) {
  using B = Block<TestType>;
  constexpr TestType infinity = std::numeric_limits<TestType>::infinity();
  CHECK(each<TestType>(exp(B::broadcast(-infinity)), [](std::size_t) { return TestType(0); }));
  CHECK(each<TestType>(exp(B::broadcast(TestType(-1e5))), [](std::size_t) { return TestType(0); }));
  CHECK(each<TestType>(exp(B::zero()), [](std::size_t) { return TestType(1); }));
  CHECK(each<TestType>(exp_nonpositive(B::broadcast(-infinity)), [](std::size_t) { return TestType(0); }));
  CHECK(each<TestType>(exp_nonpositive(B::broadcast(TestType(-1e5))), [](std::size_t) { return TestType(0); }));
  CHECK(each<TestType>(exp_nonpositive(B::zero()), [](std::size_t) { return TestType(1); }));
  CHECK(each<TestType>(exp(B::broadcast(TestType(1e5))), [](std::size_t) { return infinity; }));
  CHECK(each<TestType>(tanh(B::broadcast(TestType(-1e5))), [](std::size_t) { return TestType(-1); }));
  CHECK(each<TestType>(tanh(B::zero()), [](std::size_t) { return TestType(0); }));
}

TEMPLATE_TEST_CASE("Functions of a NaN are NaN, whatever its bits", "[simd]", float, double) {
  using B = Block<TestType>;
  const auto check = [](TestType bad) {
    const Lanes<TestType> found[] = {lanes_of<TestType>(exp(B::broadcast(bad))),
                                     lanes_of<TestType>(exp_nonpositive(B::broadcast(bad))),
                                     lanes_of<TestType>(tanh(B::broadcast(bad)))};
    for (const Lanes<TestType>& lanes : found)
      for (const TestType lane : lanes) CHECK(std::isnan(lane));
  };
  check(std::numeric_limits<TestType>::quiet_NaN());
  check(-std::numeric_limits<TestType>::quiet_NaN());
  check(std::numeric_limits<TestType>::signaling_NaN());
}

TEMPLATE_TEST_CASE("A dot product of pairs adds both products", "[simd]", float, double) {
  using B = Block<TestType>;
  const auto w = numbers::bells<bfloat16>(2 * block_lanes, 9), x = numbers::bells<bfloat16>(2, 10);
  const auto c = some<TestType>(11);
  const auto found =
      lanes_of<TestType>(dot_pairs(B::Pairs::load(w.data()), B::Pairs::broadcast(x.data()), B::load(c.data())));
  for (std::size_t i = 0; i < block_lanes; ++i) {
    numbers::Bound bound;
    bound.add(double(c[i]));
    bound.add(numbers::wide(w[2 * i]) * numbers::wide(x[0]));
    bound.add(numbers::wide(w[2 * i + 1]) * numbers::wide(x[1]));
    CHECK(bound.allows(found[i], 3));
  }
}

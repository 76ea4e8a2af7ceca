#include "support/catch.hpp"
#include <bora/core/random.hpp>
#include <bora/model/positions.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

using namespace bora;

namespace {

constexpr HeadShape shape{.heads = 6, .kv_heads = 2, .head_dim = 20};
inline constexpr YarnSettings yarn{.factor = 4, .original_context = 64};

template <class Position, class T>
using Tables = detail::PositionTables<GroupedQueryAttention<shape, Causal, Position>, T>;

}  // namespace

TEMPLATE_TEST_CASE("Rows turn by position times frequency, however far they stand", "[model]", float, double) {
  using Rope = bora::Rope<1e4, 0.8, YarnScaling<yarn>>;
  Tables<Rope, TestType> tables;
  const std::vector<RowPlace> places = {{0, 0}, {1, 1}, {0, 31}, {3, 8192}, {0, 1'000'000}};
  std::vector<std::byte> memory(10'000);
  Arena arena(memory.data());
  tables.carve(arena, places.size());
  for (std::size_t lane = 0; lane < 3; ++lane) tables.rotate(Lane{lane, 3, nullptr}, places.data(), places.size());
  REQUIRE(tables.frequencies.size() == 8);
  const double amplitude = 0.1 * std::log(4.0) + 1;
  double worst = 0;
  for (std::size_t r = 0; r < places.size(); ++r)
    for (std::size_t c = 0; c < 8; ++c) {
      const double angle = static_cast<double>(places[r].position) * Rope::frequency(c, 20);
      worst = std::max(worst, std::abs(static_cast<double>(tables.cosine.row(r)[c]) - amplitude * std::cos(angle)));
      worst = std::max(worst, std::abs(static_cast<double>(tables.sine.row(r)[c]) - amplitude * std::sin(angle)));
    }
  CHECK(worst < (sizeof(TestType) == 4 ? 7e-8 : 2e-16));  // one rounding
}

TEST_CASE("Linear biases reach the kernels as slopes", "[model]") {
  const Tables<Alibi<>, float> tables;
  const simd::ScoreBias<float> bias = tables.bias();
  REQUIRE(bias.slopes != nullptr);
  CHECK(bias.by_distance == nullptr);
  for (std::size_t h = 0; h < shape.heads; ++h)
    CHECK(bias.slopes[h] == static_cast<float>(Alibi<>::slope(h, shape.heads)));
}

TEST_CASE("Without a bias the kernels add none", "[model]") {
  CHECK(!Tables<Rope<1e4>, float>().bias().any());
  CHECK(!Tables<NoPosition, float>().bias().any());
}

TEST_CASE("T5's table is spread over distances, and its gradient folded back", "[model]") {
  using Bias = T5RelativeBias<8, 32>;
  Tables<Bias, double> tables;
  Buffer<double> memory(simd::PanelLayout<F64>::size(8, shape.heads));
  const PackedMatrix<F64> table{{memory.data(), 8, shape.heads}};
  std::vector<double> plain(8 * shape.heads);
  Random random(1);
  for (double& x : plain) x = random.normal();
  table.pack(plain.data(), {0, 8}, reinterpret_cast<std::byte*>(memory.data()));
  tables.spread(table);
  const simd::ScoreBias<double> bias = tables.bias();
  REQUIRE(bias.reach == 33);  // distances 0 .. 32; what is further shares the last bucket
  std::size_t wrong = 0;
  for (std::size_t h = 0; h < shape.heads; ++h)
    for (std::size_t d = 0; d < 200; ++d)
      wrong +=
          bias.by_distance[h * bias.reach + std::min(d, bias.reach - 1)] != plain[Bias::bucket(d) * shape.heads + h];
  CHECK(wrong == 0);

  // <spread(table), g> == <table, fold(g)>
  constexpr std::size_t sequences = 3;
  std::vector<double> g(sequences * shape.heads * bias.reach), folded(plain.size());
  for (double& x : g) x = random.normal();
  Tables<Bias, double>::fold(g.data(), sequences, folded.data());
  double left = 0, right = 0;
  for (std::size_t i = 0; i < g.size(); ++i) left += g[i] * bias.by_distance[i % (shape.heads * bias.reach)];
  for (std::size_t i = 0; i < plain.size(); ++i) right += plain[i] * folded[i];
  CHECK(std::abs(left - right) < 1e-10);
}

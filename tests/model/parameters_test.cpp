#include "support/catch.hpp"
#include <bora/model/parameters.hpp>
#include <cstddef>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace bora;

namespace {

struct DenseAndMixture : DecoderSpec {
  static constexpr std::size_t vocab_size = 10, dim = 6, layers = 3, context = 9;
  static constexpr HeadShape head_shape{.heads = 2, .kv_heads = 1, .head_dim = 4};
  using Position = LearnedPositions;
  using Norm = LayerNorm<1e-5>;
  using Attention = Alternate<GroupedQueryAttention<head_shape, Causal, T5RelativeBias<4, 8>, Bias>,
                              GroupedQueryAttention<head_shape>>;
  using FeedForward = Alternate<SwiGlu<5>, MixtureOfExperts<2, TopKRouter<1>, Mlp<7, Gelu, Bias>>>;
};
struct Tied : DenseAndMixture {
  static constexpr bool tie_embeddings = true;
  using Position = NoPosition;
  using Norm = NonParametricLayerNorm<1e-5>;
  using Attention = GroupedQueryAttention<head_shape>;
  using FeedForward = SwiGlu<5>;
  using Residual = ParallelResidual<SharedNorm>;
};

struct Seen {
  std::string name;
  std::size_t layer, expert, rows, cols;
  bool operator==(const Seen&) const = default;
};
template <class S, class T>
std::vector<Seen> list(Parameters<S, T>& p) {
  std::vector<Seen> seen;
  p.for_each([&](TensorId id, TensorShape shape, std::span<T>) {
    seen.push_back({std::string(id.name), id.layer, id.expert, shape.rows, shape.cols});
  });
  return seen;
}

}  // namespace

TEST_CASE("Parameters lie in the order of the model", "[model]") {
  Parameters<Tied> p;
  const std::vector<Seen> expected = {
      {"embedding", 0, 0, 10, 6},  //
      {"query", 0, 0, 8, 6},      {"key", 0, 0, 4, 6}, {"value", 0, 0, 4, 6}, {"output", 0, 0, 6, 8},
      {"gate", 0, 0, 5, 6},       {"up", 0, 0, 5, 6},  {"down", 0, 0, 6, 5},  //
      {"query", 1, 0, 8, 6},      {"key", 1, 0, 4, 6}, {"value", 1, 0, 4, 6}, {"output", 1, 0, 6, 8},
      {"gate", 1, 0, 5, 6},       {"up", 1, 0, 5, 6},  {"down", 1, 0, 6, 5},  //
      {"query", 2, 0, 8, 6},      {"key", 2, 0, 4, 6}, {"value", 2, 0, 4, 6}, {"output", 2, 0, 6, 8},
      {"gate", 2, 0, 5, 6},       {"up", 2, 0, 5, 6},  {"down", 2, 0, 6, 5}};
  CHECK(list(p) == expected);
}

TEST_CASE("A model with everything names every tensor once", "[model]") {
  Parameters<DenseAndMixture> p;
  const std::vector<Seen> seen = list(p);
  std::set<std::tuple<std::string, std::size_t, std::size_t>> names;
  for (const Seen& s : seen) names.insert({s.name, s.layer, s.expert});
  CHECK(names.size() == seen.size());
  CHECK(seen[0] == Seen{"embedding", 0, 0, 10, 6});
  CHECK(seen[1] == Seen{"positions", 0, 0, 9, 6});
  CHECK(seen[2] == Seen{"relative_bias", 0, 0, 4, 2});
  CHECK(seen.back() == Seen{"head", 0, 0, 10, 6});
  for (const char* name : {"query_bias", "key_bias", "value_bias", "output_bias", "gate"}) {
    CHECK(names.count({name, 0, 0}) == 1);
    CHECK(names.count({name, 1, 0}) == 0);
    CHECK(names.count({name, 2, 0}) == 1);
  }
  CHECK(names.count({"router", 1, 0}) == 1);
  for (const std::size_t expert : {0, 1})
    for (const char* name : {"up", "up_bias", "down", "down_bias"}) CHECK(names.count({name, 1, expert}) == 1);
  for (const char* name : {"attention_norm", "attention_norm_bias", "feed_forward_norm", "feed_forward_norm_bias"})
    for (const std::size_t layer : {0, 1, 2}) CHECK(names.count({name, layer, 0}) == 1);
  CHECK(names.count({"final_norm_bias", 0, 0}) == 1);
}

TEMPLATE_TEST_CASE("Tensors fill the flat array without gap or overlap", "[model]", DenseAndMixture, Tied) {
  Parameters<TestType, double> p;
  const double* at = p.values().data();
  p.for_each([&](TensorId, TensorShape shape, std::span<double> tensor) {
    CHECK(tensor.data() == at);
    CHECK(tensor.size() == shape.size());
    at += tensor.size();
  });
  CHECK(at == p.values().data() + p.values().size());
  CHECK(p.values().size() == parameter_count<TestType>);
}

namespace {

/// The tree's pointers and the flat array's spans name the same memory.
template <class S>
void check_tree(Parameters<S>& p) {
  std::vector<const float*> places;
  detail::Anatomy<S>::visit(
      [&](TensorId, TensorShape shape, auto& place) {
        if constexpr (requires { place.cols; }) {
          places.push_back(place.data);
          CHECK(place.rows == shape.rows);
          CHECK(place.cols == shape.cols);
        } else {
          places.push_back(place);
          CHECK(!shape.matrix());
        }
      },
      p.tree());
  std::size_t i = 0;
  std::as_const(p).for_each([&](TensorId, TensorShape, std::span<const float> tensor) {
    REQUIRE(i < places.size());
    CHECK(places[i++] == tensor.data());
  });
  CHECK(i == places.size());
}

}  // namespace

TEMPLATE_TEST_CASE("The tree of tensors points into the flat array, also after a move", "[model]", DenseAndMixture,
                   Tied) {
  Parameters<TestType> p;
  check_tree(p);
  p.values()[5] = 3;
  p.names.prefix = false;

  Parameters<TestType> moved(std::move(p));
  check_tree(moved);
  CHECK(moved.values()[5] == 3);
  CHECK(!moved.names.prefix);

  Parameters<TestType> assigned;
  assigned = std::move(moved);
  check_tree(assigned);
  CHECK(assigned.values()[5] == 3);

  std::vector<Parameters<TestType>> many;
  for (int i = 0; i < 4; ++i) many.emplace_back();  // moves them as it grows
  for (auto& each : many) check_tree(each);
}

TEST_CASE("Parameters begin as zeros", "[model]") {
  const Parameters<DenseAndMixture> p;
  for (const float x : p.values()) REQUIRE(x == 0);
}

TEST_CASE("A tied head is the embedding", "[model]") {
  Parameters<Tied> tied;
  CHECK(tied.tree().output().data == tied.tree().embedding.data);
  Parameters<DenseAndMixture> free;
  CHECK(free.tree().output().data == free.tree().head.data);
  CHECK(free.tree().output().data != free.tree().embedding.data);
}

// What docs/add_a_policy.md shows: a mask, an activation, a router and a feed-forward written outside the library, and
// the tests of their gradients.
#include "layers/alone.hpp"
#include "support/catch.hpp"
#include <bora/infer/logits.hpp>
#include <bora/infer/session.hpp>
#include <bora/train/gradient.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

// [mask]
namespace mine {

/// Attention inside blocks (Liu et al. 2018, "Generating Wikipedia by Summarizing Long Sequences", local attention):
/// the text is cut into blocks of `keys` tokens; a query sees its own block, up to itself.
template <std::size_t keys>
struct BlockLocal {
  static_assert(keys > 0, "mine: BlockLocal: a block holds at least one token");
  static constexpr std::size_t window = keys;  // the most keys that a query ever sees
  static constexpr std::size_t first_visible(std::size_t position) noexcept { return position / keys * keys; }
};
static_assert(bora::MaskPolicy<BlockLocal<64>>);

}  // namespace mine
// [/mask]

// [activation]
BORA_BEFORE_NAMESPACE();
namespace mine {

/// max(0, x)² (So et al. 2021, "Primer").
struct SquaredRelu {
  struct Function {
    template <class Block>
    static Block value(Block x) noexcept {
      const Block positive = max(x, Block::zero());
      return positive * positive;
    }
    template <class Block>
    static Block slope(Block x) noexcept {
      const Block positive = max(x, Block::zero());
      return positive + positive;
    }
  };
};
static_assert(bora::ActivationPolicy<SquaredRelu>);

}  // namespace mine
BORA_AFTER_NAMESPACE();
// [/activation]

// [router]
BORA_BEFORE_NAMESPACE();
namespace mine {

/// DeepSeek-V3's router without its correction bias (DeepSeek-AI 2024, §2.1.2): the k largest logits, weighted by their
/// sigmoids, which are divided by their sum.
template <std::size_t k>
struct SigmoidRouter {
  static constexpr std::size_t choices = k;

  /// choice [k]: experts by falling logit, ties to the lower index. weight [k].
  template <class T>
  static void route(const T* logits, std::size_t experts, std::int32_t* choice, T* weight) noexcept {
    bora::choose_largest(logits, experts, k, choice);
    T sum = 0;
    for (std::size_t c = 0; c < k; ++c) sum += weight[c] = sigmoid(logits[choice[c]]);
    for (std::size_t c = 0; c < k; ++c) weight[c] /= sum;
  }

  /// d_logits [experts] += the gradient, given d_weight [k], that of the weights. With s = sigmoid(logit) and
  /// w = s / sum(s):  dw_i / ds_j = ((i = j) - w_i) / sum(s)  and  ds / dlogit = s (1 - s).
  template <class T>
  static void backward(const T* logits, std::size_t, const std::int32_t* choice, const T* weight, const T* d_weight,
                       T* d_logits) noexcept {
    T mean = 0;
    for (std::size_t c = 0; c < k; ++c) mean += weight[c] * d_weight[c];
    for (std::size_t c = 0; c < k; ++c)
      d_logits[choice[c]] += weight[c] * (d_weight[c] - mean) * (1 - sigmoid(logits[choice[c]]));
  }

 private:
  template <class T>
  static T sigmoid(T x) noexcept {
    return 1 / (1 + std::exp(-x));
  }
};
static_assert(bora::RouterPolicy<SigmoidRouter<2>>);

}  // namespace mine
BORA_AFTER_NAMESPACE();
// [/router]

BORA_BEFORE_NAMESPACE();
// [feed_forward_facts]
namespace mine {

/// down(gate(x) * up(x)), a gated layer without an activation (Shazeer 2020, "GLU variants", eq. 5 and 6).
template <std::size_t hidden_>
struct Bilinear {
  static constexpr std::size_t hidden = hidden_, experts = 0;
  static constexpr bool gated = true, has_bias = false;  // which tensors files hold of it

  template <std::size_t dim>
  struct Layer {
    template <class Store>
    struct Tensors {
      typename Store::Matrix gate, up, down;
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      f(bora::TensorId{"gate"}, bora::TensorShape{hidden, dim}, place.gate...);
      f(bora::TensorId{"up"}, bora::TensorShape{hidden, dim}, place.up...);
      f(bora::TensorId{"down"}, bora::TensorShape{dim, hidden}, place.down...);
    }
    // [/feed_forward_facts]

    // [feed_forward_forward]
    template <class Store>
    struct Kept {
      bora::Rows<typename Store::Number> gate, up;  ///< [rows, hidden]
      typename Store::Input product;                ///< of the two: the input of `down`

      static Kept carve(bora::Arena& arena, std::size_t rows) noexcept {
        using T = typename Store::Number;
        return {bora::take_rows<T>(arena, rows, hidden), bora::take_rows<T>(arena, rows, hidden),
                Store::take_input(arena, rows, hidden)};
      }
    };

    /// y = the layer on this lane's columns of y, which are returned.
    template <class Store>
    static bora::Range forward(const bora::Lane& lane, const Tensors<Store>& w, const typename Store::Input& x,
                               std::size_t rows, const Kept<Store>& kept,
                               bora::Rows<typename Store::Number> y) noexcept {
      bora::linear(lane, w.gate, bora::Absent{}, x, rows, kept.gate);
      const bora::Range columns = bora::linear(lane, w.up, bora::Absent{}, x, rows, kept.up);
      for (std::size_t r = 0; r < rows; ++r) {
        bora::simd::multiply(kept.gate.row(r) + columns.begin, kept.up.row(r) + columns.begin,
                             kept.product.row(r) + columns.begin, columns.size());
        w.down.prepare(kept.product, r, columns);
      }
      lane.sync();  // `down` reads all columns of the product
      return bora::linear(lane, w.down, bora::Absent{}, kept.product, rows, y);
    }
    // [/feed_forward_forward]

    // [feed_forward_backward]
    template <class Store>
    struct Gradients {
      bora::Rows<typename Store::Number> product, gate, up;
      static Gradients carve(bora::Arena& arena, std::size_t rows) noexcept {
        using T = typename Store::Number;
        return {bora::take_rows<T>(arena, rows, hidden), bora::take_rows<T>(arena, rows, hidden),
                bora::take_rows<T>(arena, rows, hidden)};
      }
    };

    /// dx += the gradient with respect to x; g += those of the weights.
    template <class Store, class T = typename Store::Number>
    static void backward(const bora::Lane& lane, const Tensors<Store>& w, const Tensors<bora::Flat<T>>& g,
                         const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                         const Gradients<Store>& d, bora::Rows<const T> dy, bora::Rows<T> dx) noexcept {
      bora::clear_columns(lane, d.product, rows, hidden);
      const bora::Range columns = bora::linear_backward(lane, w.down, dy, rows, d.product);
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = columns.begin; c < columns.end; ++c) {
          d.gate.row(r)[c] = d.product.row(r)[c] * kept.up.row(r)[c];
          d.up.row(r)[c] = d.product.row(r)[c] * kept.gate.row(r)[c];
        }
      bora::linear_gradient(lane, w.down, g.down, bora::Absent{}, dy, kept.product, rows);
      lane.sync();
      bora::linear_backward(lane, w.gate, d.gate, rows, dx);
      bora::linear_backward(lane, w.up, d.up, rows, dx);
      bora::linear_gradient(lane, w.gate, g.gate, bora::Absent{}, d.gate, x, rows);
      bora::linear_gradient(lane, w.up, g.up, bora::Absent{}, d.up, x, rows);
    }
  };
};
static_assert(bora::FeedForwardPolicy<Bilinear<64>>);

}  // namespace mine
// [/feed_forward_backward]
BORA_AFTER_NAMESPACE();

// [model]
struct Own : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 64, dim = 18, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6},
                                                mine::BlockLocal<16>, bora::Rope<1e4>>;
  using FeedForward =
      bora::Alternate<mine::Bilinear<21>,
                      bora::MixtureOfExperts<4, mine::SigmoidRouter<2>, bora::Mlp<13, mine::SquaredRelu>>>;
};
// [/model]

// [differences]
/// The worst error of a model's gradients against central differences of its loss, both in F64: each tensor is moved
/// along a random direction, and errors are relative to the gradient's length.
template <class Spec>
double worst_gradient_error(const bora::TokenBatch& batch) {
  const bora::Decoder<Spec, bora::F64> model = bora::random_model<Spec, bora::F64>(/*seed=*/1);
  auto moved = model.template parameters<double>();
  const auto loss = [&] { return bora::loss_and_gradients(bora::Decoder<Spec, bora::F64>(moved), batch).loss; };
  const auto [at_model, gradients] = bora::loss_and_gradients(model, batch);

  bora::Random random(/*seed=*/2);
  double worst = 0;
  std::size_t begin = 0;
  gradients.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<const double> gradient) {
    const std::span<double> tensor = moved.values().subspan(begin, shape.size());
    const std::vector<double> start(tensor.begin(), tensor.end());
    std::vector<double> direction(tensor.size());
    for (double& d : direction) d = random.normal();
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < tensor.size(); ++i) tensor[i] = start[i] + step * direction[i];
      return loss();
    };
    constexpr double step = 1e-6;
    const double difference = (loss_at(step) - loss_at(-step)) / (2 * step);
    double expected = 0, square = 0;
    for (std::size_t i = 0; i < tensor.size(); ++i) {
      expected += gradient[i] * direction[i];
      square += gradient[i] * gradient[i];
    }
    worst = std::max(worst, std::abs(difference - expected) / std::sqrt(square));
    std::copy(start.begin(), start.end(), tensor.begin());
    begin += shape.size();
  });
  return worst;
}
// [/differences]

namespace {

bora::TokenBatch some_tokens(std::size_t batch, std::size_t time, std::uint64_t seed) {
  bora::Random random(seed);
  std::vector<bora::TokenId> ids(batch * time);
  for (bora::TokenId& id : ids) id = static_cast<bora::TokenId>(random.below(Own::vocab_size));
  return {batch, time, std::move(ids)};
}

}  // namespace

// [differences_test]
TEST_CASE("The gradients of a model of our own policies are its loss's differences", "[docs]") {
  CHECK(worst_gradient_error<Own>(some_tokens(2, 37, /*seed=*/3)) < 1e-6);  // two blocks of 16 and a piece
}
// [/differences_test]

// [layer_tests]
TEST_CASE("The backward of each policy of our own is its forward's gradient", "[docs]") {
  constexpr bora::HeadShape shape{.heads = 4, .kv_heads = 2, .head_dim = 6};
  support::check_attention<bora::GroupedQueryAttention<shape, mine::BlockLocal<11>, bora::Rope<1e4>>, 18>("BlockLocal",
                                                                                                          2, 37);
  support::check_feed_forward<bora::Mlp<21, mine::SquaredRelu>, 18>("SquaredRelu", 2, 9);
  support::check_feed_forward<bora::MixtureOfExperts<5, mine::SigmoidRouter<2>, bora::SwiGlu<11>>, 18>("SigmoidRouter",
                                                                                                       2, 13);
  support::check_feed_forward<mine::Bilinear<21>, 18>("Bilinear", 2, 9);
}
// [/layer_tests]

// [invariant_test]
TEST_CASE("Nothing of a block reaches the next", "[docs]") {
  const auto model = bora::random_model<Own, bora::F32>(/*seed=*/1);
  const bora::TokenBatch tokens = some_tokens(1, 40, /*seed=*/4);
  std::vector<bora::TokenId> changed(tokens.ids().begin(), tokens.ids().end());
  for (std::size_t t = 0; t < 16; ++t) changed[t] = 0;
  const auto expected = bora::logits(model, tokens), found = bora::logits(model, {1, 40, changed});
  for (std::size_t t = 16; t < 40; ++t) CHECK(std::ranges::equal(found.row(0, t), expected.row(0, t)));
  CHECK(!std::ranges::equal(found.row(0, 15), expected.row(0, 15)));
}
// [/invariant_test]

// [cache_test]
struct Wide : Own {  // blocks that are no multiple of a run of 16 keys
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 4, .kv_heads = 2, .head_dim = 6},
                                                mine::BlockLocal<40>, bora::Rope<1e4>>;
};

TEST_CASE("A ring of the mask's window holds all that is seen", "[docs]") {
  const auto model = bora::random_model<Wide, bora::F32>(/*seed=*/1);
  bora::Session ring{model, {.chunk = 5}};  // the default: the mask has a window
  bora::Session<decltype(model), bora::LinearCache<bora::F32>> everything{model, {.capacity = 200}};
  const bora::TokenBatch tokens = some_tokens(1, 199, /*seed=*/5);
  const auto found = ring.prefill(tokens.ids()), expected = everything.prefill(tokens.ids());
  CHECK(std::memcmp(found.data(), expected.data(), found.size_bytes()) == 0);
}
// [/cache_test]

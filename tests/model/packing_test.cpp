#include "support/catch.hpp"
#include <bora/model/decoder.hpp>
#include <bora/simd/panels.hpp>
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace {

struct Odd : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 37, dim = 19, layers = 3, context = 5;
  using Norm = bora::LayerNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 3, .kv_heads = 1, .head_dim = 7}, bora::Causal,
                                                bora::T5RelativeBias<8, 20>, bora::Bias>;
  using FeedForward =
      bora::Alternate<bora::GeGlu<23, bora::Bias>, bora::MixtureOfExperts<5, bora::TopKRouter<2>, bora::SwiGlu<1>>>;
  using Position = bora::LearnedPositions;
};

template <class T>
bora::Parameters<Odd, T> random_parameters() {
  bora::Parameters<Odd, T> p;
  bora::Random random(1);
  for (T& value : p.values()) value = static_cast<T>(random.normal());
  return p;
}
/// Same bits, of anything with data() and size().
template <class A, class B>
bool same(const A& a, const B& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(*a.data())) == 0;
}

}  // namespace

TEST_CASE("A matrix comes out of its panels as it went in, whatever its shape", "[model]") {
  bora::Random random(1);
  for (const std::size_t rows : {1, 2, 15, 16, 17, 31, 33, 50})
    for (const std::size_t cols : {1, 2, 3, 15, 16, 17, 40}) {
      std::vector<float> w(rows * cols), out(rows * cols);
      for (float& value : w) value = static_cast<float>(random.normal());
      bora::Buffer<float> memory(bora::simd::PanelLayout<bora::F32>::size(rows, cols));
      const bora::simd::WritablePanels<bora::F32> panels(memory.data(), rows, cols);
      bora::simd::pack(w.data(), 0, rows, panels);
      bora::simd::unpack(panels, out.data());
      INFO(rows << " x " << cols);
      CHECK(same(out, w));
    }
}

TEST_CASE("Parameters come out of a packed model as they went in", "[model]") {
  const auto single = random_parameters<float>();
  const auto exact = random_parameters<double>();
  CHECK(same(bora::Decoder<Odd, bora::F32>(single).parameters().values(), single.values()));
  CHECK(same(bora::Decoder<Odd, bora::F64>(exact).parameters<double>().values(), exact.values()));
}

TEST_CASE("In Bf16 matrices come out rounded once, and vectors as they went in", "[model]") {
  const auto p = random_parameters<float>();
  const auto out = bora::Decoder<Odd, bora::Bf16>(p).parameters();
  std::size_t at = 0, wrong = 0;
  p.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<const float> values) {
    for (const float value : values)
      wrong += out.values()[at++] != (shape.matrix() ? bora::to_float(bora::to_bfloat16(value)) : value);
  });
  CHECK(wrong == 0);
  CHECK(same(bora::Decoder<Odd, bora::Bf16>(out).parameters().values(), out.values()));
}

TEST_CASE("Packing by several lanes packs everything once", "[model]") {
  const auto p = random_parameters<float>();
  for (const std::size_t lanes : {2, 3, 5}) {
    bora::Decoder<Odd, bora::F32> model;
    for (std::size_t lane = 0; lane < lanes; ++lane) model.assign(bora::Lane{lane, lanes, nullptr}, p);
    CHECK(same(model.parameters().values(), p.values()));
  }
}

TEST_CASE("Visiting with and without places names the same tensors, and their sizes are the count", "[model]") {
  const auto p = random_parameters<float>();
  std::size_t tensors = 0, numbers = 0, constant = 0;
  p.for_each([&](bora::TensorId, bora::TensorShape shape, std::span<const float> values) {
    ++tensors;
    numbers += values.size();
    CHECK(values.size() == shape.size());
  });
  bora::detail::Anatomy<Odd>::visit([&](bora::TensorId, bora::TensorShape shape, auto&) { constant += shape.size(); },
                                    const_cast<bora::Parameters<Odd>::Tree&>(p.tree()));
  CHECK(numbers == bora::parameter_count<Odd>);
  CHECK(constant == bora::parameter_count<Odd>);
  // embedding, positions, table; 4 + 8 of attention and norms a layer; 6 dense twice; 1 + 5 * 3; final norm 2, head
  CHECK(tensors == 3 + 3 * 12 + 2 * 6 + 16 + 3);
}

namespace {

/// An embedding of more than one strip, the last of which ends inside a panel.
struct Tall : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 70'001, dim = 24, layers = 1, context = 16;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::MultiHeadAttention<bora::HeadShape{.heads = 2, .head_dim = 8}>;
  using FeedForward = bora::SwiGlu<16>;
};

}  // namespace

TEST_CASE("A model that is asked for by rows is the one that is asked for by tensors", "[model]") {
  const auto value = [](std::size_t i) { return static_cast<float>(i % 1013) - 500; };
  std::size_t largest = 0;
  const bora::Decoder<Tall, bora::Bf16> by_rows(
      [&](bora::TensorId, bora::TensorShape shape, bora::Range rows, std::span<float> out) {
        const std::size_t cols = shape.matrix() ? shape.cols : 1;
        CHECK(out.size() == rows.size() * cols);
        largest = std::max(largest, out.size());
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = value(rows.begin * cols + i);
      });
  const bora::Decoder<Tall, bora::Bf16> whole([&](bora::TensorId, bora::TensorShape, std::span<float> out) {
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = value(i);
  });
  CHECK(largest < std::size_t{1'100'000});
  const auto a = by_rows.parameters(), b = whole.parameters();
  CHECK(std::memcmp(a.values().data(), b.values().data(), a.values().size_bytes()) == 0);
}

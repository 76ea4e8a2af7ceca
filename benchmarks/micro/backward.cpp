// Matrix products of backward, in the shapes of a small Llama's training: dX = dY W and dW = dYᵀ X.
#include "kernel.hpp"
#include <bora/simd/matmul.hpp>
#include <string>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace benchmarks { namespace {

struct Shape {
  std::size_t rows, inputs, outputs;
  std::string text() const { return detail::message("shape:", rows, "x", inputs, "x", outputs); }
  /// All three products of a linear layer cost the same.
  Work work(std::size_t weight_bytes) const {
    const double m = static_cast<double>(rows), k = static_cast<double>(inputs), n = static_cast<double>(outputs);
    return {.flops = 2 * m * k * n, .bytes = 4 * m * (k + n) + static_cast<double>(weight_bytes) * k * n};
  }
};
constexpr Shape shapes[] = {{2048, 512, 1408}, {2048, 1408, 512}, {256, 512, 8192}};

template <MatrixFormat Format>
void add_matmul_transposed(const Shape& s) {
  add("matmul_transposed", detail::message("format:", Format::name, "/", s.text()),
      s.work(sizeof(typename Format::Storage)), [s] {
        return [s, dy = numbers<float>(s.rows * s.outputs), dx = numbers<float>(s.rows * s.inputs),
                weights =
                    numbers<typename Format::Storage>(simd::PanelLayout<Format>::size(s.outputs, s.inputs))]() mutable {
          const simd::Panels<Format> w{weights.data(), s.outputs, s.inputs};
          simd::matmul_transposed(w, {0, s.inputs}, dy.data(), s.outputs, s.rows, dx.data(), s.inputs);
        };
      });
}

void add_outer_product(const Shape& s) {
  add("outer_product", "format:F32/" + s.text(), s.work(8), [s] {
    return [s, dy = numbers<float>(s.rows * s.outputs), x = numbers<float>(s.rows * s.inputs),
            dw = numbers<float>(s.outputs * s.inputs)]() mutable {
      simd::outer_product<float, float>({0, s.outputs}, dy.data(), s.outputs, x.data(), s.inputs, s.rows, dw.data(),
                                        s.inputs);
    };
  });
}

[[maybe_unused]] const bool added = [] {
  for (const Shape& s : shapes) add_matmul_transposed<F32>(s), add_matmul_transposed<Bf16>(s), add_outer_product(s);
  return true;
}();

}}}}  // namespace bora::BORA_ABI::benchmarks

// Matrix products of forward: a matrix larger than the caches, few rows (decode) and many (prefill).
#include "kernel.hpp"
#include <bora/simd/matmul.hpp>
#include <string>
#include <utility>

namespace bora { inline namespace BORA_ABI { namespace benchmarks { namespace {

template <MatrixFormat Format>
auto make_matmul(std::size_t rows, std::size_t outputs, std::size_t inputs) {
  using T = typename Format::Number;
  auto weights = numbers<typename Format::Storage>(simd::PanelLayout<Format>::size(outputs, inputs));
  auto x = numbers<typename Format::Activation>(rows * inputs);
  return
      [rows, outputs, inputs, weights = std::move(weights), x = std::move(x), y = Buffer<T>(rows * outputs)]() mutable {
        const simd::Panels<Format> w{weights.data(), outputs, inputs};
        simd::matmul(w, {0, w.count()}, x.data(), inputs, rows, y.data(), outputs);
      };
}

template <MatrixFormat Format>
void add_matmul() {
  constexpr std::size_t outputs = 8192, inputs = 4096 + 32;  // not a multiple of a page, as activations are laid out
  for (const std::size_t rows : {1u, 2u, 4u, 8u, 16u, 128u}) {
    const double m = static_cast<double>(rows), n = outputs, k = inputs;
    const Work work{
        .flops = 2 * m * n * k,
        .bytes = sizeof(typename Format::Storage) * n * k + m * (sizeof(typename Format::Activation) * k + 4 * n),
        .peak = std::is_same_v<Format, Bf16> ? &Machine::bf16_peak : &Machine::f32_peak};
    add("matmul", detail::message("format:", Format::name, "/rows:", rows), work,
        [=] { return make_matmul<Format>(rows, outputs, inputs); });
  }
}

[[maybe_unused]] const bool added = (add_matmul<F32>(), add_matmul<F16>(), add_matmul<Bf16>(), true);

}}}}  // namespace bora::BORA_ABI::benchmarks

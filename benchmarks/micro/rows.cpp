// Work on rows: norms, softmax, rotation, activations, conversions, and AdamW.
//
// Rows are 4096 floats wide and as many as fit the second-level cache, as between the products of a layer; AdamW walks
// through memory, as it does.
#include "kernel.hpp"
#include <bora/simd/activation.hpp>
#include <bora/simd/adamw.hpp>
#include <bora/simd/panels.hpp>
#include <algorithm>
#include <vector>

namespace bora { inline namespace BORA_ABI { namespace benchmarks { namespace {

constexpr std::size_t width = 4096, rows = 8;

/// f(a, b, out) on every row; `touched` is how many floats of each row it reads and writes.
template <class F>
void add_rows(const char* kernel, double touched, F f) {
  add(kernel, detail::message("rows:", rows, "x", width),
      {.bytes = 4.0 * touched * rows * width, .bandwidth = &Machine::cache}, [f] {
        return [f, a = numbers<float>(rows * width), b = numbers<float>(rows * width),
                out = numbers<float>(rows * width)]() mutable {
          for (std::size_t r = 0; r < rows; ++r) f(a.data() + r * width, b.data() + r * width, out.data() + r * width);
        };
      });
}

void add_norms() {
  add_rows("rms_norm", 4, [](const float* x, const float* w, float* y) {
    simd::normalise(x, width, simd::rms_statistics(x, width, 1e-5), w, static_cast<const float*>(nullptr), y);
  });
  add_rows("layer_norm", 6, [](const float* x, const float* w, float* y) {
    simd::normalise(x, width, simd::layer_statistics(x, width, 1e-5), w, w, y);
  });
  add_rows("normalise_backward", 6, [](const float* x, const float* dy, float* dx) {
    simd::normalise_backward(x, width, {0.0f, 1.0f}, static_cast<const float*>(nullptr), dy, dx, false);
  });
  add_rows("norm_weight_backward", 4, [](const float* x, const float* dy, float* dw) {
    simd::add_normal_product(x, width, {0.0f, 1e-3f}, dy, dw);
  });
}

void add_softmax() {
  add_rows("softmax", 4, [](const float* x, const float*, float* y) {
    simd::exp_shifted(x, simd::log_sum_exp(x, width).value(), 1.0f, y, width);
  });
}

void add_rotation() {
  constexpr std::size_t head_dim = 128;
  add_rows("rotate", 2, [](const float*, const float*, float* x) {
    static const std::vector<float> cosine(head_dim / 2, 0.8f), sine(head_dim / 2, 0.6f);  // keeps the numbers' size
    for (std::size_t h = 0; h < width; h += head_dim)
      simd::rotate(x + h, cosine.data(), sine.data(), head_dim / 2, 1.0f, x + h);
  });
}

template <class Function>
void add_activation(const char* name) {
  add_rows(name, 2, [](const float* x, const float*, float* y) { simd::activate<Function>(x, y, width); });
}

void add_activations() {
  add_activation<simd::SiluFunction>("silu");
  add_activation<simd::GeluFunction>("gelu");
  add_activation<simd::GeluTanhFunction>("gelu_tanh");
  add_rows("gelu_backward", 3, [](const float* x, const float* dy, float* d) {
    std::copy_n(dy, width, d);  // it is overwritten
    simd::activate_backward<simd::GeluFunction>(x, d, width);
  });
  add_rows("swiglu", 3, [](const float* gate, const float* up, float* y) {
    simd::activate_gated<simd::SiluFunction>(gate, up, y, width);
  });
  add_rows("swiglu_backward", 8, [](const float* gate, const float* up, float* d) {
    static std::vector<float> d_gate(width);
    std::copy_n(up, width, d);  // it is overwritten, and would fade to denormal numbers
    simd::activate_gated_backward<simd::SiluFunction>(gate, up, d, d_gate.data(), width);
  });
}

void add_conversions() {
  add_rows("clip", 2, [](const float*, const float*, float* x) { simd::clip(2.5f, x, width); });
  add_rows("round_row", 1.5, [](const float* x, const float*, float* y) {
    simd::round_row(x, reinterpret_cast<bfloat16*>(y), width);  // half of the row
  });
  add("pack", detail::message("format:Bf16/", rows, "x", width),
      {.bytes = 6.0 * simd::block_lanes * width, .bandwidth = &Machine::cache}, [] {
        return [w = numbers<float>(simd::block_lanes * width),
                packed = Buffer<bfloat16>(simd::PanelLayout<Bf16>::size(simd::block_lanes, width))]() mutable {
          simd::pack<Bf16>(w.data(), 0, simd::block_lanes, {packed.data(), simd::block_lanes, width});
        };
      });
}

void add_adamw() {
  constexpr std::size_t parameters = std::size_t{4} << 20;
  add("adamw", detail::message("parameters:", parameters), {.bytes = 28.0 * parameters}, [] {
    return [g = numbers<float>(parameters), m = numbers<float>(parameters), v = Buffer<float>(parameters),
            w = numbers<float>(parameters)]() mutable {
      simd::adamw({.learning_rate = 1e-4,
                   .beta1 = 0.9,
                   .beta2 = 0.95,
                   .eps = 1e-8,
                   .weight_decay = 0.1,
                   .correction1 = 0.5,
                   .correction2 = 0.5,
                   .gradient_scale = 1},
                  g.data(), m.data(), v.data(), w.data(), parameters);
    };
  });
}

[[maybe_unused]] const bool added =
    (add_norms(), add_softmax(), add_rotation(), add_activations(), add_conversions(), add_adamw(), true);

}}}}  // namespace bora::BORA_ABI::benchmarks

/// The kernels that a program compiles once and calls as functions: each does enough work to be worth a call (a row, a
/// product, the attention of a few queries; never a single vector). Kernels of `double` are scalar on every processor
/// (simd/block.hpp) and declared in kernels.hpp.
///
///     K(result, name, (template arguments), (parameters), (arguments))
#pragma once
#include <bora/simd/activation.hpp>
#include <bora/simd/adamw.hpp>
#include <bora/simd/attention.hpp>
#include <bora/simd/attention_backward.hpp>
#include <bora/simd/block_matmul.hpp>
#include <bora/simd/key_runs.hpp>
#include <bora/simd/matmul.hpp>
#include <bora/simd/pack.hpp>
#include <bora/simd/rows.hpp>

#define BORA_UNWRAP(...) __VA_ARGS__

#define BORA_PRODUCT_KERNELS(K, Format, Activation)                                                               \
  K(void, matmul, (Format),                                                                                       \
    (const Panels<Format>& w, Range share, const Activation* x, std::size_t x_stride, std::size_t rows, float* y, \
     std::size_t y_stride),                                                                                       \
    (w, share, x, x_stride, rows, y, y_stride))                                                                   \
  K(void, matmul_transposed, (Format),                                                                            \
    (const Panels<Format>& w, Range share, const float* dy, std::size_t dy_stride, std::size_t rows, float* dx,   \
     std::size_t dx_stride),                                                                                      \
    (w, share, dy, dy_stride, rows, dx, dx_stride))                                                               \
  K(bool, pack_panel, (Format),                                                                                   \
    (ElementType type, const StoredRow* rows, std::size_t p, const WritablePanels<Format>& to), (type, rows, p, to))

#define BORA_BLOCK_KERNELS(K, Format)                                                                                  \
  K(void, multiply_blocks, (Format),                                                                                   \
    (const BlockPanels<Format>& w, Range share, const InputBlock* x, std::size_t x_stride, std::size_t rows, float* y, \
     std::size_t y_stride),                                                                                            \
    (w, share, x, x_stride, rows, y, y_stride))

#define BORA_CACHE_KERNELS(K, Format)                                                                               \
  K(void, attend, (Format, float),                                                                                  \
    (const KeyRuns<Format>& keys, std::size_t kv_head, const QueryRow<float>* row, std::size_t rows, float scale,   \
     const ScoreBias<float>& bias, const AttentionScratch<float>& scratch),                                         \
    (keys, kv_head, row, rows, scale, bias, scratch))                                                               \
  K(void, store_key_value, (Format, float),                                                                         \
    (const KeyRuns<Format>& runs, std::size_t position, std::size_t kv_head, const float* key, const float* value), \
    (runs, position, kv_head, key, value))

#define BORA_INPUT_KERNELS(K, Activation)                                                                              \
  K(void, outer_product, (float, Activation),                                                                          \
    (Range share, const float* dy, std::size_t dy_stride, const Activation* x, std::size_t x_stride, std::size_t rows, \
     float* dw, std::size_t cols),                                                                                     \
    (share, dy, dy_stride, x, x_stride, rows, dw, cols))                                                               \
  K(void, multiply, (float, Activation), (const float* a, const float* b, Activation* out, std::size_t n),             \
    (a, b, out, n))                                                                                                    \
  K(void, round_row, (float, Activation), (const float* from, Activation* to, std::size_t n), (from, to, n))           \
  K(void, normalise, (float, Activation),                                                                              \
    (const float* x, std::size_t n, RowStatistics<float> s, const float* weight, const float* bias, Activation* y,     \
     float offset),                                                                                                    \
    (x, n, s, weight, bias, y, offset))

#define BORA_ACTIVATION_KERNELS(K, Function, Activation)                                                          \
  K(void, activate, (Function, float, Activation), (const float* x, Activation* out, std::size_t n), (x, out, n)) \
  K(void, activate_gated, (Function, float, Activation),                                                          \
    (const float* gate, const float* up, Activation* out, std::size_t n), (gate, up, out, n))

#define BORA_FUNCTION_KERNELS(K, Function)                                                            \
  BORA_ACTIVATION_KERNELS(K, Function, float)                                                         \
  BORA_ACTIVATION_KERNELS(K, Function, bfloat16)                                                      \
  K(void, activate_backward, (Function, float), (const float* x, float* d, std::size_t n), (x, d, n)) \
  K(void, activate_gated_backward, (Function, float),                                                 \
    (const float* gate, const float* up, float* d, float* d_gate, std::size_t n), (gate, up, d, d_gate, n))

#define BORA_ROW_KERNELS(K)                                                                                         \
  K(void, add, (float), (const float* a, const float* b, float* out, std::size_t n), (a, b, out, n))                \
  K(void, add_scaled, (float), (float factor, const float* a, float* out, std::size_t n), (factor, a, out, n))      \
  K(void, scale, (float), (float factor, float* out, std::size_t n), (factor, out, n))                              \
  K(void, clip, (float), (float limit, float* out, std::size_t n), (limit, out, n))                                 \
  K(void, soft_cap, (float), (float limit, float* out, std::size_t n), (limit, out, n))                             \
  K(void, soft_cap_backward, (float), (float limit, const float* capped, float* d, std::size_t n),                  \
    (limit, capped, d, n))                                                                                          \
  K(void, rotate, (float),                                                                                          \
    (const float* x, const float* cosine, const float* sine, std::size_t half, float direction, float* y),          \
    (x, cosine, sine, half, direction, y))                                                                          \
  K(float, dot, (float), (const float* a, const float* b, std::size_t n), (a, b, n))                                \
  K(RowStatistics<float>, rms_statistics, (float), (const float* x, std::size_t n, double eps), (x, n, eps))        \
  K(RowStatistics<float>, layer_statistics, (float), (const float* x, std::size_t n, double eps), (x, n, eps))      \
  K(void, normalise_backward, (float),                                                                              \
    (const float* x, std::size_t n, RowStatistics<float> s, const float* weight, const float* dy, float* dx,        \
     bool centred, float offset),                                                                                   \
    (x, n, s, weight, dy, dx, centred, offset))                                                                     \
  K(void, add_normal_product, (float),                                                                              \
    (const float* x, std::size_t n, RowStatistics<float> s, const float* dy, float* dw), (x, n, s, dy, dw))         \
  K(std::size_t, largest_index, (float), (const float* x, std::size_t n), (x, n))                                   \
  K(LogSumExp<float>, log_sum_exp, (float), (const float* x, std::size_t n), (x, n))                                \
  K(void, exp_shifted, (float), (const float* x, float shift, float factor, float* out, std::size_t n),             \
    (x, shift, factor, out, n))                                                                                     \
  K(void, adamw, (float), (const AdamwStep& s, const float* gradient, float* m, float* v, float* w, std::size_t n), \
    (s, gradient, m, v, w, n))                                                                                      \
  K(Range, attend_backward, (F32, float),                                                                           \
    (const KeyRuns<F32>& keys, std::size_t kv_head, const QueryRow<float>* row, std::size_t rows, float scale,      \
     const ScoreBias<float>& bias, AttentionGradients<float>& g),                                                   \
    (keys, kv_head, row, rows, scale, bias, g))

#define BORA_KERNELS(K)                      \
  BORA_PRODUCT_KERNELS(K, F32, float)        \
  BORA_PRODUCT_KERNELS(K, F16, float)        \
  BORA_PRODUCT_KERNELS(K, Bf16, bfloat16)    \
  BORA_BLOCK_KERNELS(K, Q8)                  \
  BORA_BLOCK_KERNELS(K, Q4)                  \
  BORA_BLOCK_KERNELS(K, Q4K)                 \
  BORA_BLOCK_KERNELS(K, Q6K)                 \
  BORA_BLOCK_KERNELS(K, Codes8)              \
  BORA_CACHE_KERNELS(K, F32)                 \
  BORA_CACHE_KERNELS(K, Bf16)                \
  BORA_CACHE_KERNELS(K, Q8)                  \
  BORA_INPUT_KERNELS(K, float)               \
  BORA_INPUT_KERNELS(K, bfloat16)            \
  BORA_FUNCTION_KERNELS(K, SiluFunction)     \
  BORA_FUNCTION_KERNELS(K, ReluFunction)     \
  BORA_FUNCTION_KERNELS(K, GeluFunction)     \
  BORA_FUNCTION_KERNELS(K, GeluTanhFunction) \
  BORA_ROW_KERNELS(K)

/// The forward pass of whole batches: every sequence from its first token on.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/memory.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/forward.hpp>
#include <cstddef>
#include <type_traits>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// Keys and values of a batch: one buffer for each layer, in which sequences of any lengths follow one another.
template <CacheFormat E>
class BatchKeys {
 public:
  using Format = E;

  BatchKeys(const std::vector<CacheLayer>& layers, const BatchShape& shape) {
    const std::size_t most = shape.rows / simd::run_length + shape.sequences;
    for (const CacheLayer& layer : layers) {
      const std::size_t bytes = most * layer.kv_heads * simd::RunLayout<E>::bytes(layer.head_dim);
      layers_.push_back({layer, Buffer<std::byte>(bytes, "the keys and values of a layer"), {}});
      layers_.back().runs.resize(shape.sequences);
    }
  }

  void clear() noexcept { used_ = sequences_ = 0; }
  /// Adds room for one more sequence.
  void append(std::size_t length) noexcept {
    const std::size_t runs = (length + simd::run_length - 1) / simd::run_length;
    for (Layer& layer : layers_) {
      simd::KeyRuns<E>& at = layer.runs[sequences_];
      at.base = layer.memory.data();
      at.first = used_;
      at.modulus = runs;
      at.kv_heads = layer.facts.kv_heads;
      at.head_dim = layer.facts.head_dim;
    }
    used_ += runs;
    ++sequences_;
  }
  std::size_t sequences() const noexcept { return sequences_; }
  /// The runs of every sequence in a layer.
  const simd::KeyRuns<E>* layer(std::size_t l) const noexcept { return layers_[l].runs.data(); }

 private:
  struct Layer {
    CacheLayer facts;
    Buffer<std::byte> memory;
    std::vector<simd::KeyRuns<E>> runs;
  };
  std::vector<Layer> layers_;
  std::size_t used_ = 0, sequences_ = 0;
};

/// A forward pass with its own keys and the memory for batches up to a shape. Its rows are the tokens of the batch, row
/// after row, without padding: padding costs nothing and is never attended to.
template <ModelSpec S, WeightFormat F>
class BatchForward : public Forward<S, F> {
 public:
  using Element = std::conditional_t<std::is_same_v<typename F::Number, double>, F64, F32>;

  BatchForward(const BatchShape& shape, std::size_t lanes, Keep keep)
      : Forward<S, F>(shape.rows, lanes, keep, keep == Keep::everything ? shape.longest : 0),
        shape_(shape),
        keys_(cache_layers<S>(), shape) {}

  /// The largest shape that it can process.
  const BatchShape& shape() const noexcept { return shape_; }
  /// Shape of the current batch.
  std::size_t rows() const noexcept { return rows_; }
  std::size_t sequences() const noexcept { return keys_.sequences(); }
  const BatchKeys<Element>& keys() const noexcept { return keys_; }

  /// Fills in rows of a batch for the next call of `run`.
  void place(const TokenBatch& batch, Range rows) {
    keys_.clear();
    rows_ = 0;
    for_sequences(batch, rows, [&](std::size_t b, std::size_t begin, std::size_t end) {
      for (std::size_t t = begin; t < end; ++t, ++rows_) {
        this->places()[rows_] = {keys_.sequences(), t - begin};
        this->tokens()[rows_] = batch.row(b)[t];
      }
      keys_.append(end - begin);
    });
  }
  void place(const TokenBatch& batch) { place(batch, {0, batch.batch()}); }
  void run(const Lane& lane, const Decoder<S, F>& model) noexcept { Forward<S, F>::run(lane, model, keys_, rows_); }

 private:
  BatchShape shape_;
  BatchKeys<Element> keys_;
  std::size_t rows_ = 0;
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();

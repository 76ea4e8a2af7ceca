/// A whole model as a machine: its parameters go in, the loss of a fixed batch comes out.
#pragma once
#include "layers/alone.hpp"
#include "support/machine.hpp"
#include <bora/train/gradient.hpp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace support {

/// Rows of random ids; some ids come twice, so that embedding gradients add up.
template <class S>
bora::TokenBatch random_batch(std::size_t batch, std::size_t time, std::uint64_t seed) {
  bora::Random random(seed);
  std::vector<bora::TokenId> ids(batch * time);
  for (bora::TokenId& id : ids) id = static_cast<bora::TokenId>(random.below(S::vocab_size));
  return {batch, time, std::move(ids)};
}

template <class S, bora::WeightFormat F>
class WholeModel final : public Machine<typename F::Number> {
 public:
  using T = typename F::Number;
  WholeModel(std::size_t batch, std::size_t time, const bora::LossOptions& options = {})
      : batch_(random_batch<S>(batch, time, 11)), options_(options), pass_(batch, time, 1) {
    gradients_.for_each([&](bora::TensorId id, bora::TensorShape shape, std::span<T>) {
      this->add_part(std::to_string(id.layer) + "." + std::to_string(id.expert) + "." + std::string(id.name),
                     shape.rows, shape.cols);
    });
  }

  double run(std::span<const T> inputs, bora::Executor* pool, std::vector<T>& gradient) override {
    bora::LossOptions options = options_;
    options.pool = pool;
    const std::size_t lanes = bora::detail::lanes_of(pool);
    if (!pass_.fits(pass_.shape(), lanes)) pass_ = {batch_.batch(), batch_.time(), lanes};
    std::copy(inputs.begin(), inputs.end(), parameters_.values().begin());
    model_.assign(parameters_);
    std::fill(gradients_.values().begin(), gradients_.values().end(), T(0));
    const double loss = pass_.run(model_, batch_, options, gradients_).total;
    gradient.assign(gradients_.values().begin(), gradients_.values().end());
    return loss;
  }
  std::uint64_t pattern() const override {
    using A = bora::detail::Anatomy<S>;
    Pattern pattern;
    const auto& forward = const_cast<WholeModel*>(this)->pass_.forward();
    const std::size_t rows = batch_.batch() * batch_.time();
    for (std::size_t l = 0; l < S::layers; ++l)
      A::with_kind(l, [&]<std::size_t kind>() {
        const auto& kept = forward.template kept<kind>(l);
        add_attention_pattern<typename A::template Attention<kind>>(kept.attention, rows, pattern);
        add_feed_forward_pattern<typename A::template FeedForward<kind>>(kept.feed_forward, rows, pattern);
      });
    return pattern.hash();
  }

 private:
  bora::TokenBatch batch_;
  bora::LossOptions options_;
  bora::Decoder<S, F> model_;
  bora::Parameters<S, T> parameters_, gradients_;
  bora::detail::TrainingPass<S, F> pass_;
};

/// Checks a spec in F64 and F32.
template <class S>
void check_model(const std::string& name, std::size_t batch, std::size_t time, std::size_t samples = 2,
                 const bora::LossOptions& options = {}) {
  WholeModel<S, bora::F64> exact(batch, time, options);
  WholeModel<S, bora::F32> single(batch, time, options);
  check_machine(name, exact, single, samples);
}

}  // namespace support

/// One layer by itself, as a machine: its input and its tensors go in, a fixed linear combination of its outputs comes
/// out.
#pragma once
#include "support/machine.hpp"
#include <bora/cache/key_value_cache.hpp>
#include <bora/layers/attention.hpp>
#include <bora/layers/experts.hpp>
#include <bora/layers/feed_forward.hpp>
#include <bora/layers/norm.hpp>
#include <bora/model/positions.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace support {

struct AloneShape {
  std::size_t batch, time, dim;
};

/// Rows in and out, and the tensors of `Layer`: what all layers have in common.
template <class Layer, bora::WeightFormat F>
class Alone : public Machine<typename F::Number> {
 public:
  using T = typename F::Number;
  using Store = bora::Packed<F>;
  using Tensors = typename Layer::template Tensors<Store>;
  using Gradients = typename Layer::template Tensors<bora::Flat<T>>;

  explicit Alone(const AloneShape& s) : shape(s), memory_(4 * rows() * stride()) {
    x = {memory_.data(), stride()};
    y = {x.row(rows()), stride()};
    dy = {y.row(rows()), stride()};
    dx = {dy.row(rows()), stride()};
    bora::Random random(5);
    for (std::size_t r = 0; r < rows(); ++r)
      for (std::size_t c = 0; c < shape.dim; ++c) dy.row(r)[c] = static_cast<float>(random.normal());
    this->add_part("x", rows(), shape.dim);
    Layer::visit([&](bora::TensorId id, bora::TensorShape t, auto& at) { hold(id, t, at); }, w);
  }

  double run(std::span<const T> inputs, bora::Executor* pool, std::vector<T>& gradient) override {
    gradient.assign(this->size(), T(0));
    prepare(inputs);
    std::size_t part = 1;
    Layer::visit(
        [&](bora::TensorId, bora::TensorShape t, auto& at) {
          T* data = gradient.data() + this->parts[part++].begin;
          if constexpr (requires { at.cols; })
            at = {data, t.rows, t.cols};
          else
            at = data;
        },
        g);
    for (std::size_t r = 0; r < rows(); ++r) std::fill_n(dx.row(r), shape.dim, T(0));
    bora::run_gang(pool, [&](const bora::Lane& lane) noexcept {
      forward(lane);
      lane.sync();
      backward(lane);
    });
    finish(gradient);
    for (std::size_t r = 0; r < rows(); ++r) std::copy_n(dx.row(r), shape.dim, gradient.data() + r * shape.dim);
    return objective();
  }
  double value(std::span<const T> inputs) override {
    prepare(inputs);
    forward(bora::Lane{});
    return objective();
  }
  std::uint64_t pattern() const override {
    Pattern pattern;
    add_pattern(pattern);
    return pattern.hash();
  }

 protected:
  virtual void forward(const bora::Lane& lane) noexcept = 0;
  virtual void backward(const bora::Lane& lane) noexcept = 0;
  virtual void add_pattern(Pattern&) const {}
  virtual double more() const { return 0; }      ///< of the objective, beside y
  virtual void begin(std::span<const T>) {}      ///< after the tensors were packed
  virtual void finish(std::vector<T>&) const {}  ///< gradients of what is not a tensor of the layer

  std::size_t rows() const { return shape.batch * shape.time; }
  std::size_t stride() const { return bora::row_stride(shape.dim); }

  AloneShape shape;
  bora::Rows<T> x, y, dy, dx;
  Tensors w;
  Gradients g;

 private:
  template <class Place>
  void hold(bora::TensorId id, bora::TensorShape t, Place& at) {
    std::string name(id.name);
    if (id.expert != 0) name += std::to_string(id.expert);
    this->add_part(name, t.rows, t.cols);
    if constexpr (requires { at.cols; }) {
      tensors_.emplace_back(bora::simd::PanelLayout<F>::size(t.rows, t.cols));
      at = {{tensors_.back().data(), t.rows, t.cols}};
    } else {
      tensors_.emplace_back(bora::row_stride(t.rows));
      at = tensors_.back().data();
    }
  }
  void prepare(std::span<const T> inputs) {
    for (std::size_t r = 0; r < rows(); ++r) std::copy_n(inputs.data() + r * shape.dim, shape.dim, x.row(r));
    std::size_t part = 1;
    Layer::visit(
        [&](bora::TensorId, bora::TensorShape t, auto& at) {
          const T* from = inputs.data() + this->parts[part++].begin;
          auto& memory = tensors_[part - 2];
          if constexpr (requires { at.cols; })
            at.pack(from, {0, t.rows}, reinterpret_cast<std::byte*>(memory.data()));
          else
            std::copy_n(from, t.rows, memory.data());
        },
        w);
    begin(inputs);
  }
  double objective() const {
    double sum = more();
    for (std::size_t r = 0; r < rows(); ++r)
      for (std::size_t c = 0; c < shape.dim; ++c)
        sum += static_cast<double>(dy.row(r)[c]) * static_cast<double>(y.row(r)[c]);
    return sum;
  }

  bora::Buffer<T> memory_;
  std::vector<bora::Buffer<typename F::Storage>> tensors_;
};

/// A norm with its tensors named as a layer's are.
template <class Norm, std::size_t dim>
struct NormLayer : Norm::Layer {
  template <class F, class... Place>
  static constexpr void visit(F&& f, Place&... place) {
    Norm::Layer::visit("norm", "bias", dim, f, place...);
  }
};

template <class Norm, std::size_t dim, bora::WeightFormat F>
class NormAlone final : public Alone<NormLayer<Norm, dim>, F> {
 public:
  using typename Alone<NormLayer<Norm, dim>, F>::T;
  NormAlone(std::size_t batch, std::size_t time)
      : Alone<NormLayer<Norm, dim>, F>({batch, time, dim}), statistics_(batch * time) {}

 private:
  void forward(const bora::Lane& lane) noexcept override {
    Norm::Layer::template forward<bora::Packed<F>>(lane, this->w, this->x, this->rows(), dim, this->y,
                                                   statistics_.data());
  }
  void backward(const bora::Lane& lane) noexcept override {
    Norm::Layer::template backward<bora::Packed<F>, T>(lane, this->w, this->g, this->x, this->rows(), dim,
                                                       statistics_.data(), this->dy, this->dx);
  }
  std::vector<bora::simd::RowStatistics<T>> statistics_;
};

/// Which hidden features a ReLU lets pass.
template <class Policy, class Kept>
void add_feed_forward_pattern(const Kept& kept, std::size_t rows, Pattern& pattern) {
  if constexpr (Policy::experts > 0) {
    const auto add = [&](const auto& experts, std::size_t n) {
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < n; ++c) pattern.add(static_cast<std::uint64_t>(experts.row(r)[c]) + 2);
    };
    add(kept.router.choice, Policy::choices);
    if constexpr (requires { kept.router.order; }) add(kept.router.order, kept.router.ordered);  // decides as well
    add_feed_forward_pattern<typename Policy::Expert>(kept.expert, rows * Policy::choices, pattern);
  } else if constexpr (requires { requires std::is_same_v<typename Policy::ActivationType, bora::Relu>; }) {
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t h = 0; h < Policy::hidden; ++h) pattern.add(kept.up.row(r)[h] > 0);
  }
}
/// Which components of q, k and v are clipped.
template <class Policy, class Kept>
void add_attention_pattern(const Kept& kept, std::size_t rows, Pattern& pattern) {
  if constexpr (Policy::clip != 0) {
    const auto add = [&](const auto& projected, std::size_t width) {
      for (std::size_t r = 0; r < rows; ++r)
        for (std::size_t c = 0; c < width; ++c) pattern.add(std::abs(projected.row(r)[c]) > Policy::clip);
    };
    add(kept.normed_query, Policy::query_width);
    add(kept.normed_key, Policy::key_width);
    add(kept.projected_value, Policy::key_width);
  }
}

/// A feed-forward layer; of a mixture, the objective also has the losses of its router.
template <class Policy, std::size_t dim, bora::WeightFormat F>
class FeedForwardAlone final : public Alone<typename Policy::template Layer<dim>, F> {
 public:
  using Layer = typename Policy::template Layer<dim>;
  using T = typename F::Number;
  FeedForwardAlone(std::size_t batch, std::size_t time) : Alone<Layer, F>({batch, time, dim}) {
    carved_ = bora::carve_buffer("a layer alone", [&](bora::Arena& arena) {
      kept_ = decltype(kept_)::carve(arena, this->rows());
      d_ = decltype(d_)::carve(arena, this->rows());
    });
  }

 private:
  void forward(const bora::Lane& lane) noexcept override {
    if constexpr (Policy::experts > 0) {
      Layer::template forward<bora::Packed<F>>(lane, this->w, this->x, this->rows(),
                                               {.places = nullptr, .layer = 1, .training = true, .seed = 3}, kept_,
                                               this->y);
    } else {
      Layer::template forward<bora::Packed<F>>(lane, this->w, this->x, this->rows(), kept_, this->y);
    }
  }
  void backward(const bora::Lane& lane) noexcept override {
    if (lane.index == 0) losses();
    lane.sync();
    Layer::template backward<bora::Packed<F>>(lane, this->w, this->g, this->x, this->rows(), kept_, d_,
                                              bora::Rows<const T>(this->dy), this->dx);
  }
  /// Of the routers, whose gradient backward adds.
  double losses() const {
    if constexpr (Policy::experts > 0) {
      const auto* layer = &kept_.router;
      const double coefficient = 3;
      return coefficient * Layer::Router::template losses<bora::Packed<F>>(
                               std::span(&layer, 1), this->rows(), {bora::BalanceLoss::all_layers, coefficient});
    }
    return 0;
  }
  double more() const override { return losses(); }
  void add_pattern(Pattern& pattern) const override { add_feed_forward_pattern<Policy>(kept_, this->rows(), pattern); }

  bora::Buffer<std::byte> carved_;
  typename Layer::template Kept<bora::Packed<F>> kept_;
  typename Layer::template Gradients<bora::Packed<F>> d_;
};

template <class Attention, std::size_t dim, bora::WeightFormat F>
class AttentionAlone final : public Alone<typename Attention::template Layer<dim>, F> {
 public:
  using Layer = typename Attention::template Layer<dim>;
  using T = typename F::Number;
  using E = F;  // the cache holds keys and values as they are
  AttentionAlone(std::size_t batch, std::size_t time)
      : Alone<Layer, F>({batch, time, dim}),
        cache_(bora::LinearCache<E>(), {{Attention::kv_heads, Attention::head_dim, Attention::Mask::window}},
               {time, time, 0, batch}),
        bias_gradient_(batch * Attention::heads * Tables::reach()),
        lane_numbers_(bora::row_stride(std::max(Layer::lane_scratch(), Layer::backward_lane_scratch(time)))),
        scratch_(most_lanes * lane_numbers_) {
    carved_ = bora::carve_buffer("a layer alone", [&](bora::Arena& arena) {
      kept_ = decltype(kept_)::carve(arena, this->rows());
      d_ = decltype(d_)::carve(arena, this->rows());
      tables_.carve(arena, this->rows());
    });
    for (std::size_t r = 0; r < this->rows(); ++r) places_.push_back({r / time, r % time});
    tables_.rotate(bora::Lane{}, places_.data(), this->rows());
    for (std::size_t b = 0; b < batch; ++b) cache_.append(b, time);
    if constexpr (bora::BucketedPosition<Position>) {
      this->add_part("relative_bias", Position::buckets, Attention::heads);
      bias_table_ = bora::Buffer<T>(bora::simd::PanelLayout<F>::size(Position::buckets, Attention::heads));
    }
  }

 private:
  using Position = typename Attention::Position;
  using Tables = bora::detail::PositionTables<Attention, T>;
  static constexpr std::size_t most_lanes = 5;

  bora::AttentionContext<T, E> context(const bora::Lane& lane) noexcept {
    return {places_.data(),
            this->rows(),
            cache_.layer(0),
            tables_.cosine,
            tables_.sine,
            tables_.bias(),
            scratch_.data() + lane.index * lane_numbers_};
  }
  void begin(std::span<const T> inputs) override {
    if constexpr (bora::BucketedPosition<Position>) {
      const bora::PackedMatrix<F> table{{bias_table_.data(), Position::buckets, Attention::heads}};
      table.pack(inputs.data() + this->parts.back().begin, {0, Position::buckets},
                 reinterpret_cast<std::byte*>(bias_table_.data()));
      tables_.spread(table);
      std::fill(bias_gradient_.begin(), bias_gradient_.end(), T(0));
    }
  }
  void forward(const bora::Lane& lane) noexcept override {
    Layer::template forward<bora::Packed<F>>(lane, this->w, this->x, context(lane), kept_, this->y);
  }
  void backward(const bora::Lane& lane) noexcept override {
    Layer::template backward<bora::Packed<F>>(lane, this->w, this->g, this->x, context(lane), kept_, d_,
                                              bora::Rows<const T>(this->dy), bias_gradient_.data(), this->dx);
  }
  void finish([[maybe_unused]] std::vector<T>& gradient) const override {
    if constexpr (bora::BucketedPosition<Position>)
      Tables::fold(bias_gradient_.data(), this->shape.batch, gradient.data() + this->parts.back().begin);
  }
  void add_pattern(Pattern& pattern) const override { add_attention_pattern<Attention>(kept_, this->rows(), pattern); }

  bora::KeyValueCache<E> cache_;
  Tables tables_;
  std::vector<bora::RowPlace> places_;
  std::vector<T> bias_gradient_;
  std::size_t lane_numbers_;
  bora::Buffer<T> scratch_, bias_table_;
  bora::Buffer<std::byte> carved_;
  typename Layer::template Kept<bora::Packed<F>> kept_;
  typename Layer::template Gradients<bora::Packed<F>> d_;
};

/// Checks a policy in F64 and F32 on `batch` sequences of `time` tokens.
template <class Norm, std::size_t dim>
void check_norm(const std::string& name, std::size_t batch, std::size_t time) {
  NormAlone<Norm, dim, bora::F64> exact(batch, time);
  NormAlone<Norm, dim, bora::F32> single(batch, time);
  check_machine(name, exact, single);
}
template <class Policy, std::size_t dim>
void check_feed_forward(const std::string& name, std::size_t batch, std::size_t time) {
  FeedForwardAlone<Policy, dim, bora::F64> exact(batch, time);
  FeedForwardAlone<Policy, dim, bora::F32> single(batch, time);
  check_machine(name, exact, single);
}
template <class Attention, std::size_t dim>
void check_attention(const std::string& name, std::size_t batch, std::size_t time) {
  AttentionAlone<Attention, dim, bora::F64> exact(batch, time);
  AttentionAlone<Attention, dim, bora::F32> single(batch, time);
  check_machine(name, exact, single);
}

}  // namespace support

// Routers written outside the library: one with tensors, noise and losses of its own, and one that sees all rows and
// leaves slots empty.
#include "io/temporary_folder.hpp"
#include "layers/alone.hpp"
#include "support/catch.hpp"
#include <bora/infer/logits.hpp>
#include <bora/infer/session.hpp>
#include <bora/io/load.hpp>
#include <bora/io/safetensors.hpp>
#include <bora/io/save.hpp>
#include <bora/train/evaluate.hpp>
#include <bora/train/trainer.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <span>
#include <type_traits>
#include <vector>

namespace own {

/// The square of a coefficient of variation, and its derivative.
inline double squared_variation(std::span<const double> x, std::span<double> derivative) {
  const double n = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (const double v : x) mean += v / n;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  const double square = mean * mean + 1e-10;
  for (std::size_t i = 0; i < x.size(); ++i)
    derivative[i] = 2 * (x[i] - mean) / (n * square) - 2 * variance * mean / (n * square * square);
  return variance / square;
}

/// Noisy top-k gating (Shazeer et al. 2017, §2.1, eq. 3 to 5): H = x Wg + normal * softplus(x Wnoise), a softmax over
/// the k largest; with the losses of importance (§4, eq. 6 and 7) and load (appendix A, eq. 8 to 11). Without noise and
/// load outside of training.
template <std::size_t k>
struct NoisyTopK {
  static constexpr std::size_t choices = k;
  static constexpr double importance_weight = 0.3, load_weight = 0.5;

  template <std::size_t dim, std::size_t experts>
  struct Layer {
    static constexpr std::size_t width = std::min(k + 1, experts);
    static constexpr bool has_load = experts > k;

    template <class Store>
    struct Tensors {
      typename Store::Matrix router, noise;
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      f(bora::TensorId{"router"}, bora::TensorShape{experts, dim}, place.router...);
      f(bora::TensorId{"router_noise"}, bora::TensorShape{experts, dim}, place.noise...);
    }

    template <class Store>
    struct Kept {
      using T = typename Store::Number;
      static constexpr std::size_t ordered = width;
      bora::Rows<T> clean, spread, noisy;      ///< [rows, experts]: x Wg, x Wnoise, H
      bora::Rows<std::int32_t> order, choice;  ///< [rows, k + 1] and [rows, k], by falling H
      bora::Rows<T> weight;                    ///< [rows, k]
      T *d_importance, *d_load;                ///< [experts]
      bool* training;
      static Kept carve(bora::Arena& arena, std::size_t rows) noexcept {
        const auto take = [&] { return bora::take_rows<T>(arena, rows, experts); };
        return {take(),
                take(),
                take(),
                bora::take_rows<std::int32_t>(arena, rows, width),
                bora::take_rows<std::int32_t>(arena, rows, k),
                bora::take_rows<T>(arena, rows, k),
                arena.take<T>(experts),
                arena.take<T>(experts),
                arena.take<bool>(1)};
      }
    };

    template <class Store>
    static void forward(const bora::Lane& lane, const Tensors<Store>& w, const typename Store::Input& x,
                        std::size_t rows, const bora::RoutingContext& context, const Kept<Store>& kept) noexcept {
      using T = typename Store::Number;
      bora::linear(lane, w.router, bora::Absent{}, x, rows, kept.clean);
      bora::linear(lane, w.noise, bora::Absent{}, x, rows, kept.spread);
      if (lane.index == 0) *kept.training = context.training;
      lane.sync();
      const bora::Range share = lane.share(rows);
      for (std::size_t r = share.begin; r < share.end; ++r) {
        bora::Random random = context.noise(r);
        for (std::size_t e = 0; e < experts; ++e) {
          kept.noisy.row(r)[e] = kept.clean.row(r)[e];
          if (context.training)
            kept.noisy.row(r)[e] += static_cast<T>(random.normal()) * deviation(kept.spread.row(r)[e]);
        }
        bora::choose_largest(kept.noisy.row(r), experts, width, kept.order.row(r));
        std::copy_n(kept.order.row(r), k, kept.choice.row(r));
        T sum = 0;
        for (std::size_t c = 0; c < k; ++c) sum += kept.weight.row(r)[c] = std::exp(at(kept, r, c) - at(kept, r, 0));
        for (std::size_t c = 0; c < k; ++c) kept.weight.row(r)[c] /= sum;
      }
    }

    template <class Store>
    struct Gradients {
      bora::Rows<typename Store::Number> clean, spread;
      static Gradients carve(bora::Arena& arena, std::size_t rows) noexcept {
        return {bora::take_rows<typename Store::Number>(arena, rows, experts),
                bora::take_rows<typename Store::Number>(arena, rows, experts)};
      }
    };

    template <class Store, class T = typename Store::Number>
    static void backward(const bora::Lane& lane, const Tensors<Store>& w, const Tensors<bora::Flat<T>>& g,
                         const typename Store::Input& x, std::size_t rows, const Kept<Store>& kept,
                         const Gradients<Store>& d, bora::Rows<const T> d_weight, bora::Rows<T> dx) noexcept {
      const bora::Range share = lane.share(rows);
      for (std::size_t r = share.begin; r < share.end; ++r) row_backward(r, kept, d, d_weight.row(r));
      lane.sync();
      bora::linear_backward(lane, w.router, d.clean, rows, dx);
      bora::linear_gradient(lane, w.router, g.router, bora::Absent{}, d.clean, x, rows);
      bora::linear_backward(lane, w.noise, d.spread, rows, dx);
      bora::linear_gradient(lane, w.noise, g.noise, bora::Absent{}, d.spread, x, rows);
    }

    template <class Store>
    static double losses(std::span<const Kept<Store>* const> layers, std::size_t rows,
                         const bora::RouterLossOptions& options) {
      using T = typename Store::Number;
      double sum = 0;
      for (const Kept<Store>* kept : layers) {
        std::array<double, experts> importance{}, load{}, derivative;
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::size_t c = 0; c < k; ++c)
            importance[static_cast<std::size_t>(kept->choice.row(r)[c])] += static_cast<double>(kept->weight.row(r)[c]);
          for (std::size_t e = 0; e < experts; ++e)
            load[e] += 0.5 * std::erfc(-static_cast<double>(margin(*kept, r, e).z) / std::numbers::sqrt2);
        }
        sum += importance_weight * squared_variation(importance, derivative);
        for (std::size_t e = 0; e < experts; ++e)
          kept->d_importance[e] = static_cast<T>(options.coefficient * importance_weight * derivative[e]);
        const bool with_load = has_load && *kept->training;
        if (with_load) sum += load_weight * squared_variation(load, derivative);
        for (std::size_t e = 0; e < experts; ++e)
          kept->d_load[e] = with_load ? static_cast<T>(options.coefficient * load_weight * derivative[e]) : T(0);
      }
      return sum;
    }

   private:
    template <class T>
    static T deviation(T spread) noexcept {
      return std::log1p(std::exp(spread)) + T(0.01);
    }
    template <class K>
    static auto at(const K& kept, std::size_t r, std::size_t place) noexcept {
      return kept.noisy.row(r)[kept.order.row(r)[place]];
    }
    template <class T>
    struct Margin {
      T z, deviation;
      std::size_t threshold;  ///< the expert whose H the expert must exceed
    };
    /// How many deviations an expert is above the k-th largest H of the others.
    template <class K>
    static auto margin(const K& kept, std::size_t r, std::size_t e) noexcept {
      const std::int32_t* order = kept.order.row(r);
      const bool chosen = std::find(order, order + k, static_cast<std::int32_t>(e)) != order + k;
      const auto threshold = static_cast<std::size_t>(order[has_load && chosen ? k : k - 1]);
      const auto d = deviation(kept.spread.row(r)[e]);
      return Margin<std::remove_const_t<decltype(d)>>{(kept.clean.row(r)[e] - kept.noisy.row(r)[threshold]) / d, d,
                                                      threshold};
    }

    template <class Store, class T>
    static void row_backward(std::size_t r, const Kept<Store>& kept, const Gradients<Store>& d,
                             const T* d_weight) noexcept {
      std::array<T, experts> d_noisy{}, d_clean{}, d_deviation{};
      std::array<T, k> d_gate;
      T mean = 0;
      for (std::size_t c = 0; c < k; ++c) {
        d_gate[c] = d_weight[c] + kept.d_importance[kept.choice.row(r)[c]];
        mean += kept.weight.row(r)[c] * d_gate[c];
      }
      for (std::size_t c = 0; c < k; ++c)
        d_noisy[static_cast<std::size_t>(kept.choice.row(r)[c])] += kept.weight.row(r)[c] * (d_gate[c] - mean);
      for (std::size_t e = 0; e < experts; ++e) {
        const auto m = margin(kept, r, e);
        const T density = std::exp(-m.z * m.z / 2) / static_cast<T>(std::sqrt(2 * std::numbers::pi));
        const T by_margin = kept.d_load[e] * density / m.deviation;
        d_clean[e] += by_margin;
        d_deviation[e] -= by_margin * m.z;
        d_noisy[m.threshold] -= by_margin;
      }
      for (std::size_t e = 0; e < experts; ++e) {
        const T spread = kept.spread.row(r)[e], dev = deviation(spread);
        const T noise = (kept.noisy.row(r)[e] - kept.clean.row(r)[e]) / dev;
        d.clean.row(r)[e] = d_clean[e] + d_noisy[e];
        d.spread.row(r)[e] = (d_deviation[e] + noise * d_noisy[e]) / (1 + std::exp(-spread));
      }
    }
  };
};
static_assert(bora::RouterMachine<NoisyTopK<2>> && !bora::RouterPolicy<NoisyTopK<2>>);

/// Mixtral's router where an expert takes at most `capacity` choices, of the first tokens (GShard, Lepikhin et al.
/// 2020, algorithm 1, without its random second choice): what is over is dropped.
template <std::size_t k, std::size_t capacity>
struct CappedTopK {
  static constexpr std::size_t choices = k;

  template <std::size_t dim, std::size_t experts>
  struct Layer : bora::TokenRouterLayer<bora::TopKRouter<k>, dim, experts> {
    using Base = bora::TokenRouterLayer<bora::TopKRouter<k>, dim, experts>;

    template <class Store>
    struct Kept : Base::template Kept<Store> {
      static constexpr std::size_t ordered = k;
      bora::Rows<std::int32_t> order;  ///< [rows, k]: the choice before anything is dropped
      static Kept carve(bora::Arena& arena, std::size_t rows) noexcept {
        return {Base::template Kept<Store>::carve(arena, rows), bora::take_rows<std::int32_t>(arena, rows, k)};
      }
    };
    template <class Store>
    static void forward(const bora::Lane& lane, const typename Base::template Tensors<Store>& w,
                        const typename Store::Input& x, std::size_t rows, const bora::RoutingContext& context,
                        const Kept<Store>& kept) noexcept {
      Base::template forward<Store>(lane, w, x, rows, context, kept);
      lane.sync();
      if (lane.index != 0) return;
      std::array<std::size_t, experts> taken{};
      for (std::size_t r = 0; r < rows; ++r) {
        std::copy_n(kept.choice.row(r), k, kept.order.row(r));
        for (std::size_t c = 0; c < k; ++c)
          if (taken[static_cast<std::size_t>(kept.order.row(r)[c])]++ >= capacity) kept.choice.row(r)[c] = -1;
      }
    }
    template <class Store, class T = typename Store::Number>
    static void backward(const bora::Lane& lane, const typename Base::template Tensors<Store>& w,
                         const typename Base::template Tensors<bora::Flat<T>>& g, const typename Store::Input& x,
                         std::size_t rows, const Kept<Store>& kept, const typename Base::template Gradients<Store>& d,
                         bora::Rows<const T> d_weight, bora::Rows<T> dx) noexcept {
      Kept<Store> before = kept;  // a dropped choice has no gradient of its weight, but its weight is in the others'
      before.choice = kept.order;
      Base::template backward<Store>(lane, w, g, x, rows, before, d, d_weight, dx);
    }
    template <class Store>
    static double losses(std::span<const Kept<Store>* const> layers, std::size_t rows,
                         const bora::RouterLossOptions& options) {
      std::vector<typename Base::template Kept<Store>> before;
      std::vector<const typename Base::template Kept<Store>*> places;
      before.reserve(layers.size());
      for (const Kept<Store>* kept : layers) {
        before.push_back(*kept);
        before.back().choice = kept->order;
        places.push_back(&before.back());
      }
      return Base::template losses<Store>(std::span<const typename Base::template Kept<Store>* const>(places), rows,
                                          options);
    }
  };
};

template <class Router>
struct Small : bora::DecoderSpec {
  static constexpr std::size_t vocab_size = 61, dim = 24, layers = 2, context = 64;
  using Norm = bora::RmsNorm<1e-5>;
  using Attention = bora::GroupedQueryAttention<bora::HeadShape{.heads = 2, .kv_heads = 1, .head_dim = 12},
                                                bora::Causal, bora::Rope<1e4>>;
  using FeedForward = bora::MixtureOfExperts<5, Router, bora::SwiGlu<20>>;
};
using NoisyModel = Small<NoisyTopK<2>>;

bora::TokenBatch batch(std::uint64_t seed) {
  bora::Random random(seed);
  std::vector<bora::TokenId> ids(3 * 17);
  for (auto& id : ids) id = static_cast<bora::TokenId>(random.below(61));
  return {3, 17, ids};
}
template <class T>
bool same_bits(std::span<const T> a, std::span<const T> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace own

TEST_CASE("The backward of noisy top-k is the gradient of its output and of its losses", "[train]") {
  using own::NoisyTopK;
  support::check_feed_forward<bora::MixtureOfExperts<5, NoisyTopK<2>, bora::SwiGlu<11>>, 18>("NoisyTopK, 2 of 5", 2,
                                                                                             13);
  support::check_feed_forward<bora::MixtureOfExperts<4, NoisyTopK<1>, bora::SwiGlu<11>>, 18>("NoisyTopK, 1 of 4", 2,
                                                                                             13);
  support::check_feed_forward<bora::MixtureOfExperts<3, NoisyTopK<3>, bora::SwiGlu<11>>, 18>("NoisyTopK, 3 of 3", 2,
                                                                                             13);
}

TEST_CASE("The backward of a router that drops tokens is the gradient of what is left", "[train]") {
  using own::CappedTopK;
  support::check_feed_forward<bora::MixtureOfExperts<5, CappedTopK<2, 6>, bora::SwiGlu<11>>, 18>("6 an expert", 2, 13);
  support::check_feed_forward<bora::MixtureOfExperts<5, CappedTopK<2, 0>, bora::SwiGlu<11>>, 18>("nothing is left", 2,
                                                                                                 5);
}

TEST_CASE("A router that could drop tokens and drops none has the bits of one that cannot", "[train]") {
  const auto gradients = []<class Router>(std::type_identity<Router>) {
    const auto model = bora::random_model<own::Small<Router>, bora::F32>(3);
    auto all = bora::loss_and_gradients(model, own::batch(1), {.load_balancing = 0.1});
    return std::vector<float>(all.gradients.values().begin(), all.gradients.values().end());
  };
  CHECK(gradients(std::type_identity<own::CappedTopK<2, 1'000>>()) ==
        gradients(std::type_identity<bora::TopKRouter<2>>()));
  CHECK(gradients(std::type_identity<own::CappedTopK<2, 3>>()) != gradients(std::type_identity<bora::TopKRouter<2>>()));
}

TEST_CASE("Noise is another one in every step, and the same for any number of threads", "[train][threads]") {
  bora::ThreadPool pool{3};
  const auto losses = [&](std::uint64_t noise, bora::Executor* workers) {
    auto model = bora::random_model<own::NoisyModel, bora::F32>(3);
    bora::Trainer trainer{model,
                          {.learning_rate = {.peak = 0, .decay = bora::Decay::constant},
                           .load_balancing = 0.1,
                           .pool = workers,
                           .noise = noise}};
    std::vector<double> all;
    for (int step = 0; step < 3; ++step) all.push_back(trainer.step(own::batch(1)).loss);
    return all;
  };
  const auto alone = losses(1, nullptr);
  CHECK(alone[0] != alone[1]);
  CHECK(alone[1] != alone[2]);
  CHECK(alone == losses(1, &pool));
  CHECK(alone[0] != losses(2, nullptr)[0]);
}

TEST_CASE("A model with a router of its own learns, and is evaluated without noise", "[train]") {
  auto model = bora::random_model<own::NoisyModel, bora::F32>(3);
  const auto batch = own::batch(1);
  const double before = bora::evaluate(model, batch).loss;
  CHECK(before == bora::evaluate(model, batch).loss);
  bora::Trainer trainer{model,
                        {.learning_rate = {.peak = 1e-2, .decay = bora::Decay::constant}, .load_balancing = 0.01}};
  for (int step = 0; step < 60; ++step) trainer.step(batch);
  CHECK(bora::evaluate(model, batch).loss < before / 2);
}

TEST_CASE("Each kind of router has its losses: those of a model are their sum", "[train]") {
  struct Two : own::Small<bora::TopKRouter<2>> {
    using FeedForward = bora::Alternate<bora::MixtureOfExperts<5, bora::TopKRouter<2>, bora::SwiGlu<20>>,
                                        bora::MixtureOfExperts<3, bora::SoftmaxTopKRouter<1>, bora::SwiGlu<20>>>;
  };
  const auto model = bora::random_model<Two, bora::F64>(3);
  const auto batch = own::batch(1);
  bora::detail::TrainingPass<Two, bora::F64> pass(batch.batch(), batch.time(), 1);
  bora::Parameters<Two, double> gradients;
  gradients.names = model.names();
  const bora::Loss loss = pass.run(model, batch, {.load_balancing = 0.5}, gradients);
  const auto of_layer = [&]<std::size_t kind>(std::integral_constant<std::size_t, kind>) {
    const auto* layer = &pass.forward().kept<kind>(kind).feed_forward.router;
    using Router = typename bora::detail::Anatomy<Two>::Block<kind>::FeedForward::Router;
    return Router::template losses<bora::Packed<bora::F64>>(std::span(&layer, 1), 51, {});
  };
  const double first = of_layer(std::integral_constant<std::size_t, 0>()),
               second = of_layer(std::integral_constant<std::size_t, 1>());
  CHECK(first >= 2 - 1e-9);
  CHECK(second >= 1 - 1e-9);
  CHECK(loss.load_balancing == first + second);
}

TEST_CASE("A session has the logits of the whole text, however it is cut", "[train]") {
  const auto model = bora::random_model<own::NoisyModel, bora::F32>(3);
  const auto batch = own::batch(2);
  const auto all = bora::logits(model, batch);
  const std::vector<bora::TokenId> text(batch.row(0).begin(), batch.row(0).end());
  for (const std::size_t chunk : {1, 5, 17}) {
    bora::Session session{model, {.capacity = 64, .chunk = chunk}};
    const auto last = session.prefill(text);
    CHECK(own::same_bits(std::span<const float>(last), all.row(0, 16)));
  }
}

TEST_CASE("A router's own tensors are saved, and loaded again", "[train]") {
  const support::TemporaryFolder folder;
  const auto model = bora::random_model<own::NoisyModel, bora::F32>(3);
  bora::save(model, folder.path());
  const auto loaded = bora::load<own::NoisyModel, bora::F32>(folder.path());
  const auto values = [](const auto& m) {
    const auto parameters = m.parameters();
    return std::vector<float>(parameters.values().begin(), parameters.values().end());
  };
  CHECK(values(loaded) == values(model));
  const bora::SafeTensors file(folder.path() / "model.safetensors");
  CHECK(file.contains("model.layers.1.block_sparse_moe.router_noise.weight"));
}

/// The forward pass over rows (sequence, position, token): sessions run it on a chunk, training on whole batches.
#pragma once
#include <bora/cache/key_value_cache.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/decoder.hpp>
#include <bora/model/positions.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// The layers of a spec, described for a cache.
template <ModelSpec S>
std::vector<CacheLayer> cache_layers() {
  std::vector<CacheLayer> layers;
  for (std::size_t l = 0; l < S::layers; ++l)
    Anatomy<S>::with_kind(l, [&]<std::size_t kind>() {
      using A = typename Anatomy<S>::template Attention<kind>;
      layers.push_back({A::kv_heads, A::head_dim, A::Mask::window});
    });
  return layers;
}

/// The memory of a forward over at most `rows` rows, and the forward itself.
template <ModelSpec S, WeightFormat F>
class Forward {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;
  template <std::size_t kind>
  using Block = typename A::template Block<kind>;
  template <std::size_t kind>
  using Kept = typename Block<kind>::template Kept<Packed<F>>;

  /// \param time  most tokens of a sequence in backward; 0 if no activations are saved
  Forward(std::size_t rows, std::size_t lanes, Keep keep, std::size_t time = 0)
      : keep_(keep), lane_scratch_(row_stride(lane_numbers(time))), lanes_(lanes), places_(rows), tokens_(rows) {
    memory_ = carve_buffer("the activations of a forward pass", [&](Arena& arena) { carve(arena, rows); }, keep, lanes);
  }

  /// Bytes of all activations.
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  /// Rows of the next call of `run`, which the caller fills in.
  std::vector<RowPlace>& places() noexcept { return places_; }
  std::vector<TokenId>& tokens() noexcept { return tokens_; }
  std::size_t lanes() const noexcept { return lanes_; }

  /// Runs the first `rows` rows through all layers. Keys and values go to `cache`, one KeyRuns for each sequence and
  /// layer; BatchKeys can serve as the cache.
  template <class Cache>
  void run(const Lane& lane, const Decoder<S, F>& model, const Cache& cache, std::size_t rows) noexcept {
    const auto& w = model.weights();
    A::for_kinds([&]<std::size_t kind>() {
      if constexpr (BucketedPosition<typename A::template Position<kind>>)
        if (lane.index == 0) tables<kind>().spread(w.relative_bias);
      tables<kind>().rotate(lane, places_.data(), rows);
    });
    embed(lane, w, rows);
    lane.sync();
    for (std::size_t l = 0; l < S::layers; ++l)
      A::with_kind(l, [&]<std::size_t kind>() {
        Block<kind>::template forward<Packed<F>>(lane, w.template layer<kind>(l), Rows<const T>(stream(l)),
                                                 context<kind>(lane, cache, l, rows), routing(l), kept<kind>(l),
                                                 scratch_, stream(l + 1));
      });
  }
  /// Later calls of `run` are training, with router noise from that seed.
  void train(std::uint64_t seed) noexcept {
    training_ = true;
    noise_ = seed;
  }

  /// The residual stream: after the embedding (0), after layer l (l + 1).
  Rows<T> stream(std::size_t l) const noexcept { return streams_[keep_ == Keep::everything ? l : 0]; }
  template <std::size_t kind>
  const Kept<kind>& kept(std::size_t l) const noexcept {
    return std::get<kind>(kept_)[keep_ == Keep::everything ? A::index_of(l) : 0];
  }
  template <std::size_t kind>
  PositionTables<typename A::template Attention<kind>, T>& tables() noexcept {
    return std::get<kind>(tables_);
  }
  const BlockScratch<T>& scratch() const noexcept { return scratch_; }

  template <std::size_t kind, class Cache>
  AttentionContext<T, typename Cache::Format> context(const Lane& lane, const Cache& cache, std::size_t l,
                                                      std::size_t rows) noexcept {
    auto& t = tables<kind>();
    return {
        places_.data(), rows, cache.layer(l), t.cosine, t.sine, t.bias(), lane_memory_ + lane.index * lane_scratch_};
  }

 private:
  RoutingContext routing(std::size_t l) const noexcept { return {places_.data(), l, training_, noise_}; }
  static std::size_t lane_numbers(std::size_t time) noexcept {
    std::size_t most = S::dim;
    A::for_kinds([&]<std::size_t kind>() {
      using Layer = typename Block<kind>::Attention;
      most = std::max({most, Layer::lane_scratch(), time == 0 ? 0 : Layer::backward_lane_scratch(time)});
    });
    return most;
  }

  void carve(Arena& arena, std::size_t rows) {
    const bool all = keep_ == Keep::everything;
    streams_.clear();
    for (std::size_t l = 0; l < (all ? S::layers + 1 : 1); ++l) streams_.push_back(take_rows<T>(arena, rows, S::dim));
    A::for_kinds([&]<std::size_t kind>() { tables<kind>().carve(arena, rows); });
    const auto carve_kind = [&]<std::size_t kind>() {
      auto& kept = std::get<kind>(kept_);
      kept.clear();
      for (std::size_t l = 0; l < (all ? A::layers_of(kind) : 1); ++l) kept.push_back(Kept<kind>::carve(arena, rows));
    };
    [&]<std::size_t... kind>(std::index_sequence<kind...>) {
      arena.overlay((Kept<kind>::overlays && ...), [&] { carve_kind.template operator()<kind>(); }...);
    }(Kinds());
    scratch_ = BlockScratch<T>::carve(arena, rows, S::dim);
    lane_memory_ = arena.take<T>(lanes_ * lane_scratch_);
  }

  /// x = embedding of the token (times its scale) (+ embedding of the position) for this lane's rows.
  void embed(const Lane& lane, const typename Decoder<S, F>::Tree& w, std::size_t rows) noexcept {
    const Range share = lane.share(rows);
    [[maybe_unused]] T* position = lane_memory_ + lane.index * lane_scratch_;
    for (std::size_t r = share.begin; r < share.end; ++r) {
      T* x = stream(0).row(r);
      w.embedding.gather(static_cast<std::size_t>(tokens_[r]), x);
      if constexpr (A::scales_embedding) simd::scale(static_cast<T>(A::EmbeddingScale::factor(S::dim)), x, S::dim);
      if constexpr (A::positions_learned) {
        w.positions.gather(places_[r].position, position);
        simd::add(x, position, x, S::dim);
      } else if constexpr (ComputedPosition<typename S::Position>) {
        for (std::size_t c = 0; c < S::dim; ++c) x[c] += S::Position::template value<T>(places_[r].position, c, S::dim);
      }
    }
  }

  template <std::size_t... kind>
  static auto kept_for(std::index_sequence<kind...>) -> std::tuple<std::vector<Kept<kind>>...>;
  template <std::size_t... kind>
  static auto tables_for(std::index_sequence<kind...>)
      -> std::tuple<PositionTables<typename A::template Attention<kind>, T>...>;
  using Kinds = std::make_index_sequence<A::kinds>;

  Keep keep_;
  std::size_t lane_scratch_, lanes_;
  std::vector<RowPlace> places_;
  std::vector<TokenId> tokens_;
  Buffer<std::byte> memory_;
  std::vector<Rows<T>> streams_;
  decltype(kept_for(Kinds())) kept_;
  decltype(tables_for(Kinds())) tables_;
  BlockScratch<T> scratch_;
  T* lane_memory_ = nullptr;
  bool training_ = false;
  std::uint64_t noise_ = 0;
};

/// The head: final norm and logits of some rows.
template <ModelSpec S, WeightFormat F>
class Head {
 public:
  using A = Anatomy<S>;
  using T = typename F::Number;

  explicit Head(std::size_t rows) {
    memory_ = carve_buffer("the activations of a forward pass", [&](Arena& arena) { carve(arena, rows); });
  }

  /// Bytes of all activations.
  std::size_t bytes() const noexcept { return memory_.bytes(); }
  /// The hidden states of `rows` rows of the last stream: `input`.
  void normalise(const Lane& lane, const Decoder<S, F>& model, Rows<const T> x, std::size_t rows) noexcept {
    A::Norm::template forward<Packed<F>>(lane, model.weights().final_norm, x, rows, S::dim, input, statistics);
    const Range share = lane.share(rows);
    for (std::size_t r = share.begin; r < share.end; ++r) prepare_row(model.weights().output(), input, r, S::dim);
    lane.sync();
  }
  /// The same, and their logits.
  void run(const Lane& lane, const Decoder<S, F>& model, Rows<const T> x, std::size_t rows) noexcept {
    normalise(lane, model, x, rows);
    [[maybe_unused]] const Range columns = linear(lane, model.weights().output(), Absent{}, input, rows, logits);
    if constexpr (A::logit_cap != 0)
      for (std::size_t r = 0; r < rows; ++r)
        simd::soft_cap(static_cast<T>(A::logit_cap), logits.row(r) + columns.begin, columns.size());
    lane.sync();
  }

  typename Packed<F>::Input input;                       ///< [rows, dim], after the final norm
  typename A::Norm::template Statistics<T>* statistics;  ///< [rows]
  Rows<T> logits;                                        ///< [rows, vocab_size]

 private:
  void carve(Arena& arena, std::size_t rows) noexcept {
    input = Packed<F>::take_input(arena, rows, S::dim);
    statistics = arena.take<typename A::Norm::template Statistics<T>>(rows);
    logits = take_rows<T>(arena, rows, S::vocab_size);
  }
  Buffer<std::byte> memory_;
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();

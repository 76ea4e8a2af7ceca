/// Attention, composed of heads, mask and position encoding; forward, saved activations, backward.
#pragma once
#include <bora/layers/bias.hpp>
#include <bora/layers/buffers.hpp>
#include <bora/layers/linear.hpp>
#include <bora/layers/mask.hpp>
#include <bora/layers/policy_description.hpp>
#include <bora/layers/position.hpp>
#include <bora/layers/qk_norm.hpp>
#include <bora/layers/soft_cap.hpp>
#include <bora/layers/tensors.hpp>
#include <bora/simd/attention_backward.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <type_traits>
#include <utility>
#if defined(BORA_EXTERN_KERNELS)
#include <bora/simd/kernels.hpp>
#endif

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// The heads of one attention layer. Named, so that 32, 8 and 128 cannot be swapped unseen.
struct HeadShape {
  std::size_t heads;         ///< query heads
  std::size_t kv_heads = 0;  ///< key/value heads; divides `heads`. Multi-head and multi-query layers leave it out
  std::size_t head_dim;      ///< features per head
};

namespace detail {
// Plain functions: code common to all shapes is compiled once.
inline PolicyDescription clip_description(double limit) {
  PolicyDescription d("ClipQkv");
  d.add("limit", limit);
  return d;
}
/// Options of attention, as its description shows them: those that are not given are absent.
struct AttentionOptions {
  bool bias = false, qkv_bias = false;
  double clip = 0, cap = 0, score_width = 0;
  PolicyDescription qk_norm = {};  ///< without a name: none
};
inline PolicyDescription attention_description(const HeadShape& shape, PolicyDescription mask,
                                               PolicyDescription position, AttentionOptions options = {}) {
  PolicyDescription s("HeadShape", PolicyDescription::Form::settings), d("GroupedQueryAttention");
  s.add("heads", shape.heads);
  s.add("kv_heads", shape.kv_heads);
  s.add("head_dim", shape.head_dim);
  d.add("shape", std::move(s));
  d.add("mask", std::move(mask), "Causal");
  d.add("position", std::move(position), "NoPosition");
  if (options.bias) d.add("bias", description_of<Bias>());
  if (options.qkv_bias) d.add("bias", description_of<QkvBias>());
  if (options.clip != 0) d.add("clip", clip_description(options.clip));
  if (!options.qk_norm.name.empty()) d.add("qk_norm", std::move(options.qk_norm));
  if (options.score_width != 0) d.add("score_width", number_description("ScoreWidth", "width", options.score_width));
  if (options.cap != 0) d.add("soft_cap", number_description("SoftCap", "cap", options.cap));
  return d;
}
}  // namespace detail

/// Option of attention: q, k and v are clamped to [-limit, limit] after the projection, before the rotation
/// (MPT; OLMo's clip_qkv).
template <auto limit_>
struct ClipQkv {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<ClipQkv> = {}) { return detail::clip_description(limit_); }
  static_assert(detail::fractional<decltype(limit_)>, "bora: ClipQkv: the limit is a double: write ClipQkv<8.0>");
  static_assert(limit_ > 0, "bora: ClipQkv: the limit must be positive; leave the option out for none");
  static constexpr double limit = limit_;  ///< largest magnitude after clamping, above 0
};

/// Option of attention: scores are divided by sqrt(width) in place of sqrt(head_dim) (Gemma's query_pre_attn_scalar).
template <auto width_>
struct ScoreWidth {
  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<ScoreWidth> = {}) {
    return detail::number_description("ScoreWidth", "width", width_);
  }
  static_assert(detail::fractional<decltype(width_)>,
                "bora: ScoreWidth: the width is a double: write ScoreWidth<256.0>");
  static_assert(width_ > 0, "bora: ScoreWidth: the width whose root divides the scores must be positive");
  static constexpr double width = width_;  ///< its root divides the scores
};

namespace detail {
template <class Option>
inline constexpr double score_width_of = 0;
template <auto width>
inline constexpr double score_width_of<ScoreWidth<width>> = ScoreWidth<width>::width;
template <class Option>
inline constexpr double soft_cap_of = 0;
template <auto cap>
inline constexpr double soft_cap_of<SoftCap<cap>> = SoftCap<cap>::cap;
template <class Option>
inline constexpr bool is_bias = std::is_same_v<Option, Bias> || std::is_same_v<Option, QkvBias>;
template <class Option>
inline constexpr double clip_limit = 0;
template <auto limit>
inline constexpr double clip_limit<ClipQkv<limit>> = ClipQkv<limit>::limit;
template <class Option>
inline constexpr bool is_attention_option = is_bias<Option> || clip_limit<Option> != 0 || is_qk_norm<Option> ||
                                            score_width_of<Option> != 0 || soft_cap_of<Option> != 0;
/// Whether no option is given twice; Bias and QkvBias exclude each other.
template <class... Options>
inline constexpr bool options_differ =
    (0 + ... + is_bias<Options>) <= 1 && (0 + ... + (clip_limit<Options> != 0)) <= 1 &&
    (0 + ... + is_qk_norm<Options>) <= 1 && (0 + ... + (score_width_of<Options> != 0)) <= 1 &&
    (0 + ... + (soft_cap_of<Options> != 0)) <= 1;
}  // namespace detail

/// Inputs of attention beside x and its weights: the rows' positions, the cached keys, the position encoding.
template <class T, CacheFormat E>
struct AttentionContext {
  const RowPlace* places;        ///< [rows]
  std::size_t rows;              ///< tokens of this forward, of all sequences
  const simd::KeyRuns<E>* keys;  ///< [sequences]: this layer's runs
  Rows<const T> cosine;          ///< [rows, rotary / 2]: of the angles of Rope's pairs
  Rows<const T> sine;            ///< [rows, rotary / 2]
  simd::ScoreBias<T> bias;       ///< ALiBi's slopes or T5's table; otherwise none
  T* scratch;                    ///< this lane's
};

/// Grouped-query attention (Ainslie et al. 2023, §2.2): query head h reads key/value head
/// floor(h / (heads / kv_heads)). Linear layers are [out, in] without bias unless `Bias` or `QkvBias` is given. From a
/// projected query or key to a score: QkNorm, ClipQkv, the rotation, the product, its scale, a bias of positions,
/// SoftCap, the mask.
template <HeadShape shape, class Mask_ = Causal, class Position_ = NoPosition, class... Options>
struct GroupedQueryAttention {
  using Mask = Mask_;
  using Position = Position_;
  static constexpr std::size_t heads = shape.heads;                            ///< query heads
  static constexpr std::size_t kv_heads = shape.kv_heads;                      ///< key/value heads
  static constexpr std::size_t head_dim = shape.head_dim;                      ///< features per head
  static constexpr std::size_t group = heads / (kv_heads > 0 ? kv_heads : 1);  ///< query heads a key/value head
  static constexpr bool has_bias = (std::is_same_v<Options, Bias> || ...);     ///< of all four linear layers
  static constexpr bool has_qkv_bias = has_bias || (std::is_same_v<Options, QkvBias> || ...);  ///< of q, k and v
  static constexpr double clip = (0.0 + ... + detail::clip_limit<Options>);  ///< limit of q, k and v; 0: none
  static constexpr double cap = (0.0 + ... + detail::soft_cap_of<Options>);  ///< of the scores; 0: none
  /// The width whose root divides the scores; 0: it does not differ from the usual one.
  static constexpr double score_width = [] {
    constexpr double given = (0.0 + ... + detail::score_width_of<Options>);
    return given == static_cast<double>(shape.head_dim) && !BucketedPosition<Position_> ? 0.0 : given;
  }();
  using QueryKeyNorm = typename detail::FindQkNorm<Options...>::type;  ///< void: none
  static constexpr bool has_qk_norm = !std::is_void_v<QueryKeyNorm>;   ///< of queries and keys
  static constexpr std::size_t query_width = heads * head_dim;         ///< of all query heads
  static constexpr std::size_t key_width = kv_heads * head_dim;        ///< of all key heads, and of all value heads
  static constexpr bool mask_placed = MaskPolicy<Mask_>;               ///< whether Mask_ is a mask
  static constexpr bool position_placed = PositionPolicy<Position_>;   ///< whether Position_ encodes positions
  /// Whether the arguments are valid; the assertions below say what is wrong.
  static constexpr bool sound =
      mask_placed && position_placed && shape.heads > 0 && shape.head_dim > 0 && shape.kv_heads > 0;

  static_assert(shape.heads > 0 && shape.head_dim > 0,
                "bora: GroupedQueryAttention: heads and head_dim must be positive");
  static_assert(shape.kv_heads > 0 || shape.heads == 0,
                "bora: GroupedQueryAttention: kv_heads is missing: say how many key/value heads there are, or use "
                "MultiHeadAttention");
  static_assert(shape.kv_heads == 0 || shape.heads % (shape.kv_heads > 0 ? shape.kv_heads : 1) == 0,
                "bora: GroupedQueryAttention: kv_heads must divide heads");
  static_assert(mask_placed,
                "bora: GroupedQueryAttention: first the heads, then the mask, then the position: "
                "GroupedQueryAttention<shape, Causal, Rope<1e4>>; a mask has window and a noexcept first_visible");
  static_assert(position_placed || !mask_placed,
                "bora: GroupedQueryAttention: the position must be Rope, Alibi, T5RelativeBias or NoPosition; options "
                "follow it, and LearnedPositions and SinusoidalPositions are the spec's own Position");
  static_assert((detail::is_attention_option<Options> && ...) || !mask_placed || !position_placed,
                "bora: GroupedQueryAttention: options are Bias or QkvBias, ClipQkv<limit>, QkNorm<scope, norm>, "
                "ScoreWidth<width> and SoftCap<cap>");
  static_assert(
      detail::options_differ<Options...>,
      "bora: GroupedQueryAttention: an option is given twice; give Bias or QkvBias and the others at most once");

  /// The policy's description: name and arguments.
  static PolicyDescription describe(Described<GroupedQueryAttention> = {}) {
    static_assert(rotary <= head_dim);  // instantiates `rotary`, so that its rules are checked
    detail::AttentionOptions options{has_bias, has_qkv_bias && !has_bias, clip, cap, score_width};
    if constexpr (has_qk_norm) options.qk_norm = description_of<QueryKeyNorm>();
    return detail::attention_description(shape, description_of<Mask>(), description_of<Position>(), std::move(options));
  }

  /// Components of a head that rotate; 0 without Rope.
  static constexpr std::size_t rotary = [] {
    if constexpr (RotaryPosition<Position>) {
      constexpr std::size_t r = Position::rotary(head_dim);
      static_assert(
          r > 0 && r % 2 == 0,
          "bora: Rope: the rotated width int(head_dim * fraction) must be even, its components turn in pairs");
      return r;
    } else {
      return std::size_t{0};
    }
  }();

  /// Scale of the scores: 1 / sqrt(head_dim), unless ScoreWidth says otherwise; 1 for T5, which folds it into its
  /// weights.
  template <class T>
  static T score_scale() noexcept {
    if constexpr (score_width != 0) return T(1) / std::sqrt(static_cast<T>(score_width));
    return BucketedPosition<Position> ? T(1) : T(1) / std::sqrt(static_cast<T>(head_dim));
  }

  /// The layer's implementation, for a model of width `dim`.
  template <std::size_t dim>
  struct Layer {
    using QueryNorm = detail::HeadNorm<QueryKeyNorm, heads, head_dim>;
    using KeyNorm = detail::HeadNorm<QueryKeyNorm, kv_heads, head_dim>;

    template <class Store>
    struct Tensors {
      typename Store::Matrix query, key, value, output;
      [[no_unique_address]] PresentIf<has_qkv_bias, typename Store::Vector> query_bias{}, key_bias{}, value_bias{};
      [[no_unique_address]] PresentIf<has_bias, typename Store::Vector> output_bias{};
      [[no_unique_address]] typename QueryNorm::template Tensors<Store> query_norm{};
      [[no_unique_address]] typename KeyNorm::template Tensors<Store> key_norm{};
    };
    template <class F, class... Place>
    static constexpr void visit(F&& f, Place&... place) {
      f(TensorId{"query"}, TensorShape{query_width, dim}, place.query...);
      if constexpr (has_qkv_bias) f(TensorId{"query_bias"}, TensorShape{query_width}, place.query_bias...);
      f(TensorId{"key"}, TensorShape{key_width, dim}, place.key...);
      if constexpr (has_qkv_bias) f(TensorId{"key_bias"}, TensorShape{key_width}, place.key_bias...);
      f(TensorId{"value"}, TensorShape{key_width, dim}, place.value...);
      if constexpr (has_qkv_bias) f(TensorId{"value_bias"}, TensorShape{key_width}, place.value_bias...);
      f(TensorId{"output"}, TensorShape{dim, query_width}, place.output...);
      if constexpr (has_bias) f(TensorId{"output_bias"}, TensorShape{dim}, place.output_bias...);
      QueryNorm::visit("query_norm", "query_norm_bias", f, place.query_norm...);
      KeyNorm::visit("key_norm", "key_norm_bias", f, place.key_norm...);
    }

    /// Saved activations. In a session all layers share one set; training has one for each layer.
    template <class Store>
    struct Kept {
      using T = typename Store::Number;
      Rows<T> projected_query, projected_key, projected_value;  ///< before norm, clipping and rotation
      Rows<T> normed_query, normed_key;  ///< before clipping and rotation; in place unless backward needs the others
      Rows<T> query;                     ///< after all of them; in place unless backward needs those before
      typename QueryNorm::template Statistics<T>* query_statistics;
      typename KeyNorm::template Statistics<T>* key_statistics;
      typename Store::Input output;  ///< the heads' outputs, input of the last product
      static constexpr bool overlays = !Store::reads_padding(query_width);

      static Kept carve(Arena& arena, std::size_t rows) noexcept {
        Kept k;
        k.projected_query = take_rows<T>(arena, rows, query_width);
        k.projected_key = take_rows<T>(arena, rows, key_width);
        k.projected_value = take_rows<T>(arena, rows, key_width);
        k.query =
            (clip != 0 || has_qk_norm) && arena.saves() ? take_rows<T>(arena, rows, query_width) : k.projected_query;
        const bool norms_in_place = !has_qk_norm || !arena.saves();
        k.normed_query = norms_in_place ? k.projected_query
                         : clip == 0    ? k.query
                                        : take_rows<T>(arena, rows, query_width);
        k.normed_key = norms_in_place ? k.projected_key : take_rows<T>(arena, rows, key_width);
        k.query_statistics = QueryNorm::template take_statistics<T>(arena, rows);
        k.key_statistics = KeyNorm::template take_statistics<T>(arena, rows);
        k.output = Store::take_input(arena, rows, query_width);
        return k;
      }
    };
    /// Scratch memory of one lane, in elements.
    static constexpr std::size_t lane_scratch() noexcept {
      return simd::AttentionScratch<float>::size(head_dim) + 2 * row_stride(head_dim);
    }

    /// y = attention(x) on this lane's columns of y. Keys and values are written to the cache before anything
    /// attends, and attention reads only the cache. Ends without a barrier.
    template <class Store, CacheFormat E, class T = typename Store::Number>
    static Range forward(const Lane& lane, const Tensors<Store>& w, const typename Store::Input& x,
                         const AttentionContext<T, E>& context, const Kept<Store>& kept, Rows<T> y) noexcept {
      linear(lane, w.query, w.query_bias, x, context.rows, kept.projected_query);
      linear(lane, w.key, w.key_bias, x, context.rows, kept.projected_key);
      linear(lane, w.value, w.value_bias, x, context.rows, kept.projected_value);
      lane.sync();
      place_rows<Store>(lane, w, context, kept);
      lane.sync();
      attend_rows(lane, w.output, context, kept);
      lane.sync();
      if (finish_input(lane, w.output, kept.output, context.rows)) lane.sync();
      return linear(lane, w.output, w.output_bias, kept.output, context.rows, y);
    }

    /// Memory of backward that all layers share.
    template <class Store>
    struct Gradients {
      using T = typename Store::Number;
      Rows<T> output;                    ///< of the heads' outputs
      Rows<T> query, key, value;         ///< of the projections
      Rows<T> normed_query, normed_key;  ///< of those after the norm; the same memory without one
      static Gradients carve(Arena& arena, std::size_t rows) noexcept {
        Gradients g{take_rows<T>(arena, rows, query_width),
                    take_rows<T>(arena, rows, query_width),
                    take_rows<T>(arena, rows, key_width),
                    take_rows<T>(arena, rows, key_width),
                    {},
                    {}};
        g.normed_query = has_qk_norm ? take_rows<T>(arena, rows, query_width) : g.query;
        g.normed_key = has_qk_norm ? take_rows<T>(arena, rows, key_width) : g.key;
        return g;
      }
    };
    static constexpr std::size_t backward_lane_scratch(std::size_t time) noexcept {
      return simd::AttentionGradients<float>::size(head_dim, time, cap != 0);
    }

    /// dx += the gradient with respect to x; g += the gradients of the weights. Rows are whole sequences, one after the
    /// other. d_bias [sequences, heads, reach] += gradients of the bias table.
    template <class Store, CacheFormat E, class T = typename Store::Number>
    static void backward(const Lane& lane, const Tensors<Store>& w, const Tensors<Flat<T>>& g,
                         const typename Store::Input& x, const AttentionContext<T, E>& context, const Kept<Store>& kept,
                         const Gradients<Store>& d, Rows<const T> dy, T* d_bias, Rows<T> dx) noexcept {
      const std::size_t rows = context.rows;
      clear_columns(lane, d.output, rows, query_width);
      linear_backward(lane, w.output, dy, rows, d.output);
      linear_gradient(lane, w.output, g.output, g.output_bias, dy, kept.output, rows);
      lane.sync();
      attend_backward_rows<Store>(lane, context, kept, d, d_bias);
      lane.sync();
      if constexpr (has_qk_norm) {
        QueryNorm::template backward<Store>(lane, w.query_norm, g.query_norm, Rows<const T>(kept.projected_query), rows,
                                            kept.query_statistics, Rows<const T>(d.normed_query), d.query);
        KeyNorm::template backward<Store>(lane, w.key_norm, g.key_norm, Rows<const T>(kept.projected_key), rows,
                                          kept.key_statistics, Rows<const T>(d.normed_key), d.key);
        lane.sync();
      }
      linear_gradient(lane, w.query, g.query, g.query_bias, d.query, x, rows);
      linear_gradient(lane, w.key, g.key, g.key_bias, d.key, x, rows);
      linear_gradient(lane, w.value, g.value, g.value_bias, d.value, x, rows);
      linear_backward(lane, w.query, d.query, rows, dx);
      linear_backward(lane, w.key, d.key, rows, dx);
      linear_backward(lane, w.value, d.value, rows, dx);
    }

   private:
    /// to = the head `from`, rotated by its row's angles; `to` may be `from`.
    template <class T, CacheFormat E>
    static void turn(const AttentionContext<T, E>& context, std::size_t r, const T* from, T* to, T direction) noexcept {
      if constexpr (rotary != 0)
        simd::rotate(from, context.cosine.row(r), context.sine.row(r), rotary / 2, direction, to);
      if (from != to) simd::copy_row(from + rotary, to + rotary, head_dim - rotary);
    }
    /// `projected`, clipped into `memory`, or in place where possible.
    template <class T>
    static const T* clipped(const T* projected, T* memory) noexcept {
      if constexpr (clip == 0) return projected;
      if (projected != memory) simd::copy_row(projected, memory, head_dim);
      simd::clip(static_cast<T>(clip), memory, head_dim);
      return memory;
    }

    /// Norms, clips and rotates this lane's rows; queries go to `kept`, keys and values to the cache.
    template <class Store, CacheFormat E, class T>
    static void place_rows(const Lane& lane, [[maybe_unused]] const Tensors<Store>& w,
                           const AttentionContext<T, E>& context, const Kept<Store>& kept) noexcept {
      const Range share = lane.share(context.rows);
      T *key = context.scratch, *value = key + row_stride(head_dim);
      for (std::size_t r = share.begin; r < share.end; ++r) {
        if constexpr (has_qk_norm) {
          QueryNorm::template forward_row<Store>(w.query_norm, r, kept.projected_query.row(r), kept.normed_query.row(r),
                                                 kept.query_statistics);
          KeyNorm::template forward_row<Store>(w.key_norm, r, kept.projected_key.row(r), kept.normed_key.row(r),
                                               kept.key_statistics);
        }
        for (std::size_t c = 0; c < query_width; c += head_dim) {
          T* query = kept.query.row(r) + c;
          turn(context, r, clipped(kept.normed_query.row(r) + c, query), query, T(1));
        }
        const RowPlace at = context.places[r];
        for (std::size_t h = 0; h < kv_heads; ++h) {
          turn(context, r, clipped(kept.normed_key.row(r) + h * head_dim, key), key, T(1));
          simd::store_key_value(context.keys[at.sequence], at.position, h, key,
                                clipped(kept.projected_value.row(r) + h * head_dim, value));
        }
      }
    }

    // A tile is as many query rows as share keys: the heads of a group, for as many tokens as fit.
    static constexpr std::size_t tile_heads = std::min(group, simd::query_tile);
    static constexpr std::size_t tile_tokens = simd::query_tile / tile_heads;

    template <class Store, CacheFormat E, class T>
    static void attend_rows(const Lane& lane, const typename Store::Matrix& output,
                            const AttentionContext<T, E>& context, const Kept<Store>& kept) noexcept {
      std::size_t unit = 0;
      for (std::size_t r = 0, end; r < context.rows; r = end) {
        end = r + 1;
        while (end < context.rows && end - r < tile_tokens &&
               context.places[end].sequence == context.places[r].sequence)
          ++end;
        for (std::size_t h = 0; h < heads; h += tile_heads_from(h))
          if (unit++ % lane.count == lane.index)
            attend_tile(output, context, kept, {r, end}, {h, h + tile_heads_from(h)});
      }
    }
    /// Heads of the tile that begins at head h: it ends with the group.
    static constexpr std::size_t tile_heads_from(std::size_t h) noexcept {
      return std::min(tile_heads, group - h % group);
    }

    template <class T>
    static simd::ScoreBias<T> capped(simd::ScoreBias<T> bias) noexcept {
      bias.cap = static_cast<T>(cap);
      return bias;
    }
    template <class T, CacheFormat E, class Store>
    static simd::QueryRow<T> query_row(const AttentionContext<T, E>& context, const Kept<Store>& kept, std::size_t r,
                                       std::size_t h) noexcept {
      const std::size_t position = context.places[r].position;
      return {h, position, static_cast<std::size_t>(Mask::first_visible(position)), kept.query.row(r) + h * head_dim};
    }

    template <class Store, CacheFormat E, class T>
    static void attend_tile(const typename Store::Matrix& output, const AttentionContext<T, E>& context,
                            const Kept<Store>& kept, Range tokens, Range tile) noexcept {
      simd::AttentionScratch<T> scratch(context.scratch, head_dim);
      simd::QueryRow<T> rows[simd::query_tile] = {};
      std::size_t n = 0;
      for (std::size_t r = tokens.begin; r < tokens.end; ++r)
        for (std::size_t h = tile.begin; h < tile.end; ++h) rows[n++] = query_row<T, E, Store>(context, kept, r, h);
      simd::attend(context.keys[context.places[tokens.begin].sequence], tile.begin / group, rows, n, score_scale<T>(),
                   capped(context.bias), scratch);
      n = 0;
      for (std::size_t r = tokens.begin; r < tokens.end; ++r)
        for (std::size_t h = tile.begin; h < tile.end; ++h) {
          simd::round_row(scratch.output + n++ * scratch.stride, kept.output.row(r) + h * head_dim, head_dim);
          output.prepare(kept.output, r, {h * head_dim, (h + 1) * head_dim});
        }
    }

    /// One unit is a sequence and a key/value head: all sums over its queries stay in one lane, in one order.
    template <class Store, CacheFormat E, class T>
    static void attend_backward_rows(const Lane& lane, const AttentionContext<T, E>& context, const Kept<Store>& kept,
                                     const Gradients<Store>& d, T* d_bias) noexcept {
      std::size_t unit = 0;
      for (std::size_t first = 0, end; first < context.rows; first = end) {
        end = sequence_end(context, first);
        for (std::size_t k = 0; k < kv_heads; ++k)
          if (unit++ % lane.count == lane.index) attend_backward_unit<Store>(context, {first, end}, k, kept, d, d_bias);
      }
    }
    template <class T, CacheFormat E>
    static std::size_t sequence_end(const AttentionContext<T, E>& context, std::size_t row) noexcept {
      const std::size_t sequence = context.places[row].sequence;
      while (row < context.rows && context.places[row].sequence == sequence) ++row;
      return row;
    }

    template <class Store, CacheFormat E, class T>
    static void attend_backward_unit(const AttentionContext<T, E>& context, Range tokens, std::size_t kv_head,
                                     const Kept<Store>& kept, const Gradients<Store>& d, T* d_bias) noexcept {
      const simd::KeyRuns<E>& keys = context.keys[context.places[tokens.begin].sequence];
      simd::AttentionGradients<T> g(context.scratch, head_dim, tokens.size(), cap != 0);
      g.begin(keys, kv_head);
      for (std::size_t h = kv_head * group; h < (kv_head + 1) * group; ++h)
        for (std::size_t r = tokens.begin; r < tokens.end; r += simd::query_tile)
          attend_backward_tile<Store>(context, {r, std::min(tokens.end, r + simd::query_tile)}, h, keys, kept, d,
                                      d_bias, g);
      for (std::size_t r = tokens.begin; r < tokens.end; ++r) {
        const std::size_t i = r - tokens.begin, c = kv_head * head_dim;
        std::copy_n(g.d_key + i * g.stride, head_dim, d.normed_key.row(r) + c);
        std::copy_n(g.d_value + i * g.stride, head_dim, d.value.row(r) + c);
        turn(context, r, d.normed_key.row(r) + c, d.normed_key.row(r) + c, T(-1));
        unclip(kept.normed_key.row(r) + c, d.normed_key.row(r) + c);
        unclip(kept.projected_value.row(r) + c, d.value.row(r) + c);
      }
    }

    template <class Store, CacheFormat E, class T>
    static void attend_backward_tile(const AttentionContext<T, E>& context, Range tokens, std::size_t h,
                                     const simd::KeyRuns<E>& keys, const Kept<Store>& kept, const Gradients<Store>& d,
                                     T* d_bias, simd::AttentionGradients<T>& g) noexcept {
      simd::QueryRow<T> rows[simd::query_tile] = {};
      const std::size_t n = tokens.size(), c = h * head_dim;
      for (std::size_t m = 0; m < n; ++m) {
        rows[m] = query_row<T, E, Store>(context, kept, tokens.begin + m, h);
        std::copy_n(rows[m].query, head_dim, g.queries + m * g.stride);
        std::copy_n(d.output.row(tokens.begin + m) + c, head_dim, g.d_output + m * g.stride);
      }
      const Range range = simd::attend_backward(keys, h / group, rows, n, score_scale<T>(), capped(context.bias), g);
      for (std::size_t m = 0; m < n; ++m) {
        T* d_query = d.normed_query.row(tokens.begin + m) + c;
        std::copy_n(g.d_query + m * g.stride, head_dim, d_query);
        turn(context, tokens.begin + m, d_query, d_query, T(-1));
        unclip(kept.normed_query.row(tokens.begin + m) + c, d_query);
      }
      if constexpr (BucketedPosition<Position>) {
        T* table = d_bias + (context.places[tokens.begin].sequence * heads + h) * context.bias.reach;
        for (std::size_t m = 0; m < n; ++m)
          for (std::size_t j = std::max(range.begin, rows[m].first_visible); j <= rows[m].position; ++j)
            table[std::min(rows[m].position - j, context.bias.reach - 1)] += g.d_scores[m * g.length + j];
      }
    }

    /// Zeroes the gradients of clamped values.
    template <class T>
    static void unclip(const T* projected, T* d) noexcept {
      if constexpr (clip != 0)
        for (std::size_t c = 0; c < head_dim; ++c)
          if (std::abs(projected[c]) > static_cast<T>(clip)) d[c] = 0;
    }
  };
};

namespace detail {

/// A shape whose number of key/value heads is given by the kind of attention.
template <HeadShape shape>
constexpr HeadShape multi_head_shape() {
  static_assert(shape.kv_heads == 0 || shape.kv_heads == shape.heads,
                "bora: MultiHeadAttention: each head has a key/value head of its own; leave kv_heads out, or use "
                "GroupedQueryAttention");
  return {.heads = shape.heads, .kv_heads = shape.heads, .head_dim = shape.head_dim};
}
template <HeadShape shape>
constexpr HeadShape multi_query_shape() {
  static_assert(shape.kv_heads <= 1,
                "bora: MultiQueryAttention: all heads share one key/value head; leave kv_heads out, or use "
                "GroupedQueryAttention");
  return {.heads = shape.heads, .kv_heads = 1, .head_dim = shape.head_dim};
}

}  // namespace detail

/// Every query head has its own key/value head (Vaswani et al. 2017, §3.2.2); `kv_heads` is left out.
template <HeadShape shape, class Mask = Causal, class Position = NoPosition, class... Options>
using MultiHeadAttention = GroupedQueryAttention<detail::multi_head_shape<shape>(), Mask, Position, Options...>;

/// All query heads share one key/value head (Shazeer 2019); `kv_heads` is left out.
template <HeadShape shape, class Mask = Causal, class Position = NoPosition, class... Options>
using MultiQueryAttention = GroupedQueryAttention<detail::multi_query_shape<shape>(), Mask, Position, Options...>;

/// Facts: heads, mask and position. A model also needs its nested `Layer<dim>`, which only this library's have.
template <class A>
concept AttentionPolicy = requires {
  { A::heads } -> std::convertible_to<std::size_t>;
  { A::kv_heads } -> std::convertible_to<std::size_t>;
  { A::head_dim } -> std::convertible_to<std::size_t>;
  requires MaskPolicy<typename A::Mask>;
  typename A::Position;
};

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();

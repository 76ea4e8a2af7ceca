/// The key/value cache of several sequences in all layers; the policy decides where their runs lie.
#pragma once
#include <bora/cache/policy.hpp>
#include <bora/core/error.hpp>
#include <bora/core/memory.hpp>
#include <bora/simd/key_runs.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// One attention layer as the cache sees it.
struct CacheLayer {
  std::size_t kv_heads;  ///< key/value heads
  std::size_t head_dim;  ///< features per head
  std::size_t window;    ///< keys a query sees at most; 0: no bound
};

/// Sizes of a cache.
struct CacheShape {
  std::size_t capacity;   ///< positions a linear or paged layer holds
  std::size_t chunk;      ///< most positions written before attention reads them
  std::size_t rewind;     ///< most positions that can be rewound
  std::size_t sequences;  ///< held side by side, numbered from 0
};

/// Runs of 16 that a ring needs: all keys that the first row of a chunk (also one after a rewind) still sees, with
/// partial runs at both ends counted as whole.
constexpr std::size_t ring_runs(std::size_t window, std::size_t chunk, std::size_t rewind) noexcept {
  const std::size_t positions = window - 1 + std::max(chunk, rewind);
  return (positions + simd::run_length - 1) / simd::run_length + 1;
}

/// The memory of a session's keys and values. Address space is reserved at construction, nothing is allocated
/// afterwards; memory becomes resident as keys are written.
template <CacheFormat E>
class KeyValueCache {
 public:
  using Format = E;
  using Runs = simd::KeyRuns<E>;

  /// Allocates all that `shape` may need: one layer of the cache for each of `layers`, as the policy says.
  template <CachePolicy Policy>
  KeyValueCache(Policy, const std::vector<CacheLayer>& layers, const CacheShape& shape)
      : shape_(shape),
        page_runs_(std::max<std::size_t>(1, Policy::page / simd::run_length)),
        sequences_(shape.sequences) {
    if (Policy::page != 0) make_pages();
    layers_.reserve(layers.size());
    for (const CacheLayer& layer : layers) make_layer(layer, Policy::kind(layer.window));
  }

  /// How many there are; they are numbered from 0.
  std::size_t sequences() const noexcept { return sequences_.size(); }
  /// Positions a sequence holds.
  std::size_t length(std::size_t sequence) const noexcept { return sequences_[sequence].length; }
  /// The runs of every sequence in a layer: [sequences].
  const Runs* layer(std::size_t l) const noexcept { return layers_[l].runs.data(); }
  /// Bytes of the keys and values in memory.
  std::size_t bytes() const noexcept {
    std::size_t sum = 0;
    for (const Layer& layer : layers_) sum += layer.memory.bytes();
    return sum;
  }
  /// Whether sequences may grow without bound: every layer is a ring.
  bool endless() const noexcept {
    return std::all_of(layers_.begin(), layers_.end(), [](const Layer& l) { return l.ring != 0; });
  }

  /// Makes room for `count` more positions of a sequence and counts them. The caller has checked the capacity.
  void append(std::size_t sequence, std::size_t count) noexcept {
    Sequence& s = sequences_[sequence];
    if (!tables_.empty() && count > 0) own_pages(sequence, s.length, s.length + count);
    s.length += count;
    s.high = std::max(s.high, s.length);
  }

  /// Whether `rewind` to `length`, at most the sequence length, would succeed.
  bool can_rewind(std::size_t sequence, std::size_t length) const noexcept {
    const Sequence& s = sequences_[sequence];
    return length == 0 || (length >= s.floor && std::all_of(layers_.begin(), layers_.end(), [&](const Layer& layer) {
                             return first_held(layer, s.high) <= first_needed(layer, length);
                           }));
  }
  /// Rewinds a sequence to `length` positions. Throws CapacityError if keys that are visible from there were evicted.
  void rewind(std::size_t sequence, std::size_t length) {
    Sequence& s = sequences_[sequence];
    if (length > s.length)
      throw CapacityError(detail::message("rewind: sequence ", sequence, " holds ", s.length,
                                          " tokens, and cannot be taken back to ", length));
    if (length == 0) return reset(sequence);  // no keys are visible from there
    if (length < s.floor)
      throw CapacityError(detail::message("rewind: sequence ", sequence, " cannot be taken back to ", length,
                                          " tokens: it was restored from a ring, and holds what is seen from ", s.floor,
                                          " tokens on"));
    for (const Layer& layer : layers_)
      if (first_held(layer, s.high) > first_needed(layer, length))
        throw CapacityError(detail::message(
            "rewind: sequence ", sequence, " cannot be taken back from ", s.high, " to ", length,
            " tokens: the ring of a window of ", layer.facts.window,
            " has overwritten what is seen from there; this session was made with rewind ", shape_.rewind));
    if (!tables_.empty()) drop_pages(sequence, length);
    s.length = length;
  }

  /// Empties a sequence.
  void reset(std::size_t sequence) noexcept {
    if (!tables_.empty()) drop_pages(sequence, 0);
    sequences_[sequence] = {};
  }

  /// Makes `to` a copy of `from`; pages are shared.
  void fork(std::size_t from, std::size_t to) noexcept {
    if (from == to) return;
    reset(to);
    sequences_[to] = sequences_[from];
    if (!tables_.empty()) return share_pages(from, to);
    const std::size_t held = (sequences_[from].high + simd::run_length - 1) / simd::run_length;
    for (Layer& layer : layers_) {
      const std::size_t runs = std::min(held, layer.ring == 0 ? layer.runs[from].modulus : layer.ring);
      std::memcpy(layer.memory.data() + layer.runs[to].first * layer.run_bytes(),
                  layer.memory.data() + layer.runs[from].first * layer.run_bytes(), runs * layer.run_bytes());
    }
  }

  // What saving and restoring need.

  /// Makes room for `length` positions of an empty sequence. The caller then writes its runs through run(), in layer l
  /// from first_runs[l] on as far as first_held_run() keeps them. The sequence cannot be rewound to positions that
  /// would see earlier runs. The caller has checked the capacity and first_runs[l] <= first_needed_run(l, length).
  void adopt(std::size_t sequence, std::size_t length, std::span<const std::size_t> first_runs) noexcept {
    reset(sequence);
    append(sequence, length);
    std::size_t& floor = sequences_[sequence].floor;
    for (std::size_t l = 0; l < layers_.size(); ++l)
      if (first_runs[l] > 0) floor = std::max(floor, first_runs[l] * simd::run_length + layers_[l].facts.window - 1);
  }
  /// Number of layers.
  std::size_t layer_count() const noexcept { return layers_.size(); }
  /// Heads and window of a layer.
  const CacheLayer& layer_facts(std::size_t l) const noexcept { return layers_[l].facts; }
  /// Bytes of one run of all heads in a layer.
  std::size_t run_bytes(std::size_t l) const noexcept { return layers_[l].run_bytes(); }
  /// The first run of a sequence that a layer still holds.
  std::size_t first_held_run(std::size_t l, std::size_t sequence) const noexcept {
    const Sequence& s = sequences_[sequence];
    return std::max(first_held(layers_[l], s.high), first_needed(layers_[l], s.floor));
  }
  /// The first run that attention reads when a sequence of `length` continues.
  std::size_t first_needed_run(std::size_t l, std::size_t length) const noexcept {
    return first_needed(layers_[l], length);
  }
  /// The bytes of one run of all heads.
  std::byte* run(std::size_t l, std::size_t sequence, std::size_t index) noexcept {
    return layers_[l].runs[sequence].run(index, 0).data;
  }
  /// The same, to read.
  const std::byte* run(std::size_t l, std::size_t sequence, std::size_t index) const noexcept {
    return layers_[l].runs[sequence].run(index, 0).data;
  }

 private:
  struct Layer {
    CacheLayer facts;
    std::size_t ring;  ///< runs of the ring; 0: nothing is evicted
    Buffer<std::byte> memory;
    std::vector<Runs> runs;
    std::size_t run_bytes() const noexcept { return facts.kv_heads * simd::RunLayout<E>::bytes(facts.head_dim); }
  };
  struct Sequence {
    std::size_t length = 0;
    std::size_t high = 0;   ///< the longest it has been: a ring's slots up to there are overwritten
    std::size_t floor = 0;  ///< shortest length to rewind to: keys visible from fewer positions were not restored
  };

  static std::size_t first_held(const Layer& layer, std::size_t high) noexcept {
    const std::size_t runs = (high + simd::run_length - 1) / simd::run_length;
    return layer.ring == 0 || runs <= layer.ring ? 0 : runs - layer.ring;
  }
  static std::size_t first_needed(const Layer& layer, std::size_t length) noexcept {
    const std::size_t window = layer.facts.window;
    return window == 0 || length < window ? 0 : (length + 1 - window) / simd::run_length;
  }

  std::size_t sequence_runs() const noexcept {
    const std::size_t page = page_runs_ * simd::run_length;
    return (shape_.capacity + page - 1) / page * page_runs_;
  }

  void make_layer(const CacheLayer& facts, CacheKind kind) {
    Layer layer{facts, 0, {}, {}};
    std::size_t runs = sequence_runs();
    if (kind == CacheKind::rolling) runs = layer.ring = ring_runs(facts.window, shape_.chunk, shape_.rewind);
    if (runs > std::numeric_limits<std::size_t>::max() / sequences_.size() / layer.run_bytes())
      throw ConfigError(detail::message("session: the keys of ", sequences_.size(), " sequences of ", runs, " runs of ",
                                        layer.run_bytes(), " bytes fit no memory"));
    layer.memory = Buffer<std::byte>(runs * sequences_.size() * layer.run_bytes(), "the keys and values of a layer",
                                     Use::as_it_grows);
    allow_huge_pages(layer, kind == CacheKind::paged ? 1 : sequences_.size());
    for (std::size_t s = 0; s < sequences_.size(); ++s) {
      Runs r;
      r.base = layer.memory.data();
      r.table = kind == CacheKind::paged ? tables_[s].data() : nullptr;
      r.first = s * runs;
      r.modulus = runs;
      r.page_runs = page_runs_;
      r.kv_heads = facts.kv_heads;
      r.head_dim = facts.head_dim;
      layer.runs.push_back(r);
    }
    layers_.push_back(std::move(layer));
  }

  /// A short text should not take 2 MB a layer: huge pages start with the second 2 MB of a sequence, or of the pool of
  /// pages.
  void allow_huge_pages(Layer& layer, std::size_t parts) noexcept {
    constexpr std::size_t small = std::size_t{2} << 20;
    const std::size_t part = layer.memory.bytes() / parts;
    if (part < 2 * small) return;
    for (std::size_t p = 0; p < parts; ++p) layer.memory.allow_huge_pages(p * part + small, (p + 1) * part);
  }

  // Pages: one table a sequence, the same for all layers, since all layers hold the same positions.

  void make_pages() {
    const std::size_t pages = sequence_runs() / page_runs_;
    tables_.assign(sequences_.size(), std::vector<std::uint32_t>(pages, 0));
    used_.assign(sequences_.size(), 0);
    owners_.assign(pages * sequences_.size(), 0);
    for (std::size_t p = owners_.size(); p-- > 0;) free_.push_back(static_cast<std::uint32_t>(p));
  }
  std::uint32_t take_page() noexcept {
    const std::uint32_t page = free_.back();
    free_.pop_back();
    owners_[page] = 1;
    return page;
  }
  void release(std::uint32_t page) noexcept {
    if (--owners_[page] == 0) free_.push_back(page);
  }
  /// Every page of positions [begin, end) exists and belongs to this sequence alone.
  void own_pages(std::size_t sequence, std::size_t begin, std::size_t end) noexcept {
    const std::size_t page = page_runs_ * simd::run_length;
    std::vector<std::uint32_t>& table = tables_[sequence];
    for (std::size_t p = begin / page; p <= (end - 1) / page; ++p) {
      if (p >= used_[sequence]) {
        table[p] = take_page();
        used_[sequence] = p + 1;
      } else if (owners_[table[p]] > 1) {
        const std::uint32_t copy = take_page();
        for (Layer& layer : layers_) copy_page(layer, table[p], copy);
        release(table[p]);
        table[p] = copy;
      }
    }
  }
  void copy_page(Layer& layer, std::uint32_t from, std::uint32_t to) noexcept {
    const std::size_t bytes = page_runs_ * layer.run_bytes();
    std::memcpy(layer.memory.data() + to * bytes, layer.memory.data() + from * bytes, bytes);
  }
  void drop_pages(std::size_t sequence, std::size_t length) noexcept {
    const std::size_t page = page_runs_ * simd::run_length, keep = (length + page - 1) / page;
    while (used_[sequence] > keep) release(tables_[sequence][--used_[sequence]]);
  }
  void share_pages(std::size_t from, std::size_t to) noexcept {
    used_[to] = used_[from];
    for (std::size_t p = 0; p < used_[from]; ++p) ++owners_[tables_[to][p] = tables_[from][p]];
  }

  CacheShape shape_;
  std::size_t page_runs_;
  std::vector<Sequence> sequences_;
  std::vector<Layer> layers_;
  std::vector<std::vector<std::uint32_t>> tables_;  ///< [sequences, pages]; empty when nothing is paged
  std::vector<std::size_t> used_;                   ///< pages of each sequence
  std::vector<std::uint32_t> owners_, free_;
};

}}  // namespace bora::BORA_ABI

/// Sessions: a model, a key/value cache and the buffers of a forward pass.
#pragma once
#include <bora/core/progress_function.hpp>
#include <bora/core/tensor.hpp>
#include <bora/model/forward.hpp>
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Options of a session. All address space is reserved when the session is made; the system commits memory as keys are
/// written.
struct SessionOptions {
  std::size_t capacity = 0;   ///< most positions of a sequence; 0: the spec's context. Does not limit rings
  std::size_t chunk = 512;    ///< most tokens of a prompt in one forward pass
  std::size_t rewind = 0;     ///< tokens that rings can always rewind
  std::size_t sequences = 1;  ///< of a BatchSession
  std::size_t scored = 0;     ///< most tokens of one call of `score`, the pending one included
  Executor* pool = nullptr;   ///< thread pool; null: the calling thread alone. Must outlive the session
};

/// Options of one prefill. The logits do not depend on them.
struct PrefillOptions {
  std::size_t chunk = 0;           ///< 0: the session's; larger ones are cut to it
  ProgressFunction progress = {};  ///< called with (done, total) tokens before each chunk and at the end; false cancels
};

/// A token for one sequence of a batch.
struct BatchToken {
  std::size_t sequence;  ///< of the session's, from 0
  TokenId token;         ///< the next token of that sequence
};

/// Logits of several rows; a view that the session's next call overwrites.
template <class T>
class LogitRows {
 public:
  /// Of `count` rows of `width` logits.
  LogitRows(Rows<const T> rows, std::size_t count, std::size_t width) : rows_(rows), count_(count), width_(width) {}
  std::size_t size() const noexcept { return count_; }
  std::span<const T> row(std::size_t r) const noexcept { return {rows_.row(r), width_}; }

 private:
  Rows<const T> rows_;
  std::size_t count_, width_;
};

namespace detail {

/// The default cache element of a weight format: F32 keys for F32 weights, bfloat16 otherwise.
template <WeightFormat F>
using CacheElement = std::conditional_t<std::is_same_v<F, F32> || std::is_same_v<F, F64>, F, Bf16>;

/// Reports a type that is no model. A session is accepted here because deduction instantiates this for a move: `Session
/// b{std::move(a)}`.
template <class Model>
struct DefaultCacheFor {
  static_assert(
      LooksLikeModel<Model> || requires { typename Model::Spec; },
      "bora: Session: a session is one of a model, not of its spec: auto model = load<Spec, bora::Bf16>(path); "
      "bora::Session session{model};");
};
template <LooksLikeModel Model>
struct DefaultCacheFor<Model> {
  using Type = DefaultCache<typename Model::Spec, CacheElement<typename Model::Format>>;
};
template <class Model>
using DefaultCacheOf = typename DefaultCacheFor<Model>::Type;

}  // namespace detail

/// Several sequences through one model, each at its own position. Logits of a token do not depend on what else is in
/// the batch, how its prompt was cut, how many threads work, or (for one element format) which cache holds the keys.
template <class Model_, CachePolicy Cache_ = detail::DefaultCacheOf<std::remove_const_t<Model_>>>
class BatchSession {
 public:
  using Model = std::remove_const_t<Model_>;
  using Spec = typename Model::Spec;
  using Format = typename Model::Format;
  using Number = typename Model::Number;
  using Cache = Cache_;
  using Element = typename Cache::Element;
  using Token = BatchToken;

  /// The model must outlive the session. Throws ConfigError for impossible options, MemoryError if there is no memory
  /// for its keys and values.
  explicit BatchSession(const Model& model, const SessionOptions& options = {})
      : model_(&model),
        options_(checked(options)),
        pool_(options_.pool),
        cache_(Cache(), detail::cache_layers<Spec>(),
               {options_.capacity, options_.chunk, options_.rewind, options_.sequences}),
        forward_(std::max(options_.chunk, options_.sequences), detail::lanes_of(options_.pool), Keep::nothing),
        head_(std::max(options_.sequences, options_.scored)),
        pending_(options_.sequences, none),
        seen_(options_.sequences) {}
  /// A temporary model would be destroyed before the session: give it a name first.
  explicit BatchSession(const Model&& model, const SessionOptions& options = {}) = delete;

  /// How many sequences there are; they are numbered from 0.
  std::size_t sequences() const noexcept { return options_.sequences; }
  /// Effective options: defaults resolved, chunk clamped.
  const SessionOptions& options() const noexcept { return options_; }
  /// The model this session runs.
  const Model& model() const noexcept { return *model_; }
  /// Length of a sequence: tokens run, tokens evicted from a ring, and the pending one.
  std::size_t length(std::size_t sequence) const {
    check_sequence(sequence);
    return held(sequence);
  }
  /// The pending token (appended, not run yet), if there is one: see `append`.
  std::optional<TokenId> pending(std::size_t sequence) const {
    check_sequence(sequence);
    return has_pending(sequence) ? std::optional(pending_[sequence]) : std::nullopt;
  }
  /// Bytes of the keys and values of all sequences in memory.
  std::size_t cache_bytes() const noexcept { return cache_.bytes(); }
  /// Bytes reserved for the activations of a chunk and the logits; taken once a prompt is as long as the chunk.
  std::size_t scratch_bytes() const noexcept { return forward_.bytes() + head_.bytes(); }

  /// Appends a prompt to a sequence, in chunks; returns the logits after its last token: [vocab_size], valid until the
  /// next call. A pending token is run in front of the prompt, which may then be empty. Throws TokenError for an empty
  /// prompt without a pending token or for a bad id, CapacityError when it does not fit; nothing is changed then.
  ///
  /// Throws Cancelled if the options' progress returns false, and passes on what it throws; the sequence is then as
  /// before the call. Only if a ring has overwritten keys that the old length needs does it keep the chunks that were
  /// run.
  std::span<const Number> prefill(std::size_t sequence, std::span<const TokenId> tokens,
                                  const PrefillOptions& options = {}) {
    check_sequence(sequence);
    if (tokens.empty() && !has_pending(sequence))
      throw TokenError("prefill: the prompt is empty; a model needs at least one token");
    check_tokens(tokens, Spec::vocab_size);
    check_room(sequence, tokens.size());
    pool_.require_ready("Session");
    const std::size_t most = options.chunk == 0 ? options_.chunk : std::min(options.chunk, options_.chunk);
    if (!options.progress) {
      run_prompt(sequence, tokens, most, [](std::size_t, std::size_t) {});
    } else {
      const Undo undo{*this, sequence, cache_.length(sequence), pending_[sequence]};
      try {
        run_prompt(sequence, tokens, most, [&, report = options.progress](std::size_t done, std::size_t total) mutable {
          if (!report(done, total)) undo.cancel(done, total);
        });
      } catch (...) {
        undo.apply();
        throw;
      }
    }
    return {head_.logits.row(0), Spec::vocab_size};
  }

  /// Appends tokens in one forward pass and returns the logits after each of them, the pending one first if there is
  /// one: [tokens, vocab_size], valid until the next call. For texts that are already known, as drafts are: it takes
  /// little longer than one token where reading the weights takes the time. Throws as `prefill` does, and ConfigError
  /// for more rows than the option `scored`.
  LogitRows<Number> score(std::size_t sequence, std::span<const TokenId> tokens) {
    check_sequence(sequence);
    const std::size_t rows = tokens.size() + (has_pending(sequence) ? 1 : 0);
    if (rows == 0) throw TokenError("score: no tokens given, expected at least one");
    if (rows > options_.scored)
      throw ConfigError(detail::message("score: ", rows, " tokens are to be scored, expected at most the ",
                                        options_.scored, " of the session's option `scored`"));
    check_tokens(tokens, Spec::vocab_size);
    check_room(sequence, tokens.size());
    pool_.require_ready("Session");
    std::size_t row = place_pending(0, sequence);
    for (const TokenId token : tokens) place_token(row++, {sequence, token});
    return run_step(rows);
  }

  /// Appends a token without running it: it is pending until the next call that reads or extends the sequence, which
  /// runs it first, in the same forward pass where it can. For drawn tokens that may be the last. If a token is pending
  /// already, that one is run now. Logits of earlier calls stay valid. Throws TokenError for a bad id, CapacityError
  /// when it does not fit; nothing is changed then.
  void append(std::size_t sequence, TokenId token) {
    check_sequence(sequence);
    check_token(token, Spec::vocab_size);
    check_room(sequence, 1);
    if (has_pending(sequence)) {
      pool_.require_ready("Session");
      run(place_pending(0, sequence), 0);
    }
    pending_[sequence] = token;
  }

  /// One token for every sequence, in order: logits [sequences, vocab_size], valid until the next call.
  LogitRows<Number> step(std::span<const TokenId> tokens) {
    if (tokens.size() != options_.sequences)
      throw TokenError(detail::message("step: ", tokens.size(), " tokens given, expected one for each of the ",
                                       options_.sequences, " sequences"));
    pool_.require_ready("Session");
    check_tokens(tokens, Spec::vocab_size);
    for (std::size_t s = 0; s < tokens.size(); ++s) check_room(s, 1);
    std::size_t waiting = 0;
    for (std::size_t s = 0; s < tokens.size(); ++s) waiting = place_pending(waiting, s);
    if (waiting > 0) run(waiting, 0);
    for (std::size_t s = 0; s < tokens.size(); ++s) place_token(s, {s, tokens[s]});
    return run_step(tokens.size());
  }
  /// One token for some sequences, in any order: logits in the order given.
  LogitRows<Number> step(std::span<const BatchToken> tokens) {
    check_batch(tokens);
    std::size_t waiting = 0;
    for (const BatchToken& t : tokens) waiting = place_pending(waiting, t.sequence);
    if (waiting > 0) run(waiting, 0);
    for (std::size_t r = 0; r < tokens.size(); ++r) place_token(r, tokens[r]);
    return run_step(tokens.size());
  }
  /// The same for vectors, so that calls may use braces.
  LogitRows<Number> step(const std::vector<TokenId>& tokens) { return step(std::span<const TokenId>(tokens)); }
  /// The same for vectors, so that calls may use braces.
  LogitRows<Number> step(const std::vector<BatchToken>& tokens) { return step(std::span<const BatchToken>(tokens)); }

  /// Rewinds a sequence to its first `length` tokens. Throws CapacityError if a ring has overwritten keys that are
  /// visible from there. Dropping only the pending token always works and costs nothing.
  void rewind(std::size_t sequence, std::size_t length) {
    const std::size_t now = this->length(sequence);
    if (length == now) return;
    if (length > now)
      throw CapacityError(detail::message("rewind: sequence ", sequence, " holds ", now,
                                          " tokens, and cannot be taken back to ", length));
    if (length < cache_.length(sequence)) cache_.rewind(sequence, length);
    pending_[sequence] = none;
  }
  /// Empties a sequence.
  void reset(std::size_t sequence) {
    check_sequence(sequence);
    cache_.reset(sequence);
    pending_[sequence] = none;
  }
  /// Makes sequence `to` a copy of `from`; its old contents are dropped.
  void fork(std::size_t from, std::size_t to) {
    check_sequence(from);
    check_sequence(to);
    cache_.fork(from, to);
    pending_[to] = pending_[from];
  }

  /// For saving and restoring; see infer/session_file.hpp. Pending tokens are not in it.
  KeyValueCache<Element>& cache() noexcept { return cache_; }
  /// For saving; see infer/session_file.hpp.
  const KeyValueCache<Element>& cache() const noexcept { return cache_; }
  /// The most tokens a sequence may hold, 0 without a bound.
  std::size_t limit() const noexcept {
    if (!cache_.endless()) return options_.capacity;
    return positions_end ? Spec::context : 0;
  }

 private:
  using Anatomy = detail::Anatomy<Spec>;
  static constexpr bool positions_end = Anatomy::positions_learned;
  static constexpr bool windows_everywhere = [] {
    bool all = true;
    Anatomy::for_kinds([&]<std::size_t kind>() { all = all && Anatomy::template Attention<kind>::Mask::window != 0; });
    return all;
  }();
  static_assert(!Cache::needs_window || windows_everywhere,
                "bora: RollingCache: a ring holds a window of keys, and this model's mask has none; use LinearCache, "
                "PagedCache or DefaultCache");
  static_assert(std::is_same_v<Element, F64> == std::is_same_v<Format, F64>,
                "bora: Session: F64 caches go with F64 weights, and only with them");

  static SessionOptions checked(SessionOptions o) {
    constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
    if (o.capacity == 0) o.capacity = Spec::context;
    if (o.sequences == 0) throw ConfigError("session: sequences is 0, expected at least 1");
    if (o.chunk == 0) throw ConfigError("session: chunk is 0, expected at least 1");
    for (const std::size_t size : {o.capacity, o.chunk, o.rewind, o.sequences, o.scored})
      if (size > most)  // sums of positions would overflow, and too little memory be reserved
        throw ConfigError(detail::message("session: an option is ", size, ", expected at most ", most));
    if (positions_end && o.capacity > Spec::context)
      throw ConfigError(detail::message("session: capacity ", o.capacity, " exceeds the model's ", Spec::context,
                                        " learned positions"));
    if (!windows_everywhere || Cache::kind(1) != CacheKind::rolling) o.chunk = std::min(o.chunk, o.capacity);
    if (o.scored > o.chunk)
      throw ConfigError(detail::message("session: scored is ", o.scored, ", expected at most the chunk of ", o.chunk));
    return o;
  }
  void check_sequence(std::size_t sequence) const {
    if (sequence >= options_.sequences)
      throw ConfigError(
          detail::message("sequence ", sequence, " does not exist: this session has ", options_.sequences));
  }
  static constexpr TokenId none = -1;
  bool has_pending(std::size_t sequence) const noexcept { return pending_[sequence] != none; }
  std::size_t held(std::size_t sequence) const noexcept {
    return cache_.length(sequence) + (has_pending(sequence) ? 1 : 0);
  }
  void check_room(std::size_t sequence, std::size_t count) const {
    const std::size_t most = limit(), length = held(sequence);
    if (most != 0 && (count > most || length > most - count))
      throw CapacityError(detail::message("sequence ", sequence, " holds ", length, " tokens and cannot take ", count,
                                          " more: the session's capacity is ", most));
  }
  void check_batch(std::span<const BatchToken> tokens) {
    pool_.require_ready("Session");
    if (tokens.empty()) throw TokenError("step: no tokens given, expected at least one");
    std::fill(seen_.begin(), seen_.end(), false);
    for (const BatchToken& t : tokens) {
      check_sequence(t.sequence);
      check_token(t.token, Spec::vocab_size);
      check_room(t.sequence, 1);
      if (seen_[t.sequence])
        throw TokenError(detail::message("step: sequence ", t.sequence, " is given twice, expected one token each"));
      seen_[t.sequence] = true;
    }
  }
  /// Runs a pending token and the prompt behind it; report(done, total) before each chunk and at the end.
  template <class Report>
  void run_prompt(std::size_t sequence, std::span<const TokenId> tokens, std::size_t most, Report&& report) {
    const std::size_t total = tokens.size();
    std::size_t done = 0;
    do {
      report(done, total);
      std::size_t rows = place_pending(0, sequence);
      for (; rows < most && done < total; ++rows) place_token(rows, {sequence, tokens[done++]});
      run(rows, done == total ? 1 : 0);
    } while (done < total);
    report(done, total);
  }
  /// State of a sequence before a prefill, to restore it if the prefill is cancelled.
  struct Undo {
    BatchSession& session;
    std::size_t sequence, length;
    TokenId token;
    void apply() const {
      if (!holds()) return;
      if (session.cache_.length(sequence) != length) session.cache_.rewind(sequence, length);
      session.pending_[sequence] = token;
    }
    bool holds() const noexcept {
      return session.cache_.length(sequence) == length || session.cache_.can_rewind(sequence, length);
    }
    [[noreturn]] void cancel(std::size_t done, std::size_t total) const {
      throw Cancelled(detail::message("prefill was cancelled after ", done, " of ", total, " tokens: sequence ",
                                      sequence, " holds ",
                                      holds() ? length + (token == none ? 0 : 1) : session.held(sequence), " tokens, ",
                                      holds() ? "as before" : "since its rings cannot be taken back"));
    }
  };
  /// Puts a sequence's pending token, if it has one, into row `row`; returns the rows then in use.
  std::size_t place_pending(std::size_t row, std::size_t sequence) noexcept {
    if (!has_pending(sequence)) return row;
    place_token(row, {sequence, pending_[sequence]});
    pending_[sequence] = none;
    return row + 1;
  }
  void place_token(std::size_t row, const BatchToken& t) noexcept {
    forward_.places()[row] = {t.sequence, cache_.length(t.sequence)};
    forward_.tokens()[row] = t.token;
    cache_.append(t.sequence, 1);
  }
  LogitRows<Number> run_step(std::size_t rows) noexcept {
    run(rows, rows);
    return {head_.logits, rows, Spec::vocab_size};
  }

  /// Runs `rows` rows; the last `wanted` of them get logits.
  void run(std::size_t rows, std::size_t wanted) noexcept {
    run_gang(options_.pool, [&](const Lane& lane) noexcept {
      forward_.run(lane, *model_, cache_, rows);
      if (wanted > 0) head_.run(lane, *model_, forward_.stream(Spec::layers).from(rows - wanted), wanted);
    });
  }

  const Model* model_;
  SessionOptions options_;
  detail::LentPool pool_;
  KeyValueCache<Element> cache_;
  detail::Forward<Spec, Format> forward_;
  detail::Head<Spec, Format> head_;
  std::vector<TokenId> pending_;  ///< [sequences]: appended and not run; `none` without one
  std::vector<bool> seen_;
};

/// The model's default cache: see DefaultCache.
template <class Model>
BatchSession(const Model&, SessionOptions = {}) -> BatchSession<Model>;

/// One sequence through one model: a BatchSession of one. Not for use by several threads at once; one const model
/// serves any number of sessions.
template <class Model_, CachePolicy Cache_ = detail::DefaultCacheOf<std::remove_const_t<Model_>>>
class Session {
 public:
  using Batch = BatchSession<Model_, Cache_>;
  using Model = typename Batch::Model;
  using Spec = typename Batch::Spec;
  using Number = typename Batch::Number;

  /// The model must outlive the session. Throws ConfigError for impossible options, MemoryError if there is no memory
  /// for its keys and values.
  explicit Session(const Model& model, SessionOptions options = {}) : batch_(model, alone(options)) {}
  /// A temporary model would be destroyed before the session: give it a name first.
  explicit Session(const Model&& model, SessionOptions options = {}) = delete;

  /// The model this session runs.
  const Model& model() const noexcept { return batch_.model(); }
  /// Logits of a row.
  static constexpr std::size_t vocab_size() noexcept { return Spec::vocab_size; }
  /// Sequence length: tokens run, tokens evicted from a ring, and the pending one.
  std::size_t length() const { return batch_.length(0); }
  /// The pending token (appended, not run yet), if there is one: see BatchSession::append.
  std::optional<TokenId> pending() const { return batch_.pending(0); }
  /// Bytes of the keys and values in memory.
  std::size_t cache_bytes() const noexcept { return batch_.cache_bytes(); }
  /// Bytes reserved for the activations of a chunk and the logits. See BatchSession::scratch_bytes.
  std::size_t scratch_bytes() const noexcept { return batch_.scratch_bytes(); }
  /// The most tokens it may hold, 0 without a bound.
  std::size_t limit() const noexcept { return batch_.limit(); }

  /// Appends a prompt; returns the logits after its last token. See BatchSession::prefill.
  std::span<const Number> prefill(std::span<const TokenId> tokens, const PrefillOptions& options = {}) {
    return batch_.prefill(0, tokens, options);
  }
  /// Appends a token; returns the logits after it: [vocab_size], valid until the next call.
  std::span<const Number> step(TokenId token) { return batch_.prefill(0, std::span<const TokenId>(&token, 1)); }
  /// Most tokens of one call of `score`.
  std::size_t scored() const noexcept { return batch_.options().scored; }
  /// Appends tokens; returns the logits after each of them. See BatchSession::score.
  LogitRows<Number> score(std::span<const TokenId> tokens) { return batch_.score(0, tokens); }
  /// Appends a token that the next call runs. See BatchSession::append.
  void append(TokenId token) { batch_.append(0, token); }
  /// Rewinds to the first `length` tokens. See BatchSession::rewind.
  void rewind(std::size_t length) { batch_.rewind(0, length); }
  /// Empties it.
  void reset() { batch_.reset(0); }
  /// The underlying BatchSession of one sequence, for functions that take one.
  Batch& batch() noexcept { return batch_; }
  /// The underlying BatchSession of one sequence.
  const Batch& batch() const noexcept { return batch_; }

 private:
  static SessionOptions alone(SessionOptions options) {
    if (options.sequences != 1)
      throw ConfigError(
          detail::message("Session: sequences is ", options.sequences, ", expected 1; a BatchSession holds several"));
    return options;
  }
  Batch batch_;
};

/// The model's default cache: see DefaultCache.
template <class Model>
Session(const Model&, SessionOptions = {}) -> Session<Model>;

}}  // namespace bora::BORA_ABI

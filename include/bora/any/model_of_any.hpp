/// A model type behind the interface of any model. One source file a model includes this; nothing in it reads files of
/// checkpoints, which would take as long to compile as the model.
#pragma once
#include <bora/any/any_model.hpp>
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/infer/logits.hpp>
#include <bora/infer/session.hpp>
#include <bora/infer/session_file.hpp>
#include <bora/layers/stored_tensor.hpp>
#include <bora/model/decoder.hpp>
#include <bora/simd/rows.hpp>
#include <bora/simd/target.hpp>
#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI { namespace detail {

/// A tensor of the library for a source, which may be compiled for another target.
inline AnyTensor any_tensor(TensorId id, TensorShape shape) noexcept {
  return {.name = id.name, .layer = id.layer, .expert = id.expert, .rows = shape.rows, .cols = shape.cols};
}

/// Reads a source as a Decoder reads its file.
class SourceReader {
 public:
  explicit SourceReader(AnyTensorSource& source) : source_(source) {}
  StoredTensor find(TensorId id, TensorShape shape) {
    StoredTensor stored{};
    source_.find(any_tensor(id, shape), &stored);
    return stored;
  }
  void done(const StoredTensor& stored, Range rows, bool finite) {
    source_.done(&stored, rows.begin, rows.end, finite);
  }

 private:
  AnyTensorSource& source_;
};

template <class Model>
class SessionOfAny final : public AnySession {
 public:
  SessionOfAny(const Model& model, const SessionOptions& options) : session_(model, options) {}

  std::size_t sequences() const override { return session_.sequences(); }
  std::size_t vocab_size() const override { return Model::Spec::vocab_size; }
  std::size_t limit() const override { return session_.limit(); }
  std::size_t cache_bytes() const override { return session_.cache_bytes(); }
  std::size_t length(std::size_t sequence) const override { return session_.length(sequence); }
  std::optional<TokenId> pending(std::size_t sequence) const override { return session_.pending(sequence); }

  std::span<const float> prefill(std::size_t sequence, std::span<const TokenId> tokens,
                                 const Progress& progress) override {
    rows_ = 0;
    if (!progress) return session_.prefill(sequence, tokens);
    return session_.prefill(sequence, tokens, {.progress = progress});
  }
  void append(std::size_t sequence, TokenId token) override { session_.append(sequence, token); }
  void step(std::span<const AnyToken> tokens) override {
    std::vector<BatchToken> batch;
    for (const AnyToken& t : tokens) batch.push_back({t.sequence, t.token});
    logits_ = session_.step(std::span<const BatchToken>(batch));
    rows_ = tokens.size();
  }
  std::size_t scored() const override { return session_.options().scored; }
  void score(std::size_t sequence, std::span<const TokenId> tokens) override {
    rows_ = 0;
    logits_ = session_.score(sequence, tokens);
    rows_ = logits_.size();
  }
  std::span<const float> logits(std::size_t row) const override {
    if (row >= rows_)
      throw Error(message("logits: row ", row, " was asked for, but the last step had ", rows_, " rows"));
    return logits_.row(row);
  }
  void rewind(std::size_t sequence, std::size_t length) override { session_.rewind(sequence, length); }
  void reset(std::size_t sequence) override { session_.reset(sequence); }
  void fork(std::size_t from, std::size_t to) override { session_.fork(from, to); }
  void save(std::size_t sequence, const std::filesystem::path& path) const override {
    save_session(session_, sequence, path);
  }
  void restore(std::size_t sequence, const std::filesystem::path& path) override {
    restore_session(session_, sequence, path);
  }

 private:
  BatchSession<Model> session_;
  LogitRows<float> logits_{{}, 0, 0};
  std::size_t rows_ = 0;
};

/// Weights of a source: mapped where it has them packed, otherwise packed by the lanes of a pool.
template <ModelSpec S, WeightFormat F>
Decoder<S, F> decoder_of(AnyTensorSource& source, Executor* pool) {
  const Recipe recipe = [&](TensorId id, TensorShape shape) {
    return static_cast<MatrixKind>(source.kind(any_tensor(id, shape)));
  };
  const std::span<std::byte> packed = source.packed(Decoder<S, F>::packed_bytes(recipe));
  if (!packed.empty()) return Decoder<S, F>(nullptr, packed, {}, recipe);
  SourceReader reader(source);
  return Decoder<S, F>(reader, {}, pool, recipe);
}

template <ModelSpec S, WeightFormat F>
class ModelOfAny final : public AnyModel {
 public:
  ModelOfAny(std::unique_ptr<AnyTensorSource> source, std::string name, std::size_t threads)
      : pool_(threads), source_(std::move(source)), model_(decoder_of<S, F>(*source_, &pool_)) {
    if (source_->packed(model_.weight_bytes()).data() != model_.packed().data()) source_.reset();  // copied, not mapped
    info_ = {.name = std::move(name),
             .format = std::string(F::name),
             .vocab_size = S::vocab_size,
             .dim = S::dim,
             .layers = S::layers,
             .context = S::context,
             .positions = Anatomy<S>::positions_learned ? S::context : 0,
             .parameters = parameter_count<S>,
             .active_parameters = active_parameter_count<S>,
             .weight_bytes = model_.weight_bytes(),
             .kernels = simd::target_report()};
  }
  const AnyModelInfo& info() const override { return info_; }
  std::unique_ptr<AnySession> session(const AnySessionOptions& options) override {
    return std::make_unique<SessionOfAny<Decoder<S, F>>>(model_, SessionOptions{.capacity = options.capacity,
                                                                                .chunk = options.chunk,
                                                                                .rewind = options.rewind,
                                                                                .sequences = options.sequences,
                                                                                .scored = options.scored,
                                                                                .pool = &pool_});
  }
  std::vector<float> logits(std::span<const TokenId> tokens, std::span<const std::size_t> rows) override {
    constexpr std::size_t none = ~std::size_t{0};
    std::vector<std::size_t> place(tokens.size(), none);  // of a token's logits among those that were asked for
    std::vector<std::pair<std::size_t, std::size_t>> again;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (rows[i] >= tokens.size())
        throw TokenError(message("logits: row ", rows[i], " was asked for of a text of ", tokens.size(), " tokens"));
      if (place[rows[i]] == none)
        place[rows[i]] = i;
      else
        again.emplace_back(place[rows[i]], i);
    }
    std::vector<float> chosen(rows.size() * S::vocab_size);
    for_each_logits(model_, batch_of(tokens), &pool_,
                    [&](std::size_t, std::size_t t, std::span<const float> row) noexcept {
                      if (place[t] != none) std::copy(row.begin(), row.end(), chosen.data() + place[t] * row.size());
                    });
    for (const auto& [from, to] : again)
      std::copy_n(chosen.data() + from * S::vocab_size, S::vocab_size, chosen.data() + to * S::vocab_size);
    return chosen;
  }
  std::vector<double> log_probabilities(std::span<const TokenId> tokens) override {
    std::vector<double> found(std::max<std::size_t>(tokens.size(), 1) - 1);
    for_each_logits(model_, batch_of(tokens), &pool_,
                    [&](std::size_t, std::size_t t, std::span<const float> row) noexcept {
                      if (t + 1 == tokens.size()) return;
                      const float logit = row[static_cast<std::size_t>(tokens[t + 1])];
                      found[t] = -simd::log_sum_exp(row.data(), row.size()).cross_entropy(logit);
                    });
    return found;
  }
  AnyPackedWeights packed() const override {
    AnyPackedWeights weights{model_.packed(), {}};
    auto& tree = const_cast<typename Decoder<S, F>::Tree&>(model_.weights());
    Anatomy<S>::visit(
        [&](TensorId, TensorShape, auto& tensor) {
          if constexpr (requires { tensor.kind; })
            weights.kinds.push_back(static_cast<std::byte>(tensor.kind));
          else if constexpr (requires { tensor.cols; })
            weights.kinds.push_back(std::byte{0});
        },
        tree);
    return weights;
  }

 private:
  static TokenBatch batch_of(std::span<const TokenId> tokens) {
    return {1, tokens.size(), {tokens.begin(), tokens.end()}};
  }

  ThreadPool pool_;
  std::unique_ptr<AnyTensorSource> source_;  ///< owns weights that are mapped
  Decoder<S, F> model_;
  AnyModelInfo info_;
};

}}}  // namespace bora::BORA_ABI::detail
BORA_AFTER_NAMESPACE();

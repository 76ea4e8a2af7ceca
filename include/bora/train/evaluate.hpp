/// Evaluates a model on held-out text. Forward only.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/token_file.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <bora/train/cross_entropy.hpp>
#include <bora/train/option_check.hpp>
#include <bora/train/target_head.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <span>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora { inline namespace BORA_ABI {

/// Loss of a model on held-out text.
struct Evaluation {
  double loss = 0;              ///< mean loss as the objective measures it: by default cross entropy, natural logarithm
  std::size_t predictions = 0;  ///< number of targets in the mean: by default all tokens but the first of each row

  /// exp(loss), per token: comparable only between models with the same tokenizer.
  double perplexity() const noexcept { return std::exp(loss); }
  /// Throws ConfigError unless the number of bytes is above 0; it is 0 for token files of unknown text size.
  /// \param bytes_per_token  of the text: TokenFile::bytes_per_token(); 1 for tokens that are bytes
  double bits_per_byte(double bytes_per_token) const {
    detail::check_option(bytes_per_token > 0 && std::isfinite(bytes_per_token), "bits_per_byte", "bytes_per_token",
                         bytes_per_token, "a finite number above 0; a token file says 0 where its text is not known");
    return loss / std::numbers::ln2 / bytes_per_token;
  }
};

namespace detail {

/// Buffers for evaluating batches up to a shape.
template <ModelSpec S, WeightFormat F, class O>
class EvaluationPass {
 public:
  EvaluationPass(const BatchShape& shape, std::size_t lanes)
      : forward_(shape, lanes, Keep::nothing), head_(shape.rows, Keep::nothing) {}

  bool fits(const BatchShape& shape) const noexcept { return forward_.shape().holds(shape); }

  /// Adds the losses of all targets to `sum`; returns how many there were.
  std::size_t add_to(LossSum& sum, const Decoder<S, F>& model, const TokenBatch& batch, std::size_t index,
                     const O& objective, Executor* pool) {
    const Range rows{0, batch.batch()};
    forward_.place(batch, rows);
    head_.list.find(batch, index, 0, rows);
    run_gang(pool, [&](const Lane& lane) noexcept { forward_.run(lane, model); });
    head_.measure(model, objective, forward_.stream(S::layers), pool, sum);
    return head_.list.size();
  }

 private:
  BatchForward<S, F> forward_;
  TargetHead<S, F, O> head_;
};

}  // namespace detail

/// Mean over all targets of the batches of the loss as an objective measures it. The bits do not depend on the number
/// of threads or on how rows are grouped into batches. Throws TokenError for ids outside the vocabulary and for no rows
/// at all, Error where no batch holds a target.
template <ModelSpec S, WeightFormat F, class O = NextTokenCrossEntropy>
Evaluation evaluate(const Decoder<S, F>& model, std::span<const TokenBatch> batches, Executor* pool = nullptr,
                    const O& objective = {}) {
  for (const TokenBatch& batch : batches) detail::check_targets<S>(batch);
  if (batches.empty()) throw TokenError("evaluate: no batch given, expected at least one");
  detail::check_objective(objective);
  const detail::FloatMode mode;
  std::optional<detail::EvaluationPass<S, F, O>> pass;
  LossSum sum;
  Evaluation result;
  for (std::size_t i = 0; i < batches.size(); ++i) {
    const detail::BatchShape shape = detail::shape_of(batches[i], {0, batches[i].batch()});
    if (!pass || !pass->fits(shape)) pass.emplace(shape, detail::lanes_of(pool));
    result.predictions += pass->add_to(sum, model, batches[i], i, objective, pool);
  }
  result.loss = sum.measured / detail::require_count(sum);
  return result;
}
/// The same for one batch.
template <ModelSpec S, WeightFormat F, class O = NextTokenCrossEntropy>
Evaluation evaluate(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool = nullptr,
                    const O& objective = {}) {
  return evaluate(model, std::span<const TokenBatch>(&batch, 1), pool, objective);
}

/// Up to `most` rows of `time` tokens from the beginning of a token file, in batches of at most `batch` rows. Throws
/// FileError where the file does not hold one row.
inline std::vector<TokenBatch> held_out_batches(const TokenFile& file, std::size_t batch, std::size_t time,
                                                std::size_t most) {
  if (batch == 0 || time < 2 || most == 0)
    throw ConfigError(detail::message("held_out_batches: ", most, " rows of ", time, " tokens in batches of ", batch,
                                      ", expected at least 1 row of 2 in batches of 1"));
  const std::size_t rows = std::min(most, file.tokens() / time);
  if (rows == 0)
    detail::refuse_file(file.path(), "holds ", file.tokens(), " tokens, expected ", time, " or more: a row");
  std::vector<TokenBatch> batches;
  for (std::size_t first = 0; first < rows; first += batch) {
    const std::size_t n = std::min(batch, rows - first);
    batches.emplace_back(n, time, file.read(Range{first * time, (first + n) * time}));
  }
  return batches;
}

}}  // namespace bora::BORA_ABI
BORA_AFTER_NAMESPACE();

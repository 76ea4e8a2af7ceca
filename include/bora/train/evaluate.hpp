/// How well a model predicts text that it was not trained on. Forward only.
#pragma once
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/io/token_file.hpp>
#include <bora/model/batch.hpp>
#include <bora/model/batch_forward.hpp>
#include <bora/train/option_check.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <optional>
#include <span>
#include <vector>

BORA_BEFORE_NAMESPACE();
namespace bora::inline BORA_ABI {

/// What a model lost on held-out text.
struct Evaluation {
  double loss = 0;              ///< mean cross entropy, natural logarithm
  std::size_t predictions = 0;  ///< tokens that the mean is over: all but the first of each row

  /// exp(loss): by token, so of use between models with one tokenizer.
  double perplexity() const noexcept { return std::exp(loss); }
  /// Throws ConfigError for a number of bytes that is not above 0, as of a token file whose text was not known.
  /// \param bytes_per_token  of the text: TokenFile::bytes_per_token(); 1 for tokens that are bytes
  double bits_per_byte(double bytes_per_token) const {
    detail::check_option(bytes_per_token > 0 && std::isfinite(bytes_per_token), "bits_per_byte", "bytes_per_token",
                         bytes_per_token, "a finite number above 0; a token file says 0 where its text is not known");
    return loss / std::numbers::ln2 / bytes_per_token;
  }
};

namespace detail {

/// The memory of evaluating batches of one shape.
template <ModelSpec S, WeightFormat F>
class EvaluationPass {
 public:
  using T = typename F::Number;

  EvaluationPass(std::size_t batch, std::size_t time, std::size_t lanes)
      : forward_(batch, time, lanes, Keep::nothing),
        head_(std::min(batch * time, head_rows)),
        row_loss_(batch * time) {}

  bool fits(const TokenBatch& batch) const noexcept { return forward_.fits(batch); }

  /// `sum` with the losses of all batch * (time - 1) predictions, added in the tokens' order.
  double add_to(double sum, const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool) {
    forward_.place(batch.ids());
    run_gang(pool, [&](const Lane& lane) noexcept {
      forward_.run(lane, model);
      for (std::size_t first = 0; first < rows(); first += head_rows)
        add_losses(lane, model, first, std::min(head_rows, rows() - first));
    });
    for (const double loss : row_loss_) sum += loss;
    return sum;
  }

 private:
  std::size_t rows() const noexcept { return forward_.rows(); }

  void add_losses(const Lane& lane, const Decoder<S, F>& model, std::size_t first, std::size_t n) noexcept {
    head_.run(lane, model, forward_.stream(S::layers).from(first), n);
    const Range share = lane.share(n);
    for (std::size_t r = share.begin; r < share.end; ++r)
      row_loss_[first + r] = loss_of(first + r, head_.logits.row(r));
    lane.sync();
  }
  /// The last token of a row predicts nothing.
  double loss_of(std::size_t row, const T* logits) noexcept {
    if (row % forward_.time() + 1 == forward_.time()) return 0;
    const auto target = static_cast<std::size_t>(forward_.tokens()[row + 1]);
    return simd::log_sum_exp(logits, S::vocab_size).cross_entropy(logits[target]);
  }

  BatchForward<S, F> forward_;
  Head<S, F> head_;
  std::vector<double> row_loss_;
};

}  // namespace detail

/// Mean loss over all predictions of the batches: the same bits for any number of threads, and whatever rows share a
/// batch. Throws TokenError for ids outside the vocabulary and for no rows at all.
template <ModelSpec S, WeightFormat F>
Evaluation evaluate(const Decoder<S, F>& model, std::span<const TokenBatch> batches, Executor* pool = nullptr) {
  for (const TokenBatch& batch : batches) detail::check_batch<S>(batch, 2);
  if (batches.empty()) throw TokenError("evaluate: no batch given, expected at least one");
  const detail::FloatMode mode;
  std::optional<detail::EvaluationPass<S, F>> pass;
  Evaluation result;
  for (const TokenBatch& batch : batches) {
    if (!pass || !pass->fits(batch)) pass.emplace(batch.batch(), batch.time(), detail::lanes_of(pool));
    result.loss = pass->add_to(result.loss, model, batch, pool);
    result.predictions += detail::predictions_of(batch);
  }
  result.loss /= static_cast<double>(result.predictions);
  return result;
}
/// The same for one batch.
template <ModelSpec S, WeightFormat F>
Evaluation evaluate(const Decoder<S, F>& model, const TokenBatch& batch, Executor* pool = nullptr) {
  return evaluate(model, std::span<const TokenBatch>(&batch, 1), pool);
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

}  // namespace bora::inline BORA_ABI
BORA_AFTER_NAMESPACE();

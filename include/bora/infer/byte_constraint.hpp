/// Constrains a text byte by byte: a recogniser of bytes decides which tokens may come next.
#pragma once
#include <bora/core/error.hpp>
#include <bora/infer/token_constraint.hpp>
#include <algorithm>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// The bytes of each token, arranged so that tokens with a common beginning share the work of recognising it. One
/// object serves any number of texts and threads.
class TokenBytes {
 public:
  /// \param bytes  [vocab]: of each token; empty for tokens that are no text
  explicit TokenBytes(std::vector<std::string> bytes) : bytes_(std::move(bytes)), order_(bytes_.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return bytes_[a] < bytes_[b]; });
    shared_.resize(order_.size());
    for (std::size_t i = 1; i < order_.size(); ++i) {
      const std::string &a = bytes_[order_[i - 1]], &b = bytes_[order_[i]];
      shared_[i] = static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
    }
  }
  /// Of a tokenizer's tokens, within a text: `encode` and `decode` convert between text and tokens.
  template <class Tokenizer>
  static TokenBytes of(const Tokenizer& tokenizer, std::size_t vocab_size) {
    std::vector<TokenId> pair{tokenizer.encode("a").back(), 0};  // a first token may lose its space
    const std::size_t before = tokenizer.decode(std::span(pair).first(1)).size();
    std::vector<std::string> bytes;
    for (std::size_t i = 0; i < vocab_size; ++i) {
      pair[1] = static_cast<TokenId>(i);
      bytes.push_back(tokenizer.decode(pair).substr(before));
    }
    return TokenBytes(std::move(bytes));
  }

  /// Number of tokens.
  std::size_t size() const noexcept { return bytes_.size(); }
  /// The bytes of a token; none for one that is no text or is not there.
  std::string_view of_token(TokenId token) const noexcept {
    const auto at = static_cast<std::size_t>(token);
    return token >= 0 && at < bytes_.size() ? std::string_view(bytes_[at]) : std::string_view();
  }

  /// f(token) for each token whose bytes `recogniser` takes one after the other.
  template <class Recogniser, class F>
  void for_each_accepted(const Recogniser& recogniser, F&& f) const {
    std::vector<Recogniser> after{recogniser};  // [n]: after n bytes of the current token, as far as they are taken
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const std::string& bytes = bytes_[order_[i]];
      std::size_t taken = std::min(shared_[i], after.size() - 1);
      const bool refused = taken < shared_[i];  // within what it shares with the token before
      after.resize(taken + 1, recogniser);
      for (; !refused && taken < bytes.size(); ++taken) {
        Recogniser next = after.back();
        if (!next.push(static_cast<unsigned char>(bytes[taken]))) break;
        after.push_back(next);
      }
      if (!bytes.empty() && taken == bytes.size()) f(static_cast<TokenId>(order_[i]));
    }
  }

 private:
  std::vector<std::string> bytes_;
  std::vector<std::size_t> order_;   // ids, by their bytes
  std::vector<std::size_t> shared_;  // bytes that order_[i] has in common with order_[i - 1]
};

/// What decides, byte by byte, which texts are allowed. It is copied often: keep it small.
template <class R>
concept ByteRecogniser = std::copyable<R> && requires(R r, const R c, unsigned char byte) {
  { r.push(byte) } -> std::same_as<bool>;         // takes a byte; false: it must not come here
  { c.may_end() } -> std::convertible_to<bool>;   // whether the text may end here
  { c.must_end() } -> std::convertible_to<bool>;  // whether nothing may follow
};

/// Lets only those tokens through whose bytes a recogniser takes.
template <ByteRecogniser Recogniser>
class ByteConstraint : public TokenConstraint {
 public:
  /// \param tokens  must outlive the constraint
  /// \param end     tokens that end a text: they are let through where the recogniser lets the text end
  explicit ByteConstraint(const TokenBytes& tokens, std::vector<TokenId> end = {}, Recogniser recogniser = {})
      : tokens_(&tokens), end_(std::move(end)), recogniser_(std::move(recogniser)) {}
  explicit ByteConstraint(const TokenBytes&&, std::vector<TokenId> = {}, Recogniser = {}) = delete;

  void mask(std::span<float> logits) override {
    allowed_.assign(logits.size(), false);
    const auto allow = [&](TokenId token) {
      if (token >= 0 && static_cast<std::size_t>(token) < allowed_.size())
        allowed_[static_cast<std::size_t>(token)] = true;
    };
    if (!complete()) tokens_->for_each_accepted(recogniser_, allow);
    for (const TokenId token : end_)
      if (static_cast<std::size_t>(token) < allowed_.size()) allowed_[static_cast<std::size_t>(token)] = false;
    if (recogniser_.may_end()) std::for_each(end_.begin(), end_.end(), allow);
    for (std::size_t i = 0; i < logits.size(); ++i)
      if (!allowed_[i]) logits[i] = -std::numeric_limits<float>::infinity();
  }
  /// Throws Error for a token that was ruled out.
  void accept(TokenId token) override {
    bool taken = !complete();
    if (std::find(end_.begin(), end_.end(), token) != end_.end()) {
      ended_ = taken = taken && recogniser_.may_end();
    } else {
      const std::string_view bytes = tokens_->of_token(token);
      taken = taken && !bytes.empty();
      for (std::size_t i = 0; taken && i < bytes.size(); ++i)
        taken = recogniser_.push(static_cast<unsigned char>(bytes[i]));
    }
    if (!taken) throw Error(detail::message("constraint: token ", token, " must not come here, but was drawn"));
  }
  bool complete() const override { return ended_ || recogniser_.must_end(); }

 private:
  const TokenBytes* tokens_;
  std::vector<TokenId> end_;
  Recogniser recogniser_;
  std::vector<bool> allowed_;
  bool ended_ = false;
};

}}  // namespace bora::BORA_ABI

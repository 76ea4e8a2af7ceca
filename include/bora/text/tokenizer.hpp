/// Any tokenizer as one value: what files of every kind are read into.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/executor.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/added_tokens.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/bytes.hpp>
#include <bora/text/encode_options.hpp>
#include <bora/text/encode_stream.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <bora/text/tokenizer_core.hpp>
#include <bora/text/utf8.hpp>
#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// What becomes of special tokens when ids are decoded.
enum class SpecialTokens {
  hidden,   ///< they are no text
  spelled,  ///< they come out as added tokens are spelled, such as "<|im_end|>"
};

/// A tokenizer of any kind, made of stages: added tokens are cut out of a text, what is left is normalised, cut into
/// words, and each word is merged to ids (byte-pair encoding) or cut along its most probable path (unigram). Decoding
/// joins the bytes of ids.
///
/// `load_tokenizer` (io/load_tokenizer.hpp) and `make_tokenizer` (text/gguf_vocabulary.hpp) make one; BpeTokenizer,
/// Llama2cTokenizer and ByteTokenizer convert to one. A value: copies share their tables, which never change, and const
/// members may be called from several threads at once.
class Tokenizer {
 public:
  /// Raw bytes: id = byte.
  Tokenizer(const ByteTokenizer&) : core_(std::make_shared<detail::ByteCore>()) {}  // NOLINT: converts
  /// The SentencePiece-like kind.
  Tokenizer(BpeTokenizer tokenizer)  // NOLINT: converts
      : core_(std::make_shared<detail::BpeCore>(std::move(tokenizer))) {}
  /// llama2.c's.
  Tokenizer(Llama2cTokenizer tokenizer)  // NOLINT: converts
      : core_(std::make_shared<detail::Llama2cCore>(std::move(tokenizer))) {}
  /// For readers of files. \param core  not null
  explicit Tokenizer(std::shared_ptr<const detail::TokenizerCore> core) : core_(std::move(core)) {}

  /// The same tokenizer with other facts: other ids that begin and end a text, or another name.
  Tokenizer with(TokenizerFacts facts) const {
    Tokenizer other = *this;
    other.facts_ = std::make_shared<const TokenizerFacts>(std::move(facts));
    return other;
  }
  /// What is known beside the vocabulary.
  const TokenizerFacts& facts() const noexcept { return facts_ ? *facts_ : core_->facts(); }

  /// One more than the largest id, added tokens included. Some ids below it may have no text.
  std::size_t vocab_size() const noexcept { return core_->vocab_size(); }
  /// The id that begins a sequence. Throws ConfigError if the vocabulary has none; see TokenizerFacts::bos.
  TokenId bos() const { return require(facts().bos, "begins a text (BOS)"); }
  /// The id that ends a sequence. Throws ConfigError if the vocabulary has none; see TokenizerFacts::eos.
  TokenId eos() const { return require(facts().eos, "ends a text (EOS)"); }

  /// The added or special token that is spelled so, such as "<|im_end|>"; nothing where there is none.
  std::optional<TokenId> added_token(std::string_view content) const noexcept {
    for (const AddedToken& token : added_tokens())
      if (token.content == content) return token.id;
    return std::nullopt;
  }
  /// Every added, special or control token, by id.
  const std::vector<AddedToken>& added_tokens() const noexcept { return core_->added_tokens(); }
  /// The added token of that id; null where it is none. Valid while a copy of the tokenizer lives.
  const AddedToken* added_token(TokenId id) const noexcept {
    const std::vector<AddedToken>& all = added_tokens();
    const auto at =
        std::lower_bound(all.begin(), all.end(), id, [](const AddedToken& t, TokenId i) { return t.id < i; });
    return at != all.end() && at->id == id ? &*at : nullptr;
  }
  /// Whether `id` is a special or control token, which decodes to no text.
  bool is_special(TokenId id) const noexcept { return special_token(id) != nullptr; }
  /// The bytes that `id` stands for within a text, valid UTF-8 or not; none for special tokens and unknown ids. Valid
  /// while a copy of the tokenizer lives.
  std::string_view token_bytes(TokenId id) const noexcept { return core_->text(id); }

  /// The ids of any text, valid UTF-8 or not. A BOS goes in front if it is asked for and the file says that texts begin
  /// with one (TokenizerFacts::adds_bos). Throws ConfigError if an EOS is asked for and there is none.
  std::vector<TokenId> encode(std::string_view text, EncodeOptions options = {}) const {
    std::vector<TokenId> ids;
    begin(options, ids);
    core_->encode(text, options.added, ids);
    if (options.eos) ids.push_back(eos());
    return ids;
  }
  /// The ids of a text that stands behind a token, without BOS and EOS: whether a space goes in front depends on it.
  std::vector<TokenId> encode_behind_token(std::string_view text, AddedTokens added = AddedTokens::words) const {
    std::vector<TokenId> ids;
    const std::unique_ptr<detail::PartEncoder> parts = core_->encoder(added);
    parts->token(0, ids);
    parts->push(text, ids);
    parts->finish(ids);
    ids.erase(ids.begin());
    return ids;
  }
  /// The ids of each text. The lanes of `pool` share the texts; the result is that of `encode`, one by one.
  /// \param pool  null: the calling thread
  /// Throws what `encode` throws for any of them.
  std::vector<std::vector<TokenId>> encode_all(std::span<const std::string_view> texts, EncodeOptions options = {},
                                               Executor* pool = nullptr) const {
    return encode_each(texts, options, pool);
  }
  /// \overload
  std::vector<std::vector<TokenId>> encode_all(std::span<const std::string> texts, EncodeOptions options = {},
                                               Executor* pool = nullptr) const {
    return encode_each(texts, options, pool);
  }

  /// Encodes a text that arrives in parts.
  using EncodeStream = bora::EncodeStream<detail::CoreEncoder>;
  /// An encoder of its own for one text, to the ids of the whole. Holds the text between two places where it can be cut
  /// for certain: in front of most words.
  EncodeStream encode_stream(EncodeOptions options = {}) const {
    std::vector<TokenId> front;
    begin(options, front);
    return EncodeStream(detail::CoreEncoder(core_, core_->encoder(options.added), std::move(front),
                                            options.eos ? std::optional(eos()) : std::nullopt));
  }

  /// The bytes of `ids`, valid UTF-8 or not, without the space that encoding put in front. Special tokens, and ids that
  /// the vocabulary does not have, are no text: a model's vocabulary is often padded beyond its tokenizer's.
  std::string decode(std::span<const TokenId> ids, SpecialTokens special = SpecialTokens::hidden) const {
    std::string text;
    bool first = true;
    for (const TokenId id : ids)
      if (const AddedToken* token = special == SpecialTokens::spelled ? special_token(id) : nullptr) {
        text += token->content;
        first = false;
      } else {
        core_->append_text(id, first, text);
      }
    return text;
  }

  /// Decodes token by token, whole characters only.
  class Stream {
   public:
    /// See Tokenizer::stream.
    explicit Stream(std::shared_ptr<const detail::TokenizerCore> core, InvalidBytes invalid) noexcept
        : core_(std::move(core)), utf8_(invalid) {}
    /// The characters that `id` completes; none for special tokens and for ids that the vocabulary does not have. To
    /// print a continuation only, push the prompt's ids as well and ignore what comes out: the text's first space is
    /// dropped.
    std::string push(TokenId id) {
      std::string text;
      core_->append_text(id, first_, text);
      return text.empty() ? text : utf8_.push(text);
    }
    /// Ends the text: returns bytes of an incomplete character; see Utf8Stream::finish. The stream can then be reused.
    std::string finish() {
      first_ = true;
      return utf8_.finish();
    }

   private:
    std::shared_ptr<const detail::TokenizerCore> core_;
    bool first_ = true;
    Utf8Stream utf8_;
  };
  /// A decoder of its own for one text.
  Stream stream(InvalidBytes invalid = InvalidBytes::replace) const noexcept { return Stream(core_, invalid); }

  /// The tokenizer as a BpeTokenizer. Throws ConfigError where it is of another kind.
  operator const BpeTokenizer&() const {  // NOLINT: converts
    if (const BpeTokenizer* bpe = core_->byte_pair()) return *bpe;
    throw ConfigError(detail::message("the tokenizer is of the kind '", facts().kind,
                                      "', expected a byte-pair tokenizer of characters with byte fallback"));
  }

 private:
  const AddedToken* special_token(TokenId id) const noexcept {
    const AddedToken* token = added_token(id);
    return token != nullptr && token->special ? token : nullptr;
  }
  static TokenId require(std::optional<TokenId> id, const char* what) {
    if (!id) throw ConfigError(detail::message("the tokenizer names no id that ", what));
    return *id;
  }
  void begin(EncodeOptions options, std::vector<TokenId>& ids) const {
    if (options.bos && facts().adds_bos && facts().bos) ids.push_back(*facts().bos);
    if (options.eos) eos();
  }
  template <class Texts>
  std::vector<std::vector<TokenId>> encode_each(const Texts& texts, EncodeOptions options, Executor* pool) const {
    std::vector<std::vector<TokenId>> all(texts.size());
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failing;
    run_gang(pool, [&](const Lane&) noexcept {
      for (std::size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < texts.size();) try {
          all[i] = encode(texts[i], options);
        } catch (...) {
          const std::lock_guard lock(failing);
          if (!failure) failure = std::current_exception();
        }
    });
    if (failure) std::rethrow_exception(failure);
    return all;
  }

  std::shared_ptr<const detail::TokenizerCore> core_;
  std::shared_ptr<const TokenizerFacts> facts_;
};

}}  // namespace bora::BORA_ABI

/// What a kind of tokenizer has to do so that Tokenizer can hold it.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/added_tokens.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/bytes.hpp>
#include <bora/text/encode_options.hpp>
#include <bora/text/llama2c_tokenizer.hpp>
#include <array>
#include <cstddef>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// What a tokenizer's files say beside vocabulary and stages.
struct TokenizerFacts {
  std::string kind;                        ///< for people, such as "byte-level BPE"
  std::optional<TokenId> bos = {};         ///< begins a sequence
  std::optional<TokenId> eos = {};         ///< ends a sequence
  std::optional<TokenId> unknown = {};     ///< for text that the vocabulary cannot spell
  std::optional<TokenId> padding = {};     ///< fills batches
  bool adds_bos = false;                   ///< texts begin with `bos`
  bool adds_eos = false;                   ///< texts end with `eos`, as the file's own program would encode them
  AddedTokens added = AddedTokens::words;  ///< which added tokens the file's own program finds in a text
};

namespace detail {

/// Encodes one text that arrives in parts, without BOS and EOS.
class PartEncoder {
 public:
  virtual ~PartEncoder() = default;
  virtual void push(std::string_view text, std::vector<TokenId>& out) = 0;
  /// Ends the text; the encoder can then be reused.
  virtual void finish(std::vector<TokenId>& out) = 0;
  /// A token in the middle of the text, as if the text spelled it.
  virtual void token(TokenId id, std::vector<TokenId>& out) {
    finish(out);
    out.push_back(id);
  }
};

/// The tables of a tokenizer and how it encodes. Never changes once it is made.
class TokenizerCore {
 public:
  virtual ~TokenizerCore() = default;
  const TokenizerFacts& facts() const noexcept { return facts_; }
  virtual std::size_t vocab_size() const noexcept = 0;
  /// By id.
  virtual const std::vector<AddedToken>& added_tokens() const noexcept = 0;
  /// What `id` adds to a text.
  virtual std::string_view text(TokenId id) const noexcept = 0;
  virtual std::unique_ptr<PartEncoder> encoder(AddedTokens added) const = 0;
  virtual void encode(std::string_view text, AddedTokens added, std::vector<TokenId>& out) const {
    const std::unique_ptr<PartEncoder> parts = encoder(added);
    parts->push(text, out);
    parts->finish(out);
  }
  virtual const BpeTokenizer* byte_pair() const noexcept { return nullptr; }

  /// Appends what `id` adds. \param first  whether no token with text came before
  void append_text(TokenId id, bool& first, std::string& out) const {
    std::string_view part = text(id);
    if (part.empty()) return;
    if (std::exchange(first, false) && decoded_space_ != DecodedSpace::keep) {
      if (decoded_space_ == DecodedSpace::drop_all) {
        for (const char c : part)
          if (c != ' ') out += c;
        return;
      }
      if (part[0] == ' ') part.remove_prefix(1);
    }
    out += part;
  }

 protected:
  explicit TokenizerCore(TokenizerFacts facts, DecodedSpace decoded_space = DecodedSpace::keep)
      : facts_(std::move(facts)), decoded_space_(decoded_space) {}

 private:
  TokenizerFacts facts_;
  DecodedSpace decoded_space_;
};

/// A PartEncoder of an encoder class with the same members.
template <class Encoder>
class PartEncoderOf : public PartEncoder {
 public:
  template <class... Arguments>
  explicit PartEncoderOf(Arguments&&... arguments) : encoder_(std::forward<Arguments>(arguments)...) {}
  void push(std::string_view text, std::vector<TokenId>& out) override { encoder_.push(text, out); }
  void finish(std::vector<TokenId>& out) override { encoder_.finish(out); }
  void token(TokenId id, std::vector<TokenId>& out) override {
    if constexpr (requires { encoder_.token(id, out); })
      encoder_.token(id, out);
    else
      PartEncoder::token(id, out);
  }

 private:
  Encoder encoder_;
};

/// Holds a text until it ends: for kinds that cannot be encoded in parts.
class WholeEncoder : public PartEncoder {
 public:
  WholeEncoder(const TokenizerCore& core, AddedTokens added) : core_(core), added_(added) {}
  void push(std::string_view text, std::vector<TokenId>&) override { text_ += text; }
  void finish(std::vector<TokenId>& out) override { core_.encode(std::exchange(text_, std::string()), added_, out); }

 private:
  const TokenizerCore& core_;
  AddedTokens added_;
  std::string text_;
};

/// What Tokenizer::EncodeStream runs: keeps the tables alive and puts BOS and EOS around the text.
class CoreEncoder {
 public:
  CoreEncoder(std::shared_ptr<const TokenizerCore> core, std::unique_ptr<PartEncoder> parts, std::vector<TokenId> front,
              std::optional<TokenId> eos)
      : core_(std::move(core)), parts_(std::move(parts)), front_(std::move(front)), eos_(eos) {}
  void push(std::string_view text, std::vector<TokenId>& out) {
    begin(out);
    parts_->push(text, out);
  }
  void finish(std::vector<TokenId>& out) {
    begin(out);
    parts_->finish(out);
    if (eos_) out.push_back(*eos_);
    begun_ = false;
  }

 private:
  void begin(std::vector<TokenId>& out) {
    if (!std::exchange(begun_, true)) out.insert(out.end(), front_.begin(), front_.end());
  }
  std::shared_ptr<const TokenizerCore> core_;
  std::unique_ptr<PartEncoder> parts_;
  std::vector<TokenId> front_;
  std::optional<TokenId> eos_;
  bool begun_ = false;
};

class ByteCore : public TokenizerCore {
 public:
  ByteCore() : TokenizerCore({.kind = "bytes"}) { std::iota(bytes_.begin(), bytes_.end(), 0); }
  std::size_t vocab_size() const noexcept override { return 256; }
  const std::vector<AddedToken>& added_tokens() const noexcept override { return none_; }
  std::string_view text(TokenId id) const noexcept override {
    if (id < 0 || id > 255) return {};
    return {reinterpret_cast<const char*>(&bytes_[static_cast<std::size_t>(id)]), 1};
  }
  std::unique_ptr<PartEncoder> encoder(AddedTokens) const override { return std::make_unique<PartEncoderOf<Bytes>>(); }

 private:
  struct Bytes {
    static void push(std::string_view text, std::vector<TokenId>& out) {
      for (const char byte : text) out.push_back(static_cast<unsigned char>(byte));
    }
    static void finish(std::vector<TokenId>&) {}
  };
  std::array<unsigned char, 256> bytes_;
  std::vector<AddedToken> none_;
};

class BpeCore : public TokenizerCore {
 public:
  explicit BpeCore(BpeTokenizer tokenizer, AddedTokens added = AddedTokens::words)
      : TokenizerCore(facts_of(tokenizer, added), tokenizer.vocabulary().decoded_space),
        tokenizer_(std::move(tokenizer)) {}
  std::size_t vocab_size() const noexcept override { return tokenizer_.vocab_size(); }
  const std::vector<AddedToken>& added_tokens() const noexcept override { return tokenizer_.added_tokens(); }
  std::string_view text(TokenId id) const noexcept override { return tokenizer_.token_bytes(id); }
  std::unique_ptr<PartEncoder> encoder(AddedTokens added) const override {
    return std::make_unique<PartEncoderOf<BpeTokenizer::Encoder>>(tokenizer_.encoder(plain(added)));
  }
  void encode(std::string_view text, AddedTokens added, std::vector<TokenId>& out) const override {
    const std::vector<TokenId> ids = tokenizer_.encode(text, plain(added));
    out.insert(out.end(), ids.begin(), ids.end());
  }
  const BpeTokenizer* byte_pair() const noexcept override { return &tokenizer_; }

 private:
  static std::optional<TokenId> known(TokenId id) { return id < 0 ? std::nullopt : std::optional(id); }
  static TokenizerFacts facts_of(const BpeTokenizer& tokenizer, AddedTokens added) {
    return {.kind = "BPE of characters with byte fallback",
            .bos = known(tokenizer.bos()),
            .eos = known(tokenizer.eos()),
            .unknown = known(tokenizer.unknown()),
            .adds_bos = tokenizer.bos() >= 0,
            .added = added};
  }
  static EncodeOptions plain(AddedTokens added) noexcept { return {.bos = false, .eos = false, .added = added}; }
  BpeTokenizer tokenizer_;
};

class Llama2cCore : public TokenizerCore {
 public:
  explicit Llama2cCore(Llama2cTokenizer tokenizer)
      : TokenizerCore({.kind = "llama2.c",
                       .bos = Llama2cTokenizer::bos,
                       .eos = Llama2cTokenizer::eos,
                       .unknown = 0,
                       .adds_bos = true},
                      DecodedSpace::drop_one),
        tokenizer_(std::move(tokenizer)),
        special_({{.id = 1, .content = "<s>"}, {.id = 2, .content = "</s>"}}) {}
  std::size_t vocab_size() const noexcept override { return tokenizer_.vocab_size(); }
  const std::vector<AddedToken>& added_tokens() const noexcept override { return special_; }
  std::string_view text(TokenId id) const noexcept override { return tokenizer_.token_bytes(id); }
  std::unique_ptr<PartEncoder> encoder(AddedTokens) const override {
    return std::make_unique<PartEncoderOf<Llama2cTokenizer::Encoder>>(tokenizer_.encoder({.bos = false}));
  }

 private:
  Llama2cTokenizer tokenizer_;
  std::vector<AddedToken> special_;
};

}  // namespace detail
}}  // namespace bora::BORA_ABI

/// SentencePiece's `tokenizer.model` (Kudo and Richardson 2018): a protocol buffer.
#pragma once
#include <bora/core/error.hpp>
#include <bora/files/mapped_file.hpp>
#include <bora/text/bpe_tokenizer.hpp>
#include <bora/text/character_map.hpp>
#include <bora/text/gguf_vocabulary.hpp>
#include <bora/text/normalizer.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/unigram_tokenizer.hpp>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// The fields of a message of a protocol buffer, front to back. Nothing is read beyond the end.
class ProtocolMessage {
 public:
  struct Field {
    std::uint32_t number = 0;
    std::uint64_t value = 0;  ///< of an integer, or the bits of a float
    std::string_view bytes;   ///< of a text or message
    enum class Kind : std::uint8_t { integer, fixed, bytes } kind = Kind::integer;
  };

  ProtocolMessage(std::string_view bytes, const std::filesystem::path& file) : rest_(bytes), file_(file) {}
  /// The next field, or nothing at the end.
  std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t tag = varint();
    Field field{.number = static_cast<std::uint32_t>(tag >> 3), .bytes = {}};
    switch (tag & 7) {
      case 0:
        field.value = varint();
        break;
      case 1:
        field.value = fixed(8);
        field.kind = Field::Kind::fixed;
        break;
      case 2:
        field.bytes = take(varint());
        field.kind = Field::Kind::bytes;
        break;
      case 5:
        field.value = fixed(4);
        field.kind = Field::Kind::fixed;
        break;
      default:
        refuse_file(file_, "is no SentencePiece model: a field has wire type ", tag & 7, ", expected 0, 1, 2 or 5");
    }
    return field;
  }

 private:
  std::string_view take(std::uint64_t count) {
    if (count > rest_.size())
      refuse_file(file_, "is no SentencePiece model, or ends early: a field has ", count, " bytes, and ", rest_.size(),
                  " are left");
    const std::string_view bytes = rest_.substr(0, static_cast<std::size_t>(count));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::uint64_t fixed(std::size_t size) {
    std::uint64_t value = 0;
    const std::string_view bytes = take(size);
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= std::uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    refuse_file(file_, "is no SentencePiece model: an integer has more than ten bytes");
  }

  std::string_view rest_;
  const std::filesystem::path& file_;
};

/// Reads one file.
class SentencePieceFile {
 public:
  explicit SentencePieceFile(const std::filesystem::path& path) : file_(path) {
    ProtocolMessage model(file_.text(), file_.path());
    while (const auto field = model.next()) {
      if (field->kind != ProtocolMessage::Field::Kind::bytes) continue;
      if (field->number == 1) read_piece(field->bytes);
      if (field->number == 2) read_trainer(field->bytes);
      if (field->number == 3) read_normalizer(field->bytes);
    }
    if (pieces_.empty()) refuse("is no SentencePiece model: it holds no pieces");
  }

  Tokenizer read() const try {
    constexpr std::uint64_t unigram = 1, bpe = 2;
    if (model_type_ != unigram && model_type_ != bpe)
      refuse("has model_type ", model_type_, ", expected 1 (unigram) or 2 (BPE)");
    if (suffix_) refuse("puts spaces behind words (treat_whitespace_as_suffix), expected them in front");
    return model_type_ == bpe ? read_bpe() : read_unigram();
  } catch (const ConfigError& error) {
    refuse(error.what());
  }

  /// The same vocabulary as a GGUF file holds it; their types have the same numbers.
  GgufVocabulary gguf_vocabulary() const {
    static_cast<void>(read());  // throws where it is not to be had
    if (model_type_ != 2)
      throw ConfigError(message(file_.path().string(), ": no vocabulary of GGUF is like a unigram's"));
    const auto id = [](std::optional<TokenId> token) -> std::optional<std::uint32_t> {
      return token ? std::optional(static_cast<std::uint32_t>(*token)) : std::nullopt;
    };
    const TokenizerFacts found = facts("");
    GgufVocabulary v{.model = "llama", .pre = "default", .tokens = pieces_, .scores = scores_};
    for (const Type type : types_) v.token_type.push_back(static_cast<std::int32_t>(type));
    v.bos_token_id = id(found.bos);
    v.eos_token_id = id(found.eos);
    v.unknown_token_id = id(found.unknown);
    v.padding_token_id = id(found.padding);
    v.add_bos_token = found.adds_bos;
    v.add_eos_token = false;
    v.add_space_prefix = prefix_;
    return v;
  }

 private:
  enum Type : std::uint64_t { normal = 1, unknown = 2, control = 3, user_defined = 4, unused = 5, byte = 6 };

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    refuse_file(file_.path(), parts...);
  }

  void read_piece(std::string_view bytes) {
    std::string_view piece;
    float score = 0;
    std::uint64_t type = normal;
    ProtocolMessage message(bytes, file_.path());
    while (const auto field = message.next()) {
      if (field->number == 1) piece = field->bytes;
      if (field->number == 2) score = std::bit_cast<float>(static_cast<std::uint32_t>(field->value));
      if (field->number == 3) type = field->value;
    }
    if (type < normal || type > byte) refuse("piece ", pieces_.size(), " has type ", type, ", expected 1 to 6");
    if (!std::isfinite(score)) refuse("piece ", pieces_.size(), " has score ", score, ", expected a finite number");
    pieces_.emplace_back(piece);
    scores_.push_back(score);
    types_.push_back(static_cast<Type>(type));
  }
  void read_trainer(std::string_view bytes) {
    ProtocolMessage message(bytes, file_.path());
    while (const auto field = message.next()) {
      if (field->number == 3) model_type_ = field->value;
      if (field->number == 24) suffix_ = field->value != 0;
      if (field->number == 41) bos_ = static_cast<std::int64_t>(field->value);
      if (field->number == 42) eos_ = static_cast<std::int64_t>(field->value);
      if (field->number == 43) padding_ = static_cast<std::int64_t>(field->value);
    }
  }
  void read_normalizer(std::string_view bytes) {
    ProtocolMessage message(bytes, file_.path());
    while (const auto field = message.next()) {
      if (field->number == 2) rules_ = field->bytes;
      if (field->number == 3) prefix_ = field->value != 0;
      if (field->number == 4) collapses_ = field->value != 0;
      if (field->number == 5 && field->value == 0) refuse("keeps spaces (escape_whitespaces), expected '▁' for them");
    }
  }

  std::optional<TokenId> find_type(Type type) const noexcept {
    for (std::size_t id = 0; id < types_.size(); ++id)
      if (types_[id] == type) return static_cast<TokenId>(id);
    return std::nullopt;
  }
  std::optional<TokenId> checked(std::int64_t id) const noexcept {
    const bool there =
        id >= 0 && static_cast<std::uint64_t>(id) < pieces_.size() && types_[static_cast<std::size_t>(id)] == control;
    return there ? std::optional(static_cast<TokenId>(id)) : std::nullopt;
  }
  TokenizerFacts facts(std::string kind) const {
    TokenizerFacts facts{.kind = std::move(kind), .bos = checked(bos_), .eos = checked(eos_)};
    facts.unknown = find_type(unknown);
    facts.padding = checked(padding_);
    facts.adds_bos = facts.bos.has_value();
    return facts;
  }
  std::vector<AddedToken> added_tokens() const {
    std::vector<AddedToken> added;
    for (std::size_t id = 0; id < pieces_.size(); ++id)
      if (!pieces_[id].empty() && (types_[id] == control || types_[id] == unknown || types_[id] == user_defined)) {
        const bool spaced = pieces_[id].find(bpe_space) != std::string::npos;
        added.push_back({.id = static_cast<TokenId>(id),
                         .content = spaced ? bpe_spaced(pieces_[id]) : pieces_[id],
                         .special = types_[id] != user_defined,
                         .normalized = spaced});
      }
    return added;
  }

  Tokenizer read_bpe() const {
    if (!rules_.empty() || collapses_)
      refuse(
          "normalises texts before merging (precompiled_charsmap or remove_extra_whitespaces), expected a BPE model "
          "without, as Llama 2's and Mistral's");
    TokenizerFacts facts = this->facts("SentencePiece BPE");
    BpeVocabulary vocabulary{.pieces = pieces_,
                             .merges = {},
                             .special_tokens = {},
                             .leading_space = prefix_ ? LeadingSpace::text : LeadingSpace::never,
                             .decoded_space = prefix_ ? DecodedSpace::drop_one : DecodedSpace::keep,
                             .scores = scores_,
                             .unknown_token = "",
                             .bos_token = "",
                             .eos_token = "",
                             .byte_fallback = find_type(byte).has_value()};
    for (AddedToken& token : added_tokens())
      if (token.special)
        vocabulary.special_tokens.push_back(pieces_[static_cast<std::size_t>(token.id)]);
      else
        vocabulary.added_tokens.push_back(std::move(token));
    if (facts.unknown) vocabulary.unknown_token = pieces_[static_cast<std::size_t>(*facts.unknown)];
    return Tokenizer(std::make_shared<const BpeCore>(BpeTokenizer(vocabulary))).with(std::move(facts));
  }
  Tokenizer read_unigram() const {
    UnigramVocabulary vocabulary;
    vocabulary.pieces = pieces_;
    vocabulary.scores.assign(scores_.begin(), scores_.end());
    for (const Type type : types_) vocabulary.in_texts.push_back(type == normal);
    vocabulary.unknown = find_type(unknown);
    vocabulary.byte_fallback = find_type(byte).has_value();
    vocabulary.added_tokens = added_tokens();
    if (!rules_.empty()) vocabulary.normalizer = Normalizer({std::make_shared<const CharacterMap>(rules_)});
    vocabulary.collapses_spaces = collapses_;
    vocabulary.leading_space = prefix_ ? LeadingSpace::text : LeadingSpace::never;
    vocabulary.decoded_space = prefix_ ? DecodedSpace::drop_one : DecodedSpace::keep;
    vocabulary.facts = facts("SentencePiece unigram");
    return make_tokenizer(std::move(vocabulary));
  }

  MappedFile file_;
  std::vector<std::string> pieces_;
  std::vector<float> scores_;
  std::vector<Type> types_;
  std::uint64_t model_type_ = 1;
  std::int64_t bos_ = 1, eos_ = 2, padding_ = -1;
  std::string_view rules_;
  bool prefix_ = true, collapses_ = true, suffix_ = false;
};

}  // namespace detail

/// Reads a SentencePiece model, BPE or unigram. User-defined symbols are found in texts, control symbols only if
/// EncodeOptions::added asks for all. Throws FileError where the file is truncated or no model, and for a kind or an
/// option that is not read.
inline Tokenizer read_sentencepiece(const std::filesystem::path& file) {
  return detail::SentencePieceFile(file).read();
}

}}  // namespace bora::BORA_ABI

/// Byte-level byte-pair encoding: the kind of GPT-2, Llama 3, Qwen, OLMo and tekken.
#pragma once
#include <bora/core/error.hpp>
#include <bora/core/tensor.hpp>
#include <bora/text/added_tokens.hpp>
#include <bora/text/character_class.hpp>
#include <bora/text/merge_table.hpp>
#include <bora/text/normalizer.hpp>
#include <bora/text/pair_merger.hpp>
#include <bora/text/piece_index.hpp>
#include <bora/text/splitter.hpp>
#include <bora/text/token_table.hpp>
#include <bora/text/tokenizer.hpp>
#include <bora/text/tokenizer_core.hpp>
#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// Two tokens that join to a third.
struct TokenMerge {
  TokenId left = 0;        ///< the first
  TokenId right = 0;       ///< the second
  TokenId joined = 0;      ///< what they join to
  std::uint32_t rank = 0;  ///< lower ranks are merged first, the leftmost among equals
};

/// Vocabulary and stages of a byte-level tokenizer.
struct ByteLevelVocabulary {
  std::vector<std::string> tokens;            ///< by id, the bytes that each stands for; an empty one stands for none
  std::vector<TokenMerge> merges;             ///< the file's; ids of `tokens`
  bool ignore_merges = false;                 ///< a word that is a token is not merged: Llama 3, tekken
  std::vector<AddedToken> added_tokens = {};  ///< cut out of a text; with ids of their own or of `tokens`
  Normalizer normalizer = {};                 ///< what is left is normalised
  bool prefix_space = false;                  ///< a space goes in front of what does not begin with one
  Splitter splitter = {};                     ///< and cut into words
  TokenizerFacts facts = {.kind = "byte-level BPE"};  ///< ids that begin and end texts
};

namespace detail {

/// All merges of two tokens into a third, of the rank of its id: what tekken's and tiktoken's files leave out.
inline std::vector<TokenMerge> merges_by_rank(const std::vector<std::string>& tokens,
                                              const std::vector<std::uint32_t>& ranks) {
  const TokenTable table(tokens, [](std::size_t) { return true; });
  std::vector<TokenMerge> merges;
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    const std::string_view token = tokens[id];
    for (std::size_t cut = 1; cut < std::min<std::size_t>(token.size(), 512); ++cut) {
      const TokenId left = table.find(token.substr(0, cut)), right = left < 0 ? -1 : table.find(token.substr(cut));
      if (right >= 0) merges.push_back({left, right, static_cast<TokenId>(id), ranks[id]});
    }
  }
  return merges;
}

/// Whether a text begins, or ends, with a character of a word: \w.
inline bool word_character(std::string_view text, bool begins) noexcept {
  if (text.empty()) return false;
  if (!begins) text.remove_prefix(text.size() - last_character_length(text));
  const TextCharacter c = first_character(text);
  constexpr std::uint32_t word =
      letter_categories | mark_categories | category_bit(Category::Nd) | category_bit(Category::Pc);
  return c.code < invalid_byte && (category_bit(category_of(c.code)) & word) != 0;
}

/// Added tokens of a vocabulary: checked, and as the sets that texts are searched for.
class AddedTokenTable {
 public:
  AddedTokenTable() = default;
  AddedTokenTable(std::vector<AddedToken> tokens, const std::vector<std::string>& pieces, const Normalizer& normalizer)
      : tokens_(std::move(tokens)) {
    std::sort(tokens_.begin(), tokens_.end(),
              [](const auto& a, const auto& b) { return a.id != b.id ? a.id < b.id : a.content < b.content; });
    check(pieces.size());
    for (const AddedTokens which : {AddedTokens::words, AddedTokens::all}) {
      std::vector<AddedToken> raw, normalized;
      std::string storage;
      for (AddedToken token : tokens_) {
        if (token.special && which == AddedTokens::words) continue;
        if (token.normalized && !normalizer.empty())
          token.content = std::string(normalizer.apply(token.content, storage));
        if (token.content.empty()) continue;
        std::vector<AddedToken>& set = token.normalized ? normalized : raw;
        if (std::none_of(set.begin(), set.end(), [&](const auto& t) { return t.content == token.content; }))
          set.push_back(std::move(token));
      }
      sets_[static_cast<std::size_t>(which)] = {AddedTokenSet(std::move(raw)), AddedTokenSet(std::move(normalized))};
    }
  }

  const std::vector<AddedToken>& tokens() const noexcept { return tokens_; }
  struct Sets {
    AddedTokenSet raw, normalized;
  };
  const Sets& sets(AddedTokens added) const noexcept { return sets_[static_cast<std::size_t>(added)]; }
  /// Whether a text can be cut in front of a space between an ASCII letter or digit and a letter.
  bool cuts_at_words() const noexcept {
    for (const AddedToken& token : tokens_) {
      if (token.single_word || token.lstrip || token.rstrip) return false;
      for (std::size_t at = token.content.find(' '); at != std::string::npos; at = token.content.find(' ', at + 1))
        if (at > 0 && at + 1 < token.content.size() && token.content[at - 1] != ' ' && token.content[at + 1] != ' ')
          return false;
    }
    return true;
  }

 private:
  void check(std::size_t pieces) const {
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const AddedToken& token = tokens_[i];
      const std::string name = message("added token ", legible_piece(token.content), " has id ", token.id);
      if (token.content.empty())
        throw ConfigError(message("added token with id ", token.id, " is empty, expected some text"));
      constexpr std::size_t most_left_out = 65'536;
      if (token.id < 0 || static_cast<std::size_t>(token.id) > pieces + tokens_.size() + most_left_out)
        throw ConfigError(message(name, ", expected at most ", most_left_out, " ids to be left out"));
      if (i > 0 && tokens_[i - 1].id == token.id && tokens_[i - 1].content != token.content)
        throw ConfigError(message("added tokens ", legible_piece(tokens_[i - 1].content), " and ",
                                  legible_piece(token.content), " both have id ", token.id,
                                  ", expected an id for each"));
    }
  }

  std::vector<AddedToken> tokens_;
  std::array<Sets, 3> sets_;
};

/// Encodes a text that arrives in parts by cutting it where nothing reaches across: in front of words.
class WordCutEncoder : public PartEncoder {
 public:
  /// \param cuts  false: the text is held until it ends
  WordCutEncoder(const TokenizerCore& core, AddedTokens added, bool cuts) : core_(core), added_(added), cuts_(cuts) {}
  void push(std::string_view text, std::vector<TokenId>& out) override {
    text_ += text;
    if (!cuts_ || text_.size() < wanted_) return;
    const std::size_t cut = last_cut();
    core_.encode(std::string_view(text_).substr(0, cut), added_, out);
    text_.erase(0, cut);
    wanted_ = std::max(least, 2 * text_.size());
  }
  void finish(std::vector<TokenId>& out) override {
    core_.encode(text_, added_, out);
    text_.clear();
    wanted_ = least;
  }

 private:
  static constexpr std::size_t least = std::size_t{1} << 16;
  static bool letter(char c) noexcept { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
  std::size_t last_cut() const noexcept {
    for (std::size_t at = text_.size() - 2; at > 0; --at)
      if (text_[at] == ' ' && letter(text_[at + 1]) &&
          (letter(text_[at - 1]) || (text_[at - 1] >= '0' && text_[at - 1] <= '9')))
        return at;
    return 0;
  }

  const TokenizerCore& core_;
  AddedTokens added_;
  bool cuts_;
  std::string text_;
  std::size_t wanted_ = least;
};

/// A byte-level tokenizer.
class ByteLevelCore : public TokenizerCore {
 public:
  explicit ByteLevelCore(ByteLevelVocabulary vocabulary)
      : TokenizerCore(std::move(vocabulary.facts)),
        tokens_(std::move(vocabulary.tokens)),
        normalizer_(std::move(vocabulary.normalizer)),
        splitter_(std::move(vocabulary.splitter)),
        prefix_space_(vocabulary.prefix_space),
        added_(std::move(vocabulary.added_tokens), tokens_, normalizer_) {
    add_texts();
    add_merges(vocabulary.merges);
    if (const PairMerge* twice = pairs_.duplicate())
      throw ConfigError(
          message("the merge of rank ", twice->rank, " joins two tokens that an earlier one joins already"));
    words_ = TokenTable(tokens_, [&](std::size_t id) { return vocabulary.ignore_merges || merges_to_itself(id); });
    cuts_ = splitter_.cuts_at_words() && normalizer_.canonical() && added_.cuts_at_words();
  }
  ByteLevelCore(const ByteLevelCore&) = delete;
  ByteLevelCore& operator=(const ByteLevelCore&) = delete;

  std::size_t vocab_size() const noexcept override { return texts_.size(); }
  const std::vector<AddedToken>& added_tokens() const noexcept override { return added_.tokens(); }
  std::string_view text(TokenId id) const noexcept override {
    return id >= 0 && static_cast<std::size_t>(id) < texts_.size()
               ? std::string_view(texts_[static_cast<std::size_t>(id)])
               : std::string_view();
  }
  std::unique_ptr<PartEncoder> encoder(AddedTokens added) const override {
    return std::make_unique<WordCutEncoder>(*this, added, cuts_);
  }
  void encode(std::string_view text, AddedTokens added, std::vector<TokenId>& out) const override {
    const AddedTokenTable::Sets& sets = added_.sets(added);
    Scratch scratch;
    const auto token = [&](TokenId id) { out.push_back(id); };
    const auto plain = [&](std::string_view part) { encode_plain(part, scratch, out); };
    std::string storage;
    cut_added_tokens(
        sets.raw, text,
        [&](std::string_view part) {
          cut_added_tokens(sets.normalized, normalizer_.apply(part, storage), plain, token, word_character);
        },
        token, word_character);
  }

 private:
  struct Scratch {
    PairMerger merger;
    std::vector<TokenId> ids;
    std::string prefixed;
  };

  void add_texts() {
    if (tokens_.size() >= static_cast<std::size_t>(std::numeric_limits<TokenId>::max()))
      throw ConfigError(message("vocabulary has ", tokens_.size(), " tokens, expected as many as ids can count"));
    texts_ = tokens_;
    for (const AddedToken& token : added_.tokens()) {
      const auto id = static_cast<std::size_t>(token.id);
      if (id >= texts_.size()) texts_.resize(id + 1);
      if (!token.special) {
        if (texts_[id].empty()) texts_[id] = token.content;
        continue;
      }
      texts_[id].clear();
      if (id < tokens_.size()) tokens_[id].clear();  // no text may merge to it
    }
    bytes_.fill(-1);
    for (std::size_t id = tokens_.size(); id-- > 0;)
      if (tokens_[id].size() == 1) bytes_[static_cast<unsigned char>(tokens_[id][0])] = static_cast<TokenId>(id);
  }
  void add_merges(const std::vector<TokenMerge>& merges) {
    std::vector<Merge> list;
    list.reserve(merges.size());
    for (const TokenMerge& m : merges) {
      for (const TokenId id : {m.left, m.right, m.joined})
        if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size())
          throw ConfigError(message("a merge names id ", id, ", expected one below ", tokens_.size()));
      if (!tokens_[static_cast<std::size_t>(m.joined)].empty()) list.push_back({m.left, m.right, {m.rank, m.joined}});
    }
    pairs_ = PairTable(tokens_.size(), list);
  }
  bool merges_to_itself(std::size_t id) {
    if (tokens_[id].empty() || tokens_[id].size() > 256) return false;
    merged_.clear();
    merge(tokens_[id], checked_, merged_);
    return merged_.size() == 1 && merged_[0] == static_cast<TokenId>(id);
  }

  void encode_plain(std::string_view text, Scratch& scratch, std::vector<TokenId>& out) const {
    if (prefix_space_ && !text.empty() && text[0] != ' ') {
      scratch.prefixed = ' ';
      scratch.prefixed += text;
      text = scratch.prefixed;
    }
    splitter_.split(text, [&](std::string_view word) {
      if (const TokenId id = words_.find(word); id >= 0)
        out.push_back(id);
      else
        merge(word, scratch, out);
    });
  }
  void merge(std::string_view word, Scratch& scratch, std::vector<TokenId>& out) const {
    scratch.ids.clear();
    for (const char byte : word)
      if (const TokenId id = bytes_[static_cast<unsigned char>(byte)]; id >= 0) scratch.ids.push_back(id);
    scratch.merger.merge(pairs_, scratch.ids, out);
  }

  std::vector<std::string> tokens_, texts_;
  Normalizer normalizer_;
  Splitter splitter_;
  bool prefix_space_, cuts_ = false;
  AddedTokenTable added_;
  std::array<TokenId, 256> bytes_{};
  PairTable pairs_;
  TokenTable words_;
  Scratch checked_;
  std::vector<TokenId> merged_;
};

}  // namespace detail

/// A byte-level tokenizer. Throws ConfigError for merges and added tokens with ids that there are not.
inline Tokenizer make_tokenizer(ByteLevelVocabulary vocabulary) {
  return Tokenizer(std::make_shared<const detail::ByteLevelCore>(std::move(vocabulary)));
}

}}  // namespace bora::BORA_ABI

/// Tokens added to a vocabulary, which are cut out of a text before it is merged.
#pragma once
#include <bora/core/tensor.hpp>
#include <bora/text/merge_table.hpp>
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bora { inline namespace BORA_ABI {

/// A token that a vocabulary was extended by, as `added_tokens` of a tokenizer.json describes it.
struct AddedToken {
  TokenId id = 0;       ///< of its own
  std::string content;  ///< how a text spells it
  bool special = true;  ///< a mark that decodes to no text; else a word that decodes to its content
  bool lstrip = false;  ///< takes the white space in front of it
  bool rstrip = false;  ///< takes the white space behind it
  /// Matched after the normalizer has prepended "▁" and replaced spaces, so the match may include them: " word" rather
  /// than "word".
  bool normalized = false;
  /// Not part of a longer word. Needs Unicode's word characters, so texts cannot spell such a token.
  bool single_word = false;
  friend bool operator==(const AddedToken&, const AddedToken&) = default;
};

namespace detail {

/// Bytes of the white space (Unicode's property White_Space) that `text` begins with; 0 for other characters.
inline std::size_t white_space(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto first = static_cast<unsigned char>(text[0]);
  if ((first >= 9 && first <= 13) || first == ' ') return 1;
  if (first < 0x80) return 0;
  const Utf8Start start = utf8_start(text);
  if (start.kind != Utf8Kind::whole) return 0;
  const char32_t code = code_point(text.substr(0, start.length));
  const bool is_space = code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
                        code == 0x2028 || code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
  return is_space ? start.length : 0;
}
/// Bytes of `text` in front of the white space that it ends with.
inline std::size_t without_trailing_space(std::string_view text) noexcept {
  for (std::size_t length = 1; length <= std::min<std::size_t>(3, text.size());)
    if (white_space(text.substr(text.size() - length)) == length) {
      text.remove_suffix(length);
      length = 1;
    } else {
      ++length;
    }
  return text.size();
}

/// A text without white space at its ends.
inline std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && white_space(text) != 0) text.remove_prefix(white_space(text));
  return text.substr(0, without_trailing_space(text));
}

/// The spellings of added tokens, to find the longest that is a prefix of a text. In alphabetical order, so that all
/// prefixes of a spelling precede it.
class AddedTokenSet {
 public:
  AddedTokenSet() = default;
  /// \param tokens  their contents as they are searched for, all different
  explicit AddedTokenSet(std::vector<AddedToken> tokens)
      : tokens_(std::move(tokens)), starts_(256), prefixes_(tokens_.size()) {
    std::sort(tokens_.begin(), tokens_.end(), [](const auto& a, const auto& b) { return a.content < b.content; });
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      const std::string& content = tokens_[i].content;
      longest_ = std::max(longest_, content.size());
      any_lstrip_ = any_lstrip_ || tokens_[i].lstrip;
      starts_[static_cast<unsigned char>(content[0])] = 1;
      prefixes_[i] = i == 0 ? none : nearest_prefix(i - 1, content);
    }
  }

  bool empty() const noexcept { return tokens_.empty(); }
  /// Bytes of the longest spelling.
  std::size_t longest() const noexcept { return longest_; }
  bool any_lstrip() const noexcept { return any_lstrip_; }

  /// The token with the longest spelling that is a prefix of `text`, which must not be empty; null if there is none.
  const AddedToken* match(std::string_view text) const noexcept {
    if (starts_[static_cast<unsigned char>(text[0])] == 0) return nullptr;
    const auto behind = std::upper_bound(tokens_.begin(), tokens_.end(), text,
                                         [](std::string_view t, const AddedToken& token) { return t < token.content; });
    if (behind == tokens_.begin()) return nullptr;
    const std::size_t found = nearest_prefix(static_cast<std::size_t>(behind - tokens_.begin()) - 1, text);
    return found == none ? nullptr : &tokens_[found];
  }

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  /// The last token up to `i`, the predecessor of `text`, whose spelling is a prefix of `text`.
  std::size_t nearest_prefix(std::size_t i, std::string_view text) const noexcept {
    while (i != none && !text.starts_with(tokens_[i].content)) i = prefixes_[i];
    return i;
  }

  std::vector<AddedToken> tokens_;
  std::vector<char> starts_;           ///< by first byte: whether any token begins with it
  std::vector<std::size_t> prefixes_;  ///< of each token: the longest other one that is its prefix
  std::size_t longest_ = 0;
  bool any_lstrip_ = false;
};

/// Cuts added tokens out of a text that arrives in parts, with the white space that they strip. The leftmost match
/// wins, and of these the longest.
class AddedTokenSplitter {
 public:
  /// The set must outlive it.
  explicit AddedTokenSplitter(const AddedTokenSet& set) noexcept : set_(&set) {}

  /// Calls `text(bytes)` for plain text, which may come in several parts, and `token(id)`, in the text's order. Bytes
  /// that a later part may still change are held back.
  template <class Text, class Token>
  void push(std::string_view bytes, Text text, Token token) {
    if (set_->empty()) return bytes.empty() ? void() : text(bytes);
    waiting_ += bytes;
    release(false, text, token);
  }
  /// Ends the text and releases everything held back.
  template <class Text, class Token>
  void finish(Text text, Token token) {
    if (!set_->empty()) release(true, text, token);
    skip_space_ = false;
  }

 private:
  template <class Text, class Token>
  void release(bool last, Text& text, Token& token) {
    const std::string_view all = waiting_;
    // Any token or white-space character that begins before `decided` has arrived completely.
    const std::size_t room = std::max<std::size_t>(set_->longest(), 4) - 1;
    std::size_t decided = last ? all.size() : all.size() - std::min(all.size(), room);
    while (!last && decided > 0 && (static_cast<unsigned char>(all[decided]) & 0xc0) == 0x80) --decided;
    std::size_t begin = 0;  // of the plain text before `at`
    for (std::size_t at = searched_; at < decided;) {
      if (skip_space_) {
        const std::size_t space = white_space(all.substr(at));
        skip_space_ = space != 0;
        begin = at += space;
        continue;
      }
      const AddedToken* found = set_->match(all.substr(at));
      if (found == nullptr) {
        ++at;
        continue;
      }
      std::string_view before = all.substr(begin, at - begin);
      if (found->lstrip) before = before.substr(0, without_trailing_space(before));
      if (!before.empty()) text(before);
      token(found->id);
      skip_space_ = found->rstrip;
      begin = at += found->content.size();
    }
    const std::size_t end = std::max(begin, decided);
    begin += release_text(all, begin, end, last, text);
    searched_ = end - begin;
    waiting_.erase(0, begin);
  }
  /// Releases plain text up to `end`, except white space that a following token may strip; returns its bytes.
  template <class Text>
  std::size_t release_text(std::string_view all, std::size_t begin, std::size_t end, bool last, Text& text) {
    std::string_view plain = all.substr(begin, end - begin);
    if (!last && set_->any_lstrip()) plain = plain.substr(0, without_trailing_space(plain));
    if (!plain.empty()) text(plain);
    return plain.size();
  }

  const AddedTokenSet* set_;
  std::string waiting_;
  std::size_t searched_ = 0;  ///< bytes of it that begin no token
  bool skip_space_ = false;   ///< behind a token that takes the white space there
};

/// Cuts added tokens out of a whole text: calls `text(bytes)` for plain text and `token(id)`, in the text's order.
/// \param is_word  whether a text begins (true) or ends (false) with a character of a word, for tokens that are not
///                 part of a longer word
template <class Text, class Token, class IsWord>
void cut_added_tokens(const AddedTokenSet& set, std::string_view all, Text text, Token token, IsWord is_word) {
  std::size_t begin = 0;  // of the plain text before `at`
  for (std::size_t at = 0; !set.empty() && at < all.size();) {
    const AddedToken* found = set.match(all.substr(at));
    if (found == nullptr) {
      ++at;
      continue;
    }
    const std::size_t behind = at + found->content.size();
    if (found->single_word && (is_word(all.substr(0, at), false) || is_word(all.substr(behind), true))) {
      at = behind;
      continue;
    }
    std::string_view before = all.substr(begin, at - begin);
    if (found->lstrip) before = before.substr(0, without_trailing_space(before));
    if (!before.empty()) text(before);
    token(found->id);
    begin = behind;
    if (found->rstrip)
      for (std::size_t space = 1; begin < all.size() && space != 0; begin += space)
        space = white_space(all.substr(begin));
    at = begin;
  }
  if (begin < all.size()) text(all.substr(begin));
}

}  // namespace detail
}}  // namespace bora::BORA_ABI

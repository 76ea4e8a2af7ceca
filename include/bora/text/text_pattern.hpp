/// What a pre-tokeniser cuts a text by: a pattern, and what becomes of its matches.
#pragma once
#include <bora/core/abi.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// A match, as offsets in a text.
struct TextMatch {
  std::size_t begin = 0;  ///< of its first byte
  std::size_t end = 0;    ///< behind its last byte
};

/// A compiled regular expression. Const members may be called from several threads at once.
class TextPattern {
 public:
  virtual ~TextPattern() = default;
  /// The first match that begins at `from` or later and is not empty; {size, size} where there is none.
  virtual TextMatch find(std::string_view text, std::size_t from) const = 0;
  /// Whether matches lie side by side, so that every text is cut into matches alone. False if that is not known.
  virtual bool covers_all() const noexcept { return false; }
  /// Whether it takes no space and looks at none. False if that is not known.
  virtual bool ignores_space() const noexcept { return false; }
  /// Whether a match always begins at a space between an ASCII letter or digit and an ASCII letter, whatever stands
  /// around: there a text can be cut before it is split. False if that is not known.
  virtual bool begins_at_word() const noexcept { return false; }
};

/// Compiles a regular expression; null where it does not know a construct of it. WordPattern (text/word_pattern.hpp)
/// knows what published tokenizers use, `pcre2_pattern` (text/pcre2.hpp) everything that PCRE2 knows.
using PatternCompiler = std::function<std::shared_ptr<const TextPattern>(const std::string& pattern)>;

}}  // namespace bora::BORA_ABI

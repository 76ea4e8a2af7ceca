/// What a reader of tokenizers may need beside the file.
#pragma once
#include <bora/core/abi.hpp>
#include <bora/text/text_pattern.hpp>

namespace bora { inline namespace BORA_ABI {

/// What a reader of tokenizers may need beside the file.
struct TokenizerOptions {
  /// Compiles patterns that `word_pattern` does not know, such as `pcre2_pattern` (text/pcre2.hpp); a file that has one
  /// is refused without it.
  PatternCompiler patterns = {};
};

}}  // namespace bora::BORA_ABI

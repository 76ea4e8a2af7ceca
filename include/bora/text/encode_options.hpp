/// Options of encoding a text.
#pragma once
#include <bora/core/abi.hpp>

namespace bora { inline namespace BORA_ABI {

/// Which added tokens a text can spell. A chat template names tokens such as `<|im_start|>`; a text from a stranger
/// that spells one must not be able to end a turn, so special tokens are plain text unless `all` is asked for.
enum class AddedTokens {
  words,  ///< tokens that are not special, which extend the vocabulary by words; special ones are plain text
  all,    ///< special tokens too, as transformers does: for templates and texts that can be trusted
  none,   ///< none: every text is plain
};

/// How `encode` treats a text, and which special tokens it puts around it.
struct EncodeOptions {
  bool bos = true;   ///< the beginning-of-sequence id in front: what a prompt needs
  bool eos = false;  ///< the end-of-sequence id behind: what a training text needs
  /// Which added tokens the text can spell; Llama2cTokenizer has none.
  AddedTokens added = AddedTokens::words;
};

}}  // namespace bora::BORA_ABI

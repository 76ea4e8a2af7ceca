/// Patterns that word_pattern does not know, compiled by PCRE2 (Debian: libpcre2-dev; link the CMake target
/// bora::text). No other header includes this one, so programs that do not either need no PCRE2.
#pragma once
#if !__has_include(<pcre2.h>)
#error "bora: text/pcre2.hpp needs PCRE2 (Debian: libpcre2-dev)"
#endif
#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <bora/core/error.hpp>
#include <bora/text/text_pattern.hpp>
#include <pcre2.h>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

namespace detail {

/// A pattern that PCRE2 has compiled, to machine code where it can.
class Pcre2Pattern : public TextPattern {
 public:
  explicit Pcre2Pattern(pcre2_code_8* code) : code_(code), context_(pcre2_match_context_create_8(nullptr)) {
    if (context_ == nullptr) throw MemoryError("PCRE2 has not the memory for a pattern");
    pcre2_jit_compile_8(code_.get(), PCRE2_JIT_COMPLETE);
    constexpr std::uint32_t most_steps = 10'000'000, most_kilobytes = 64'000;
    pcre2_set_match_limit_8(context_.get(), most_steps);
    pcre2_set_heap_limit_8(context_.get(), most_kilobytes);
  }

  TextMatch find(std::string_view text, std::size_t from) const override {
    // A match needs memory of its own; one a thread is enough.
    thread_local const std::unique_ptr<pcre2_match_data_8, Free> match(pcre2_match_data_create_8(1, nullptr));
    if (match == nullptr) throw MemoryError("PCRE2 has not the memory for a match");
    const int found = pcre2_match_8(code_.get(), reinterpret_cast<PCRE2_SPTR8>(text.data()), text.size(), from,
                                    PCRE2_NOTEMPTY, match.get(), context_.get());
    if (found == PCRE2_ERROR_NOMATCH) return {text.size(), text.size()};
    if (found < 0)
      throw ConfigError(message("the pattern that cuts texts into words fails with PCRE2's error ", found,
                                found == PCRE2_ERROR_MATCHLIMIT ? ": it takes too many steps" : ""));
    const PCRE2_SIZE* ends = pcre2_get_ovector_pointer_8(match.get());
    return {ends[0], ends[1]};
  }

 private:
  struct Free {
    void operator()(pcre2_code_8* code) const noexcept { pcre2_code_free_8(code); }
    void operator()(pcre2_match_context_8* context) const noexcept { pcre2_match_context_free_8(context); }
    void operator()(pcre2_match_data_8* data) const noexcept { pcre2_match_data_free_8(data); }
  };
  std::unique_ptr<pcre2_code_8, Free> code_;
  std::unique_ptr<pcre2_match_context_8, Free> context_;
};

}  // namespace detail

/// Compiles a regular expression with Unicode's properties; null where PCRE2 does not know it. For
/// `load_tokenizer(path, {.patterns = pcre2_pattern})`. Searching throws ConfigError for a pattern that takes too many
/// steps.
inline std::shared_ptr<const TextPattern> pcre2_pattern(const std::string& pattern) {
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code_8* code = pcre2_compile_8(reinterpret_cast<PCRE2_SPTR8>(pattern.data()), pattern.size(),
                                       PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF, &error, &at, nullptr);
  return code == nullptr ? nullptr : std::make_shared<const detail::Pcre2Pattern>(code);
}

}}  // namespace bora::BORA_ABI

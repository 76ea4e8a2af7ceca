/// A text as JSON writes it.
#pragma once
#include <bora/files/compiled_files.hpp>
#include <string>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// `text` as a JSON string, quotation marks included. Throws ConfigError where it is no UTF-8.
BORA_FILE_FUNCTION std::string json_string(std::string_view text);

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/json.hpp>
#endif

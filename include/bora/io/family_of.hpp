/// The family that a model belongs to in files.
#pragma once
#include <bora/files/compiled_files.hpp>
#include <bora/model/description.hpp>
#include <string_view>

namespace bora { inline namespace BORA_ABI {

/// The family whose tensor names a new model (one not read from a file) gets: the first that can hold it.
BORA_FILE_FUNCTION std::string_view family_of(const ModelDescription& d);

}}  // namespace bora::BORA_ABI

#if !defined(BORA_EXTERN_FILES)
#include <bora/io/families.hpp>
#endif

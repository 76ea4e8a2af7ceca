/// Reading and writing of files, compiled once for a program of several sources.
///
/// What opens checkpoints and tokenizers or saves models is the same for every model. By default each source that
/// includes bora compiles what it uses of it. Sources that define BORA_EXTERN_FILES see declarations only; one source
/// defines BORA_COMPILE_FILES and includes bora/io/compiled_files.hpp. The CMake function `bora_files` does both. All
/// sources need the same flags: otherwise the program does not link.
#pragma once
#include <bora/core/abi.hpp>

#if defined(BORA_EXTERN_FILES) && defined(BORA_COMPILE_FILES)
#error "bora: a source that compiles the files (BORA_COMPILE_FILES) cannot take them from another (BORA_EXTERN_FILES)"
#endif

/// How such a function is declared, and how it is defined. A source that has declarations only may still include a
/// header of definitions, for what else stands there.
#if defined(BORA_COMPILE_FILES)
#define BORA_FILE_FUNCTION
#define BORA_FILE_DEFINITION
#elif defined(BORA_EXTERN_FILES)
#define BORA_FILE_FUNCTION
#define BORA_FILE_DEFINITION inline
#else
#define BORA_FILE_FUNCTION inline
#define BORA_FILE_DEFINITION inline
#endif

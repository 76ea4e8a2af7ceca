/// For the one source of a program that compiles the reading and writing of files (files/compiled_files.hpp). The CMake
/// function `bora_files` writes it.
#pragma once
#if !defined(BORA_COMPILE_FILES)
#error "bora: bora/io/compiled_files.hpp is for a source that defines BORA_COMPILE_FILES"
#endif
#include <bora/io/compiled/generation_config.hpp>
#include <bora/io/compiled/load_tokenizer.hpp>
#include <bora/io/compiled/open_checkpoint.hpp>
#include <bora/io/compiled/safetensors.hpp>
#include <bora/io/compiled/save.hpp>
#include <bora/io/families.hpp>
#include <bora/io/json.hpp>
#include <bora/io/parameter_names.hpp>
#include <bora/io/tokenizer_json.hpp>

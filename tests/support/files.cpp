#define BORA_COMPILE_FILES
#include <bora/io/compiled_files.hpp>

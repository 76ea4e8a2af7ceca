# bora_program_arguments: what bora's own programs do alike (program.hpp). Compiled once: CLI11 takes seconds to parse.
include_guard(GLOBAL)
add_library(bora_program_arguments STATIC EXCLUDE_FROM_ALL "${CMAKE_CURRENT_LIST_DIR}/program.cpp")
bora_program(bora_program_arguments)
target_compile_options(bora_program_arguments PRIVATE -O1)
target_include_directories(bora_program_arguments INTERFACE "${CMAKE_CURRENT_LIST_DIR}/..")

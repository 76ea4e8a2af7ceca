# bora_program(<target>): how bora's own tests, examples and benchmarks are compiled; bora_program_files(<target>...): with
# what reads files compiled once for all of them. Not installed.
include_guard(GLOBAL)

if(PROJECT_IS_TOP_LEVEL)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Kind of build" FORCE)
  endif()
  set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

  # -march=native means another thing on another processor, and ccache sees only the words: its cache is kept apart by
  # what the compiler makes of them.
  find_program(BORA_CCACHE ccache)
  if(BORA_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    execute_process(COMMAND "${CMAKE_CXX_COMPILER}" -march=native -dM -E -x c++ /dev/null
                    OUTPUT_VARIABLE native_macros ERROR_QUIET)
    string(MD5 native_macros "${native_macros}")
    set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env CCACHE_NAMESPACE=bora-${native_macros} "${BORA_CCACHE}")
  endif()
endif()

# bora_skipped_test(<name> <label> <why>): a test that cannot be made here, so that tests/run.sh counts and names it.
function(bora_skipped_test name label why)
  add_test(NAME ${name} COMMAND "${CMAKE_COMMAND}" -E echo "skipped: ${why}")
  set_tests_properties(${name} PROPERTIES LABELS ${label} SKIP_REGULAR_EXPRESSION "^skipped")
  message(STATUS "bora: no test ${name}: ${why}")
endfunction()

function(bora_program target)
  target_link_libraries(${target} PRIVATE bora::bora)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow $<$<CONFIG:Release>:-O3 -g0>)
  set_target_properties(${target} PROPERTIES COMPILE_WARNING_AS_ERROR ON)
  bora_native(${target})
endfunction()

file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/compiled_files.cpp" CONTENT
     "#define BORA_COMPILE_FILES\n#include <bora/io/compiled_files.hpp>\n" @ONLY)
add_library(bora_compiled_files STATIC EXCLUDE_FROM_ALL "${PROJECT_BINARY_DIR}/compiled_files.cpp")
bora_program(bora_compiled_files)
bora_sections(bora_compiled_files)
function(bora_program_files)
  foreach(target IN LISTS ARGN)
    target_compile_definitions(${target} PRIVATE BORA_EXTERN_FILES)
    target_link_libraries(${target} PRIVATE bora_compiled_files)
  endforeach()
endfunction()

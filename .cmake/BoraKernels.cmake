# bora_kernels(<target>...): compile bora's kernels once for all sources of these targets.
#
# Every source that includes bora compiles the matrix products and the attention that it uses. A program of several
# sources saves that: they call kernels that one more source holds, in the library <first target>_bora_kernels. It gets
# the compile options and definitions of the first target, also those that are given later; the others must have the
# same, or the program does not link.
include_guard(GLOBAL)

function(bora_kernels target)
  set(library ${target}_bora_kernels)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${library}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#define BORA_COMPILE_KERNELS\n#include <bora/simd/kernels.hpp>\n" @ONLY)
  bora_compiled_library(${library} "${source}" BORA_EXTERN_KERNELS "BORA_DYNAMIC_DISPATCH" ${ARGV})
endfunction()

# bora_files(<target>...): compile once, for all sources of these targets, what reads and writes files.
#
# What opens checkpoints and tokenizers is the same for every model, and is most of what a small program takes to compile.
# The library <first target>_bora_files holds it, with the options of the first target, as bora_kernels does.
function(bora_files target)
  set(library ${target}_bora_files)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${library}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#define BORA_COMPILE_FILES\n#include <bora/io/compiled_files.hpp>\n" @ONLY)
  bora_compiled_library(${library} "${source}" BORA_EXTERN_FILES "" ${ARGV})
endfunction()

# bora_sections(<library>): programs that link it leave out the functions that they do not use.
function(bora_sections library)
  if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
    target_compile_options(${library} PRIVATE -ffunction-sections -fdata-sections)
    target_link_options(${library} INTERFACE LINKER:--gc-sections)
  endif()
endfunction()

# bora_compiled_library(<library> <sources> <definitions> <left out> <target>...): what these targets share, in a library
# of theirs, with the options and definitions of the first, but for those left out. The definitions given are the targets'
# alone.
function(bora_compiled_library library sources definitions left_out target)
  add_library(${library} STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(${library} PRIVATE bora::bora)
  target_compile_options(${library} PRIVATE "$<TARGET_PROPERTY:${target},COMPILE_OPTIONS>")
  target_compile_definitions(${library} PRIVATE
    "$<FILTER:$<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>,EXCLUDE,^(BORA_EXTERN_KERNELS|BORA_EXTERN_FILES|${left_out})$>")
  set_target_properties(${library} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  bora_sections(${library})
  foreach(user IN LISTS target ARGN)
    target_compile_definitions(${user} PRIVATE ${definitions})
    target_link_libraries(${user} PRIVATE ${library})
  endforeach()
endfunction()

# bora_dispatch(<target>...): compile bora's kernels for several processors; the program takes those of the one it runs on.
#
# For programs that are built on one machine and run on others, such as packages: their sources get no -march. The library
# <first target>_bora_dispatch holds a source for each set of instructions, compiled with the options of the first target,
# and the way to them (bora/simd/dispatch.hpp). BORA_TARGET=avx2 in the environment asks for a lesser one. On processors
# other than x86-64, where one target is all there is, this is bora_kernels.
function(bora_dispatch target)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    bora_kernels(${ARGV})
    return()
  endif()
  set(targets avx512bf16 avx512 avx2 sse4)  # the best one first
  set(flags_of_avx512bf16 -march=cooperlake)
  set(flags_of_avx512 -march=skylake-avx512)
  set(flags_of_avx2 -march=haswell -maes -mpclmul)  # without these two Highway does without AVX2
  set(flags_of_sse4 -march=x86-64-v2)

  set(library ${target}_bora_dispatch)
  set(folder "${CMAKE_CURRENT_BINARY_DIR}/${library}")
  list(TRANSFORM targets REPLACE "(.+)" "T(\\1)" OUTPUT_VARIABLE list)
  list(JOIN list " " list)
  file(CONFIGURE OUTPUT "${folder}/dispatch.cpp" CONTENT
    "#define BORA_COMPILE_DISPATCH\n#define BORA_DISPATCH_TARGETS(T) ${list}\n#include <bora/simd/dispatch.hpp>\n" @ONLY)
  set(sources "${folder}/dispatch.cpp")
  set_source_files_properties("${folder}/dispatch.cpp" PROPERTIES COMPILE_DEFINITIONS BORA_DYNAMIC_DISPATCH)
  foreach(name IN LISTS targets)
    set(source "${folder}/${name}.cpp")
    file(CONFIGURE OUTPUT "${source}" CONTENT
      "#define BORA_DISPATCH_TARGET ${name}\n#include <bora/simd/dispatch_target.hpp>\n" @ONLY)
    set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS "${flags_of_${name}}")
    list(APPEND sources "${source}")
  endforeach()
  bora_compiled_library(${library} "${sources}" "BORA_EXTERN_KERNELS;BORA_DYNAMIC_DISPATCH" BORA_DYNAMIC_DISPATCH
                        ${ARGV})
endfunction()

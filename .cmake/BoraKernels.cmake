# bora_kernels(<target>...): compile bora's kernels once for all sources of these targets.
#
# Every source that includes bora compiles the matrix products and the attention that it uses. A program of several
# sources saves that: they call kernels that one more source holds, in the library <first target>_bora_kernels. It gets
# the compile options and definitions of the first target, also those that are given later; the others must have the
# same, or the program does not link.
include_guard(GLOBAL)

function(bora_kernels target)
  set(kernels ${target}_bora_kernels)
  set(source "${CMAKE_CURRENT_BINARY_DIR}/${kernels}.cpp")
  file(CONFIGURE OUTPUT "${source}" CONTENT "#define BORA_COMPILE_KERNELS\n#include <bora/simd/kernels.hpp>\n" @ONLY)
  add_library(${kernels} STATIC EXCLUDE_FROM_ALL "${source}")
  target_link_libraries(${kernels} PRIVATE bora::bora)
  target_compile_options(${kernels} PRIVATE "$<TARGET_PROPERTY:${target},COMPILE_OPTIONS>")
  target_compile_definitions(${kernels} PRIVATE
    "$<FILTER:$<TARGET_PROPERTY:${target},COMPILE_DEFINITIONS>,EXCLUDE,^BORA_EXTERN_KERNELS$>")
  set_target_properties(${kernels} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  foreach(user IN LISTS target ARGN)
    target_compile_definitions(${user} PRIVATE BORA_EXTERN_KERNELS)
    target_link_libraries(${user} PRIVATE ${kernels})
  endforeach()
endfunction()

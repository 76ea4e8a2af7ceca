# The target bora_single_header writes build/single/bora_single.hpp: the library as one file, for a release.
include_guard(GLOBAL)
find_program(BORA_PYTHON python3)
if(NOT BORA_PYTHON)
  return()
endif()
set(bora_single_header_dir "${PROJECT_BINARY_DIR}/single")
set(script "${PROJECT_SOURCE_DIR}/tests/tools/single_header.py")
add_custom_command(OUTPUT "${bora_single_header_dir}/bora_single.hpp"
                   COMMAND "${BORA_PYTHON}" -B "${script}" "${PROJECT_SOURCE_DIR}/include"
                           "${bora_single_header_dir}/bora_single.hpp"
                   DEPENDS "${script}" ${bora_headers} VERBATIM)
add_custom_target(bora_single_header DEPENDS "${bora_single_header_dir}/bora_single.hpp")

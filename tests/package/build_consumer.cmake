# Builds and runs the consumer: cmake -D WAY=… -D SOURCE=… -D BUILD=… -D VERSION=… -D GENERATOR=… -D COMPILER=…
# [-D PKG_CONFIG=…] [-D DPKG_DEB=…] -P …
set(folder "${BUILD}/package/${WAY}")
set(consumer "${SOURCE}/tests/package/consumer")
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")

function(install_bora)
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${folder}/prefix"
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# Makes the Debian package, checks what it says and holds, and unpacks it into ${folder}/root.
function(unpack_deb)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}" -B "${folder}/bora" -G "${GENERATOR}"
                          -D "CMAKE_CXX_COMPILER=${COMPILER}" -D BORA_BUILD_TESTS=OFF -D BORA_BUILD_EXAMPLES=OFF
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  execute_process(COMMAND "${CMAKE_CPACK_COMMAND}" -G DEB --config CPackConfig.cmake
                  WORKING_DIRECTORY "${folder}/bora" OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  set(deb "${folder}/bora/libbora-dev_${VERSION}_all.deb")
  execute_process(COMMAND "${DPKG_DEB}" --field "${deb}" Package Version Architecture Depends
                  OUTPUT_VARIABLE fields COMMAND_ERROR_IS_FATAL ANY)
  if(NOT fields STREQUAL "Package: libbora-dev\nVersion: ${VERSION}\nArchitecture: all\n\
Depends: libhwy-dev (>= 1.0.3), nlohmann-json3-dev\n")
    message(FATAL_ERROR "the package says:\n${fields}")
  endif()
  execute_process(COMMAND "${DPKG_DEB}" --extract "${deb}" "${folder}/root" COMMAND_ERROR_IS_FATAL ANY)
  file(GLOB_RECURSE packed RELATIVE "${folder}/root/usr" "${folder}/root/*")
  file(GLOB_RECURSE expected RELATIVE "${SOURCE}" "${SOURCE}/include/bora/*.hpp")
  list(APPEND expected share/pkgconfig/bora.pc share/doc/libbora-dev/copyright)
  foreach(file IN ITEMS boraConfig boraConfigVersion boraTargets BoraNative BoraKernels BoraPlugins BoraWarnings Findhwy)
    list(APPEND expected share/cmake/bora/${file}.cmake)
  endforeach()
  list(SORT packed)
  list(SORT expected)
  if(NOT packed STREQUAL expected)
    message(FATAL_ERROR "the package holds ${packed}; expected ${expected}")
  endif()
endfunction()

# No flag, no macro: only the standard. Others ask for more: Highway for HWY_SHARED_DEFINE where it is a shared library,
# Threads for -pthread where the C library keeps threads apart, and both dependencies for an older standard.
function(check_forced)
  file(READ "${folder}/build/forced.txt" forced)
  string(REPLACE "HWY_SHARED_DEFINE" "" forced "${forced}")
  string(REPLACE "-pthread" "" forced "${forced}")
  string(REPLACE ";cxx_std_11" "" forced "${forced}")
  if(NOT forced STREQUAL "COMPILE_OPTIONS=\nCOMPILE_DEFINITIONS=\nLINK_OPTIONS=\nCOMPILE_FEATURES=cxx_std_20\n")
    message(FATAL_ERROR "bora::bora forces on its users:\n${forced}")
  endif()
endfunction()

# The consumer gives no build type, and one of its targets no flags of the processor: both are said, once.
function(check_warnings warnings)
  string(REGEX REPLACE "[ \n]+" " " warnings "${warnings}")
  string(REGEX MATCHALL "bora: [^:]* so [^:]*:" found "${warnings}")
  if(NOT found STREQUAL "bora: CMAKE_BUILD_TYPE is empty, so consumer, untargeted will be compiled without optimisation and \
run many times slower:;bora: no flag names the processor for untargeted, so the kernels will use the oldest SIMD or none:")
    message(FATAL_ERROR "while it was configured the consumer was told:\n${warnings}\nthat is: ${found}")
  endif()
endfunction()

function(build_with_cmake)
  execute_process(COMMAND "${CMAKE_COMMAND}" -S "${consumer}" -B "${folder}/build" -G "${GENERATOR}"
                          -D "CMAKE_CXX_COMPILER=${COMPILER}" ${ARGN} COMMAND_ERROR_IS_FATAL ANY ERROR_VARIABLE warnings)
  check_forced()
  check_warnings("${warnings}")
  execute_process(COMMAND "${CMAKE_COMMAND}" --build "${folder}/build" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# build_with_package(prefix ...): find_package must find the one in `prefix`, not another on this machine.
function(build_with_package prefix)
  build_with_cmake(${ARGN} -D BORA_WAY=find_package -D BORA_WANTED=${VERSION} -D "CMAKE_PREFIX_PATH=${prefix}")
  file(STRINGS "${folder}/build/CMakeCache.txt" found REGEX "^bora_DIR:")
  if(NOT found STREQUAL "bora_DIR:PATH=${prefix}/share/cmake/bora")
    message(FATAL_ERROR "find_package found '${found}', expected it in ${prefix}")
  endif()
endfunction()

function(build_with_pkg_config)
  execute_process(COMMAND "${CMAKE_COMMAND}" -E env "PKG_CONFIG_PATH=${folder}/prefix/share/pkgconfig"
                          "${PKG_CONFIG}" --cflags --libs "bora = ${VERSION}"
                  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX REPLACE "-I[^ ]*|-L[^ ]*|-lhwy|-pthread|-DHWY_SHARED_DEFINE| " "" forced "${flags}")
  if(forced)
    message(FATAL_ERROR "bora.pc forces on its users: ${forced}")
  endif()
  separate_arguments(flags UNIX_COMMAND "${flags}")
  file(MAKE_DIRECTORY "${folder}/build")
  execute_process(COMMAND "${COMPILER}" -std=c++20 "${SOURCE}/tests/package/whole_way.cpp" ${flags} -o "${folder}/build/consumer"
                  COMMAND_ERROR_IS_FATAL ANY)
endfunction()

if(WAY STREQUAL "find_package")
  install_bora()
  build_with_package("${folder}/prefix")
elseif(WAY STREQUAL "deb")
  unpack_deb()
  build_with_package("${folder}/root/usr" -D BORA_BRIEFLY=ON)
elseif(WAY STREQUAL "pkg_config")
  install_bora()
  build_with_pkg_config()
else()
  build_with_cmake(-D BORA_WAY=${WAY} -D "BORA_SOURCE=${SOURCE}" -D BORA_BRIEFLY=ON)
endif()

execute_process(COMMAND "${folder}/build/consumer" "${folder}/model" OUTPUT_VARIABLE printed
                COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed STREQUAL "the whole way\n")
  message(FATAL_ERROR "the consumer printed '${printed}'")
endif()
message(STATUS "${WAY}: ${printed}")

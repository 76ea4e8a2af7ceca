# bora_native(<target>): compile a program's sources for the machine it is built on.
#
# Without a flag, g++ gives Highway one lane and clang gives it SSE2. -march=x86-64-v3 is not enough for AVX2 either:
# Highway wants AES and PCLMUL beside it, and -march=native names them where the processor has them. Every source of
# a program that includes bora must get the same flags, so call this for each target of the program.
include_guard(GLOBAL)
include(CheckCXXCompilerFlag)

function(bora_native target)
  if(CMAKE_CROSSCOMPILING)
    message(WARNING "bora_native(${target}): this machine is not the one the program will run on; no flag added")
    return()
  endif()
  get_target_property(type ${target} TYPE)
  set(scope PRIVATE)
  if(type STREQUAL "INTERFACE_LIBRARY")
    set(scope INTERFACE)
  endif()
  foreach(flag IN ITEMS -march=native -mcpu=native)  # x86 and most of ARM; the other compilers for ARM
    string(MAKE_C_IDENTIFIER "BORA_CXX_ACCEPTS${flag}" accepted)
    check_cxx_compiler_flag(${flag} ${accepted})
    if(${accepted})
      target_compile_options(${target} ${scope} $<$<COMPILE_LANGUAGE:CXX>:${flag}>)
      return()
    endif()
  endforeach()
  message(WARNING "bora_native(${target}): ${CMAKE_CXX_COMPILER_ID} accepts neither -march=native nor -mcpu=native")
endfunction()

# Two sets of flags that make a backend or a compiler choose other code must give the library's namespace another name:
#   cmake -D COMPILERS=… -D BACKENDS=… -D INCLUDES=… -D SOURCE=target_names.txt -P target_names.cmake
list(TRANSFORM INCLUDES PREPEND -I)

# made_by(<result> <compiler> flags...): "<name> <what the backend makes of the flags>", or nothing where they are not accepted.
function(made_by result compiler)
  execute_process(COMMAND "${compiler}" -std=c++20 -x c++ -E -P ${ARGN} ${INCLUDES} "${SOURCE}"
                  RESULT_VARIABLE status OUTPUT_VARIABLE text ERROR_QUIET)
  set(${result} "" PARENT_SCOPE)
  if(status EQUAL 0 AND text MATCHES "(v[0-9]+_[0-9a-zA-Z_]+) made ([^\n]+)\n*$")
    set(${result} "${CMAKE_MATCH_1} ${CMAKE_MATCH_2}" PARENT_SCOPE)
  endif()
endfunction()

# look(<compiler> flags...): adds 1 to `kinds` for a name that was not met before.
macro(look compiler)
  made_by(made "${compiler}" ${ARGN})
  if(made MATCHES "^([^ ]+) (.*)$")
    set(name "${CMAKE_MATCH_1}")
    set(code "${CMAKE_MATCH_2}")
    message(STATUS "${compiler} ${ARGN}: ${name}: ${code}")
    if(NOT DEFINED code_of_${name})
      set(code_of_${name} "${code}")
      math(EXPR kinds "${kinds} + 1")
    elseif(NOT code STREQUAL code_of_${name})
      message(SEND_ERROR "${name} is both '${code_of_${name}}' and, for ${compiler} ${ARGN}, '${code}'")
    endif()
  endif()
endmacro()

foreach(backend IN LISTS BACKENDS)
  set(kinds 0)
  foreach(compiler IN LISTS COMPILERS)
    foreach(march IN ITEMS x86-64 core2 x86-64-v2 x86-64-v3 haswell znver3 knl x86-64-v4 skylake-avx512 icelake-server
                           cooperlake sapphirerapids)
      look("${compiler}" -DBORA_BACKEND_${backend} -march=${march})
    endforeach()
  endforeach()
  if(kinds LESS 5)
    message(SEND_ERROR "${backend}: only ${kinds} targets could be looked at")
  endif()
endforeach()

# Flags of arithmetic, each of which must have a name of its own. Only g++ says that it may reorder sums.
foreach(compiler IN LISTS COMPILERS)
  set(names)
  foreach(flags IN ITEMS "-O1" "-ffast-math" "-ffinite-math-only" "-funsafe-math-optimizations"
                         "-ffinite-math-only;-funsafe-math-optimizations")
    made_by(made "${compiler}" ${flags})
    string(REGEX REPLACE " .*" "" name "${made}")
    message(STATUS "${compiler} ${flags}: ${name}")
    execute_process(COMMAND "${compiler}" -x c++ -E -dM ${flags} /dev/null OUTPUT_VARIABLE macros)
    if(flags MATCHES "unsafe" AND NOT macros MATCHES "__ASSOCIATIVE_MATH__")
      continue()
    endif()
    list(FIND names "${name}" known)
    if(name STREQUAL "" OR NOT known EQUAL -1)
      message(SEND_ERROR "${compiler} ${flags}: the name is '${name}', expected one that no other flags have")
    endif()
    list(APPEND names "${name}")
  endforeach()
endforeach()

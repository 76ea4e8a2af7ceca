# Compiles the halves with FLAGS_A and FLAGS_B, and links them in the ways described in CMakeLists.txt:
#   cmake -D NAME=… -D FLAGS_A=… -D FLAGS_B=… -D COMPILER=… -D SOURCES=… -D INCLUDES=… -D LIBRARY=… -D NM=… -D FOLDER=… -P …
# The case named `same` is the control: its flags do not differ.
file(REMOVE_RECURSE "${FOLDER}")
file(MAKE_DIRECTORY "${FOLDER}")
list(TRANSFORM INCLUDES PREPEND -I)

# compile(<object> <source> flags...): the flags come first, so that their include folders do.
function(compile object source)
  execute_process(COMMAND "${COMPILER}" -std=c++20 -O1 ${ARGN} ${INCLUDES} -c "${SOURCES}/${source}" -o "${object}.o"
                  WORKING_DIRECTORY "${FOLDER}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

# link(<program> "<macros of main>" objects...): sets `status` and `errors`.
macro(link program macros)
  compile(main_${program} main.cpp ${macros})
  set(objects ${ARGN})
  list(TRANSFORM objects APPEND .o)
  execute_process(COMMAND "${COMPILER}" main_${program}.o ${objects} "${LIBRARY}" -pthread -o ${program}
                  WORKING_DIRECTORY "${FOLDER}" RESULT_VARIABLE status ERROR_VARIABLE errors)
endmacro()

function(run result program)
  execute_process(COMMAND "${FOLDER}/${program}" OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
  set(${result} "${printed}" PARENT_SCOPE)
endfunction()

# What the linker would keep one of for both: functions of the library that each object brings along. Types of errors are
# shared on purpose.
function(shared_functions result)
  foreach(half IN ITEMS 1 2)
    execute_process(COMMAND "${NM}" -C --defined-only half_${half}.o WORKING_DIRECTORY "${FOLDER}"
                    OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
    string(REPLACE ";" "," symbols "${symbols}")
    string(REGEX MATCHALL "[0-9a-f]+ [WVu] [^\n]*(bora|Tiny)[^\n]*" symbols_${half} "${symbols}")
    list(TRANSFORM symbols_${half} REPLACE "^[0-9a-f]+ . " "")
    list(FILTER symbols_${half} EXCLUDE REGEX "^([a-z ]+ for )?bora::[A-Z][A-Za-z]*($|::)")
  endforeach()
  set(both ${symbols_1})
  set(first_only ${symbols_1})
  list(REMOVE_ITEM first_only ${symbols_2})
  list(REMOVE_ITEM both ${first_only})
  set(${result} "${both}" PARENT_SCOPE)
endfunction()

compile(half_1 half.cpp -DHALF=1 ${FLAGS_A})
compile(half_2 half.cpp -DHALF=2 ${FLAGS_B})
compile(crossing crossing.cpp ${FLAGS_A})

# Where a type crosses.
link(crossed "-DHALF_1;-DHALF_2;-DCROSSING" half_1 half_2 crossing)
if(NAME STREQUAL "same")
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "halves with the same flags do not link:\n${errors}")
  endif()
elseif(status EQUAL 0)
  message(FATAL_ERROR "halves that differ in '${FLAGS_B}' link although one uses the other's type")
elseif(NOT errors MATCHES "undefined (reference|symbol).*weight_bytes")
  message(FATAL_ERROR "the link failed for another reason than weight_bytes:\n${errors}")
endif()

# Errors do cross: in one program, and out of a shared library that hides what it can.
compile(throwing throwing.cpp -fPIC -fvisibility=hidden ${FLAGS_B})
compile(catching catching.cpp ${FLAGS_A})
foreach(way IN ITEMS throwing.o "-shared;throwing.o")
  if(way MATCHES "shared")
    execute_process(COMMAND "${COMPILER}" ${way} -pthread -o libthrowing.so WORKING_DIRECTORY "${FOLDER}"
                    COMMAND_ERROR_IS_FATAL ANY)
    set(way "${FOLDER}/libthrowing.so")
  endif()
  execute_process(COMMAND "${COMPILER}" catching.o ${way} -pthread -o catching WORKING_DIRECTORY "${FOLDER}"
                  COMMAND_ERROR_IS_FATAL ANY)
  run(missed catching)
endforeach()

# Where nothing crosses: each half does in one program what it does alone.
link(together "-DHALF_1;-DHALF_2" half_1 half_2)
link(alone_1 "-DHALF_1" half_1)
link(alone_2 "-DHALF_2" half_2)
run(together together)
run(alone_1 alone_1)
run(alone_2 alone_2)
message(STATUS "\n${together}")
if(NOT together STREQUAL "${alone_1}${alone_2}")
  message(FATAL_ERROR "alone the halves print:\n${alone_1}${alone_2}")
endif()
shared_functions(shared)
list(LENGTH shared count)
if(NAME STREQUAL "same" AND count EQUAL 0)
  message(FATAL_ERROR "halves with the same flags share nothing: the symbols are read wrongly")
elseif(NOT NAME STREQUAL "same" AND NOT count EQUAL 0)
  message(FATAL_ERROR "halves that differ in '${FLAGS_B}' share ${count} functions, such as: ${shared}")
endif()
message(STATUS "${count} functions shared")

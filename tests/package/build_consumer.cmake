# Builds and runs the consumer: cmake -D WAY=… -D SOURCE=… -D BUILD=… -D VERSION=… -D GENERATOR=… -D COMPILER=… -P …
set(folder "${BUILD}/package/${WAY}")
file(REMOVE_RECURSE "${folder}")
file(MAKE_DIRECTORY "${folder}")

set(arguments -D BORA_WAY=${WAY})
if(WAY STREQUAL "find_package")
  execute_process(COMMAND "${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${folder}/prefix"
                  OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
  list(APPEND arguments -D BORA_WANTED=${VERSION} -D "CMAKE_PREFIX_PATH=${folder}/prefix")
else()
  list(APPEND arguments -D "BORA_SOURCE=${SOURCE}")
endif()

execute_process(COMMAND "${CMAKE_COMMAND}" -S "${SOURCE}/tests/package" -B "${folder}/build" -G "${GENERATOR}"
                        -D "CMAKE_CXX_COMPILER=${COMPILER}" ${arguments} COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${CMAKE_COMMAND}" --build "${folder}/build" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${folder}/build/consumer" OUTPUT_VARIABLE printed COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed MATCHES "^parameters: [1-9][0-9]*\n$")
  message(FATAL_ERROR "the consumer printed '${printed}'")
endif()
message(STATUS "${WAY}: ${printed}")

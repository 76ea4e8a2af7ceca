# bora_plugins(<target>): a program that opens checkpoints of any shape (bora/any/plugin.hpp). It is told where the
# headers of this build are, and links what loads shared libraries.
include_guard(GLOBAL)

function(bora_plugins target)
  target_link_libraries(${target} PRIVATE ${CMAKE_DL_LIBS})
  set(flags)
  foreach(library IN ITEMS hwy::hwy nlohmann_json::nlohmann_json)
    get_target_property(folders ${library} INTERFACE_INCLUDE_DIRECTORIES)
    foreach(folder IN LISTS folders)
      if(IS_DIRECTORY "${folder}" AND NOT folder STREQUAL "/usr/include")
        string(APPEND flags " -isystem ${folder}")
      endif()
    endforeach()
  endforeach()
  target_compile_definitions(${target} PRIVATE
    "BORA_INCLUDE_FOLDERS=\"$<JOIN:$<TARGET_PROPERTY:bora::bora,INTERFACE_INCLUDE_DIRECTORIES>,:>\""
    "BORA_PLUGIN_FLAGS=\"${flags}\"")
endfunction()

# find_package(bora) gives the target bora::bora and the functions bora_native(<target>),
# bora_kernels(<target>...), bora_files(<target>...), bora_dispatch(<target>...) and bora_plugins(<target>).
include(CMakeFindDependencyMacro)
find_dependency(Threads)
if(NOT TARGET nlohmann_json::nlohmann_json)
  find_dependency(nlohmann_json)
endif()
if(NOT TARGET hwy::hwy)
  list(PREPEND CMAKE_MODULE_PATH "${CMAKE_CURRENT_LIST_DIR}")  # Findhwy.cmake
  find_dependency(hwy 1.0.3)
  list(POP_FRONT CMAKE_MODULE_PATH)
endif()
include("${CMAKE_CURRENT_LIST_DIR}/boraTargets.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/BoraNative.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/BoraKernels.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/BoraPlugins.cmake")
include("${CMAKE_CURRENT_LIST_DIR}/BoraWarnings.cmake")

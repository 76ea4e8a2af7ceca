# Install rules: the headers, the CMake package, the pkg-config file, the licence. And a Debian package of the same:
#
#   cmake --install build --prefix /opt/bora
#   cpack --config build/CPackConfig.cmake     build/libbora-dev_<version>_all.deb
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(package_dir "${CMAKE_INSTALL_DATADIR}/cmake/bora")
set(pkg_config_dir "${CMAKE_INSTALL_DATADIR}/pkgconfig")

# The file finds the headers from where it lies itself, so that the tree may be installed, unpacked or moved anywhere.
file(RELATIVE_PATH pkg_config_to_headers "${CMAKE_INSTALL_FULL_DATADIR}/pkgconfig" "${CMAKE_INSTALL_FULL_INCLUDEDIR}")
configure_file("${CMAKE_CURRENT_LIST_DIR}/bora.pc.in" "${PROJECT_BINARY_DIR}/bora.pc" @ONLY)
write_basic_package_version_file(boraConfigVersion.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)

install(TARGETS bora EXPORT boraTargets FILE_SET HEADERS COMPONENT bora)
install(EXPORT boraTargets NAMESPACE bora:: DESTINATION "${package_dir}" COMPONENT bora)
install(FILES "${CMAKE_CURRENT_LIST_DIR}/boraConfig.cmake" "${CMAKE_CURRENT_LIST_DIR}/BoraNative.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/BoraKernels.cmake" "${CMAKE_CURRENT_LIST_DIR}/BoraPlugins.cmake" "${CMAKE_CURRENT_LIST_DIR}/BoraWarnings.cmake"
              "${CMAKE_CURRENT_LIST_DIR}/Findhwy.cmake" "${PROJECT_BINARY_DIR}/boraConfigVersion.cmake"
        DESTINATION "${package_dir}" COMPONENT bora)
install(FILES "${PROJECT_BINARY_DIR}/bora.pc" DESTINATION "${pkg_config_dir}" COMPONENT bora)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libbora-dev" RENAME copyright
        COMPONENT bora)

if(PROJECT_IS_TOP_LEVEL)
  set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)  # headers are installed, and packed, without building tests first
  set(CPACK_GENERATOR DEB)
  set(CPACK_PACKAGE_DIRECTORY "${PROJECT_BINARY_DIR}")  # wherever cpack is called: nothing is left in the clone
  set(CPACK_COMPONENTS_ALL bora)
  if(BORA_BUILD_EXAMPLES)
    list(APPEND CPACK_COMPONENTS_ALL command)  # examples/CMakeLists.txt installs the program
  endif()
  set(CPACK_DEBIAN_COMMAND_PACKAGE_NAME bora)
  set(CPACK_DEBIAN_COMMAND_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_COMMAND_PACKAGE_DEPENDS "libbora-dev (>= ${PROJECT_VERSION}), g++ | clang, libhwy-dev")
  set(CPACK_COMPONENT_COMMAND_DESCRIPTION "Runs, measures and converts language models; compiles one for each shape.")
  set(CPACK_PACKAGE_NAME bora)
  set(CPACK_PACKAGE_VENDOR "The bora authors")
  set(CPACK_PACKAGE_CONTACT "The bora authors")
  set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
  set(CPACK_DEB_COMPONENT_INSTALL ON)
  set(CPACK_DEBIAN_BORA_PACKAGE_NAME libbora-dev)
  set(CPACK_DEBIAN_BORA_FILE_NAME DEB-DEFAULT)
  set(CPACK_DEBIAN_BORA_PACKAGE_ARCHITECTURE all)
  set(CPACK_DEBIAN_BORA_PACKAGE_SECTION libdevel)
  set(CPACK_DEBIAN_BORA_PACKAGE_DEPENDS "libhwy-dev (>= 1.0.3), nlohmann-json3-dev")
  set(CPACK_COMPONENT_BORA_DESCRIPTION "A header-only library that loads, runs and trains decoder-only language models.")
  set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                                                  WORLD_READ WORLD_EXECUTE)
  include(CPack)
endif()

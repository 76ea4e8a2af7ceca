# Highway as hwy::hwy: its own CMake package where there is one (Debian 12 and later), else the header and the library.
# Installed beside boraConfig.cmake, so that both find it the same way.
find_package(hwy CONFIG QUIET)
include(FindPackageHandleStandardArgs)
if(TARGET hwy::hwy)
  find_package_handle_standard_args(hwy REQUIRED_VARS hwy_CONFIG VERSION_VAR hwy_VERSION)
  return()
endif()

find_path(hwy_INCLUDE_DIR hwy/highway.h)
find_library(hwy_LIBRARY hwy)
mark_as_advanced(hwy_INCLUDE_DIR hwy_LIBRARY)
if(hwy_INCLUDE_DIR)  # the version stands in base.h, and stood in highway.h
  set(hwy_version_lines)
  foreach(header IN ITEMS highway.h base.h)
    file(STRINGS "${hwy_INCLUDE_DIR}/hwy/${header}" found REGEX "^#define HWY_(MAJOR|MINOR|PATCH) +[0-9]+")
    list(APPEND hwy_version_lines ${found})
  endforeach()
  string(REGEX REPLACE "[^0-9;]" "" hwy_VERSION "${hwy_version_lines}")
  list(JOIN hwy_VERSION "." hwy_VERSION)
endif()
find_package_handle_standard_args(hwy REQUIRED_VARS hwy_LIBRARY hwy_INCLUDE_DIR VERSION_VAR hwy_VERSION
                                  REASON_FAILURE_MESSAGE "bora needs Highway (Debian: libhwy-dev)")
if(hwy_FOUND)
  add_library(hwy::hwy UNKNOWN IMPORTED)
  set_target_properties(hwy::hwy PROPERTIES IMPORTED_LOCATION "${hwy_LIBRARY}"
                                            INTERFACE_INCLUDE_DIRECTORIES "${hwy_INCLUDE_DIR}")
endif()

# SPDX-License-Identifier: MIT
# Sets TOFU_VERSION from include/tofu/version.h, which is the only place that states the version.
set(version_header "${CMAKE_CURRENT_SOURCE_DIR}/include/tofu/version.h")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${version_header}")
file(STRINGS "${version_header}" version_lines REGEX "^#define TOFU_VERSION")

foreach(part IN ITEMS MAJOR MINOR PATCH)
  if(NOT version_lines MATCHES "TOFU_VERSION_${part} +([0-9]+)")
    message(FATAL_ERROR "${version_header} states no TOFU_VERSION_${part}")
  endif()
  set(version_${part} "${CMAKE_MATCH_1}")
endforeach()
set(TOFU_VERSION "${version_MAJOR}.${version_MINOR}.${version_PATCH}")

if(NOT version_lines MATCHES "TOFU_VERSION +\"([0-9.]+)\"" OR NOT CMAKE_MATCH_1 STREQUAL TOFU_VERSION)
  message(FATAL_ERROR "TOFU_VERSION in ${version_header} is not ${TOFU_VERSION}, as its parts say")
endif()

# SPDX-License-Identifier: MIT
# What `cmake --install` puts where: headers, both libraries, tofu.pc and the CMake package.
#
# Everything finds its neighbours by relative paths, so an installed tree can be moved as a whole.
include(CMakePackageConfigHelpers)

install(
  DIRECTORY "${PROJECT_SOURCE_DIR}/include/tofu"
  DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
  FILES_MATCHING
  PATTERN "*.h")
install(
  TARGETS tofu_shared tofu_static
  EXPORT tofu-targets
  ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
  RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

# pkg-config knows the folder of tofu.pc; from there it is this far to the prefix.
set(package_config_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}" OR IS_ABSOLUTE "${CMAKE_INSTALL_INCLUDEDIR}")
  set(package_config_prefix "${CMAKE_INSTALL_PREFIX}")
else()
  file(RELATIVE_PATH prefix_from_package_config "/prefix/${package_config_dir}" "/prefix")
  string(REGEX REPLACE "/$" "" prefix_from_package_config "${prefix_from_package_config}")
  set(package_config_prefix "\${pcfiledir}/${prefix_from_package_config}")
endif()
cmake_path(
  APPEND package_config_includedir "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
cmake_path(APPEND package_config_libdir "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
configure_file(cmake/tofu.pc.in tofu.pc @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/tofu.pc" DESTINATION "${package_config_dir}")

set(cmake_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/tofu")
configure_package_config_file(
  cmake/tofu-config.cmake.in tofu-config.cmake
  INSTALL_DESTINATION "${cmake_package_dir}"
  NO_SET_AND_CHECK_MACRO)
# Before 1.0 a minor version may change the interface.
write_basic_package_version_file(tofu-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/tofu-config.cmake"
              "${PROJECT_BINARY_DIR}/tofu-config-version.cmake" DESTINATION "${cmake_package_dir}")
install(
  EXPORT tofu-targets
  NAMESPACE tofu::
  DESTINATION "${cmake_package_dir}")

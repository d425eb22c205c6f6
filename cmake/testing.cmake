# SPDX-License-Identifier: MIT
# How a test joins the build.
if(TOFU_TESTS)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# tofu_add_test(NAME name SOURCES file... [LIBRARIES target...] [LABELS label...] [TIMEOUT seconds]
#               [ENVIRONMENT NAME=value...] [ARGUMENTS argument...])
#
# Adds a cmocka program and a CTest test, both called `name`. Sources may include "support/..." from
# tests/. The program ends with 0 on success and with 77 if it is skipped as a whole; the deadline is
# 60 seconds unless TIMEOUT says otherwise, four times that under a sanitizer. Link tf_internal to
# see inside the library, tofu::tofu to see what users see.
function(tofu_add_test)
  cmake_parse_arguments(
    PARSE_ARGV 0 test "" "NAME;TIMEOUT" "SOURCES;LIBRARIES;LABELS;ENVIRONMENT;ARGUMENTS")
  if(test_UNPARSED_ARGUMENTS OR NOT test_NAME OR NOT test_SOURCES)
    message(FATAL_ERROR "tofu_add_test: bad arguments: ${ARGV}")
  endif()
  if(NOT test_TIMEOUT)
    set(test_TIMEOUT 60)
  endif()
  if(TOFU_SANITIZE)
    math(EXPR test_TIMEOUT "4 * ${test_TIMEOUT}")
  endif()

  add_executable(${test_NAME} ${test_SOURCES})
  target_include_directories(${test_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${test_NAME} PRIVATE ${TOFU_OS_DEFINITIONS})
  target_link_libraries(
    ${test_NAME} PRIVATE ${test_LIBRARIES} PkgConfig::CMOCKA Threads::Threads tofu::warnings)

  add_test(NAME ${test_NAME} COMMAND ${test_NAME} ${test_ARGUMENTS})
  set_tests_properties(
    ${test_NAME}
    PROPERTIES
      TIMEOUT "${test_TIMEOUT}"
      LABELS "${test_LABELS}"
      ENVIRONMENT "${test_ENVIRONMENT}"
      SKIP_RETURN_CODE 77)
endfunction()

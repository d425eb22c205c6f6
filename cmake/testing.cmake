# SPDX-License-Identifier: MIT
# How a test joins the build.
if(TOFU_TESTS)
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
endif()

# tofu_register_test(NAME name COMMAND command... [EACH_POLLER] [LABELS label...] [TIMEOUT seconds]
#                    [ENVIRONMENT NAME=value...])
#
# Adds a CTest test, or with EACH_POLLER one for each poller of the platform, called `name_epoll` and so
# on, which finds the poller's name in TOFU_POLLER. A test ends with 0 on success and with 77 if it is
# skipped as a whole; the deadline is 60 seconds unless TIMEOUT says otherwise, four times that under a
# sanitizer or an emulator.
function(tofu_register_test)
  cmake_parse_arguments(
    PARSE_ARGV 0 test "EACH_POLLER" "NAME;TIMEOUT" "COMMAND;LABELS;ENVIRONMENT")
  if(test_UNPARSED_ARGUMENTS OR NOT test_NAME OR NOT test_COMMAND)
    message(FATAL_ERROR "tofu_register_test: bad arguments: ${ARGV}")
  endif()
  if(NOT test_TIMEOUT)
    set(test_TIMEOUT 60)
  endif()
  if(TOFU_SANITIZE OR CMAKE_CROSSCOMPILING_EMULATOR)
    math(EXPR test_TIMEOUT "4 * ${test_TIMEOUT}")
  endif()

  # A test that fails has said something before.
  list(GET test_COMMAND 0 program)
  if(CMAKE_CROSSCOMPILING_EMULATOR AND TARGET "${program}")
    set_property(
      TARGET "${program}" PROPERTY CROSSCOMPILING_EMULATOR "${CMAKE_CROSSCOMPILING_EMULATOR}"
                                   --again)
  endif()

  set(pollers any)
  if(test_EACH_POLLER)
    set(pollers ${TOFU_POLLERS})
  endif()
  foreach(poller IN LISTS pollers)
    set(name ${test_NAME})
    set(environment ${test_ENVIRONMENT})
    if(test_EACH_POLLER)
      string(APPEND name "_${poller}")
      list(APPEND environment "TOFU_POLLER=${poller}")
    endif()
    add_test(NAME ${name} COMMAND ${test_COMMAND})
    set_tests_properties(
      ${name}
      PROPERTIES
        TIMEOUT "${test_TIMEOUT}"
        LABELS "${test_LABELS}"
        ENVIRONMENT "${environment}"
        SKIP_RETURN_CODE 77)
  endforeach()
endfunction()

# tofu_add_test(NAME name SOURCES file... [LIBRARIES target...] [ARGUMENTS argument...]
#               [EACH_POLLER] [LABELS...] [TIMEOUT...] [ENVIRONMENT...])
#
# Adds a cmocka program called `name`, and tofu_register_test() of it. Sources may include "support/..."
# from tests/. Link tf_internal to see inside the library, tofu::tofu to see what users see.
function(tofu_add_test)
  cmake_parse_arguments(
    PARSE_ARGV 0 test "EACH_POLLER" "NAME;TIMEOUT"
    "SOURCES;LIBRARIES;LABELS;ENVIRONMENT;ARGUMENTS")
  if(test_UNPARSED_ARGUMENTS OR NOT test_NAME OR NOT test_SOURCES)
    message(FATAL_ERROR "tofu_add_test: bad arguments: ${ARGV}")
  endif()

  add_executable(${test_NAME} ${test_SOURCES})
  target_include_directories(${test_NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(${test_NAME} PRIVATE ${TOFU_OS_DEFINITIONS})
  target_link_libraries(
    ${test_NAME} PRIVATE ${test_LIBRARIES} PkgConfig::CMOCKA ${TOFU_OS_LIBRARIES} tofu::warnings)

  set(each_poller "")
  if(test_EACH_POLLER)
    set(each_poller EACH_POLLER)
  endif()
  tofu_register_test(
    NAME ${test_NAME}
    COMMAND ${test_NAME} ${test_ARGUMENTS}
    ${each_poller}
    LABELS ${test_LABELS}
    TIMEOUT "${test_TIMEOUT}"
    ENVIRONMENT ${test_ENVIRONMENT})
endfunction()

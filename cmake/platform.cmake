# SPDX-License-Identifier: MIT
# The only place that asks which OS this is: the folders of src/os to build, and what their system
# headers want to see defined.
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(TOFU_OS_FOLDERS posix linux)
  set(TOFU_OS_DEFINITIONS _GNU_SOURCE)
else()
  message(FATAL_ERROR "tofu has no src/os for ${CMAKE_SYSTEM_NAME}")
endif()

set(THREADS_PREFER_PTHREAD_FLAG OFF)
find_package(Threads REQUIRED)

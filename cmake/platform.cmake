# SPDX-License-Identifier: MIT
# The only place that asks which OS this is.
#
#   TOFU_OS_FOLDERS       the folders of src/os to build
#   TOFU_OS_DEFINITIONS   what their system headers want to see defined
#   TOFU_OS_LIBRARIES     what they need of the system
#   TOFU_POLLERS          the names of tf_pollers[], best first: tests run once with each
#   TOFU_LOOPS            the event loops that recipes/descriptor_*.c show how to join
#   TOFU_POSIX_THREADS    what a recipe links for its threads
#   TOFU_LABS             the folders of lab/ that it can run
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(TOFU_OS_FOLDERS posix linux)
  set(TOFU_OS_DEFINITIONS _GNU_SOURCE)
  set(TOFU_OS_LIBRARIES Threads::Threads)
  set(TOFU_POLLERS epoll poll)
  set(TOFU_LOOPS epoll libuv)
  set(TOFU_POSIX_THREADS Threads::Threads)
  set(TOFU_LABS)
  set(THREADS_PREFER_PTHREAD_FLAG OFF)
  find_package(Threads REQUIRED)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  set(TOFU_OS_FOLDERS windows)
  set(TOFU_OS_DEFINITIONS _WIN32_WINNT=0x0A00 WIN32_LEAN_AND_MEAN)
  set(TOFU_OS_LIBRARIES ws2_32 synchronization)
  set(TOFU_POLLERS afd)
  set(TOFU_LOOPS windows)
  set(TOFU_LABS windows)
  if(MINGW)
    # In the program itself, so that it needs no library beside it.
    set(TOFU_POSIX_THREADS -Wl,-Bstatic winpthread -Wl,-Bdynamic)
    # printf as C11 has it, and not as Windows' old C library does; the compiler is to check it as such.
    add_compile_definitions(__USE_MINGW_ANSI_STDIO=1 __printf__=__gnu_printf__)
  endif()
else()
  message(FATAL_ERROR "tofu has no src/os for ${CMAKE_SYSTEM_NAME}")
endif()

# SPDX-License-Identifier: MIT
# The only place that asks which OS this is.
#
#   TOFU_OS_FOLDERS       the folders of src/os to build
#   TOFU_OS_DEFINITIONS   what their system headers want to see defined
#   TOFU_OS_LIBRARIES     what they need of the system
#   TOFU_OS_PKG_CONFIG    the same for who links the static library by pkg-config
#   TOFU_OS_PACKAGES      the packages that TOFU_OS_LIBRARIES are targets of
#   TOFU_POLLERS          the names of tf_pollers[], best first: tests run once with each
#   TOFU_LOOPS            the event loops that recipes/descriptor_*.c show how to join
#   TOFU_POSIX_THREADS    what a recipe links for its threads
#   TOFU_LABS             the folders of lab/ that it can run
#   TOFU_LINK_OPTIONS     how the shared library is linked
#   TOFU_OBJECTS_EXPORT   ON where an object says by itself what a shared library exports, so that the
#                         static one needs objects of its own
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  set(TOFU_OS_FOLDERS posix linux)
  set(TOFU_OS_DEFINITIONS _GNU_SOURCE)
  set(TOFU_OS_LIBRARIES Threads::Threads)
  set(TOFU_OS_PKG_CONFIG -pthread)
  set(TOFU_OS_PACKAGES Threads)
  set(TOFU_POLLERS epoll poll)
  set(TOFU_LOOPS epoll libuv)
  set(TOFU_POSIX_THREADS Threads::Threads)
  set(TOFU_LABS)
  set(TOFU_OBJECTS_EXPORT OFF)
  # A name that nobody defines is our mistake, not the user's. Sanitizers leave theirs open on purpose.
  if(NOT TOFU_SANITIZE)
    set(TOFU_LINK_OPTIONS LINKER:-z,defs)
  endif()
  set(THREADS_PREFER_PTHREAD_FLAG OFF)
  find_package(Threads REQUIRED)
elseif(CMAKE_SYSTEM_NAME STREQUAL "Windows")
  set(TOFU_OS_FOLDERS windows)
  # Declared up to version 1703; whether what is newer than the first is there, is asked at run time.
  set(TOFU_OS_DEFINITIONS _WIN32_WINNT=0x0A00 NTDDI_VERSION=0x0A000003 WIN32_LEAN_AND_MEAN)
  set(TOFU_OS_LIBRARIES ws2_32 synchronization)
  set(TOFU_OS_PKG_CONFIG "-lws2_32 -lsynchronization")
  set(TOFU_OS_PACKAGES "")
  set(TOFU_POLLERS afd)
  set(TOFU_LOOPS windows libuv_windows)
  set(TOFU_LABS windows)
  set(TOFU_OBJECTS_EXPORT ON)
  set(CMAKE_SHARED_LIBRARY_PREFIX "")
  if(MINGW)
    # In the program itself, so that it needs no library beside it.
    set(TOFU_POSIX_THREADS -Wl,-Bstatic winpthread -Wl,-Bdynamic)
    # Nothing that the compiler needs is to be a library beside ours.
    set(TOFU_LINK_OPTIONS -static-libgcc)
    # printf as C11 has it, and not as Windows' old C library does; the compiler is to check it as such.
    add_compile_definitions(__USE_MINGW_ANSI_STDIO=1 __printf__=__gnu_printf__)
  endif()
else()
  message(FATAL_ERROR "tofu has no src/os for ${CMAKE_SYSTEM_NAME}")
endif()

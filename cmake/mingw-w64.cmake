# SPDX-License-Identifier: MIT
# Toolchain: Windows on x86_64, cross-built with mingw-w64, tried out under Wine.
#
# The compiler with Windows' own threads is named, because the other one needs a library at run time.
# Libraries of others come from build/windows-deps, where scripts/windows_libraries puts them.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_PROCESSOR x86_64)

set(mingw x86_64-w64-mingw32)
set(CMAKE_C_COMPILER ${mingw}-gcc-win32)
set(CMAKE_CXX_COMPILER ${mingw}-g++-win32)
set(CMAKE_RC_COMPILER ${mingw}-windres)

get_filename_component(source_folder "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
set(windows_prefix "${source_folder}/build/windows-deps/prefix")
list(APPEND CMAKE_FIND_ROOT_PATH "/usr/${mingw}" "${windows_prefix}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# pkg-config must not find what this machine has for itself.
set(ENV{PKG_CONFIG_LIBDIR} "${windows_prefix}/lib/pkgconfig")
set(ENV{PKG_CONFIG_PATH} "")

set(CMAKE_CROSSCOMPILING_EMULATOR "${source_folder}/scripts/wine-run")

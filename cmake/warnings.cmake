# SPDX-License-Identifier: MIT
# Strict warnings per compiler, as the target tofu_warnings, which is linked privately.
add_library(tofu_warnings INTERFACE)
add_library(tofu::warnings ALIAS tofu_warnings)

if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(
    tofu_warnings
    INTERFACE
      -Wall
      -Wextra
      -Wpedantic
      -Wshadow
      -Wconversion
      -Wstrict-prototypes
      -Wmissing-prototypes
      -Wcast-qual
      -Wwrite-strings
      -Wvla
      -Wundef
      $<$<BOOL:${TOFU_WERROR}>:-Werror>)
elseif(MSVC)
  target_compile_options(tofu_warnings INTERFACE /W4 $<$<BOOL:${TOFU_WERROR}>:/WX>)
endif()

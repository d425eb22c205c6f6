# SPDX-License-Identifier: MIT
# Sanitizers for everything in the build: half a program under a sanitizer reports nonsense.
if(TOFU_SANITIZE)
  add_compile_options(
    -fsanitize=${TOFU_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${TOFU_SANITIZE})
endif()

// SPDX-License-Identifier: MIT
// How a name leaves the library, and how it looks to C++. The only header that asks for a compiler.
#ifndef TOFU_EXPORT_H
#define TOFU_EXPORT_H

#if defined(TOFU_STATIC)
#    define TOFU_API
#elif defined(_WIN32) && defined(TOFU_BUILDING)
#    define TOFU_API __declspec(dllexport)
#elif defined(_WIN32)
#    define TOFU_API __declspec(dllimport)
#else
#    define TOFU_API __attribute__((visibility("default")))
#endif

// A status that nobody looks at hides a message that was not taken.
#if defined(__cplusplus) && __cplusplus >= 201703L
#    define TOFU_NODISCARD [[nodiscard]]
#elif defined(__GNUC__) || defined(__clang__)
#    define TOFU_NODISCARD __attribute__((warn_unused_result))
#elif defined(_MSC_VER)
#    define TOFU_NODISCARD _Check_return_
#else
#    define TOFU_NODISCARD
#endif

#ifdef __cplusplus
#    define TOFU_EXTERN_C_BEGIN extern "C" {
#    define TOFU_EXTERN_C_END   }
#else
#    define TOFU_EXTERN_C_BEGIN
#    define TOFU_EXTERN_C_END
#endif

#endif

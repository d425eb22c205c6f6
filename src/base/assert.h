// SPDX-License-Identifier: MIT
// Assertions about our own mistakes: arguments, invariants, threads, state transitions.
//
// They are on in debug, test and sanitizer builds (TF_ASSERTIONS) and compiled out of the released
// library, which lives in someone else's process and must not end it. What a peer, the system or the
// user's data decides is never asserted: that is a status.
#ifndef TF_BASE_ASSERT_H
#define TF_BASE_ASSERT_H

#ifdef TF_ASSERTIONS

_Noreturn void tf_assert_failed(const char *condition, const char *file, int line);

#    define TF_ASSERT(condition)                                                                   \
        ((condition) ? (void)0 : tf_assert_failed(#condition, __FILE__, __LINE__))
/// For conditions that walk a whole structure.
#    define TF_ASSERT_SLOW(condition) TF_ASSERT(condition)
#    define TF_UNREACHABLE()          tf_assert_failed("unreachable", __FILE__, __LINE__)

#else

#    define TF_ASSERT(condition)      ((void)sizeof(!(condition)))
#    define TF_ASSERT_SLOW(condition) ((void)sizeof(!(condition)))
#    define TF_UNREACHABLE()          ((void)0)

#endif

#endif

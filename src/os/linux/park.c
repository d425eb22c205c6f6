// SPDX-License-Identifier: MIT
// Parking on a futex: the kernel compares the word and sleeps in one step.
//
// FUTEX_WAIT_BITSET is the form that takes an absolute time of the monotonic clock, so a sleep that is
// interrupted and begun again needs no arithmetic. Why a park ended is never asked: the caller looks
// at its word and at its clock again.
#include "os/park.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"
#include "os/clock.h"

// What SYS_futex reads on every Linux: two longs, whatever time_t is in the C library.
struct kernel_time {
    long seconds;
    long nanoseconds;
};

void tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    TF_ASSERT(word != NULL);

    uint64_t seconds = deadline_ns / TF_SECOND;
    struct kernel_time deadline = {
        .seconds = seconds < LONG_MAX ? (long)seconds : LONG_MAX,
        .nanoseconds = (long)(deadline_ns % TF_SECOND),
    };
    (void)syscall(
        SYS_futex,
        word,
        FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG,
        expected,
        deadline_ns == TF_NEVER ? NULL : &deadline,
        NULL,
        FUTEX_BITSET_MATCH_ANY);
}

static void unpark(_Atomic uint32_t *word, int thread_count_max)
{
    TF_ASSERT(word != NULL);

    (void)syscall(
        SYS_futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, thread_count_max, NULL, NULL, 0);
}

void tf_unpark_one(_Atomic uint32_t *word)
{
    unpark(word, 1);
}

void tf_unpark_all(_Atomic uint32_t *word)
{
    unpark(word, INT_MAX);
}

// SPDX-License-Identifier: MIT
// Parking on an address: the system compares the word and sleeps in one step, as a futex does.
//
// The sleep is given as a number of milliseconds, not as a moment, and is rounded up, so that one who
// waits for a deadline does not come back again and again just before it. Why a park ended is never
// asked: the caller looks at its word and at its clock again.
#include "os/park.h"

#include <windows.h>

#include "base/assert.h"
#include "os/clock.h"

// What cannot be expressed is cut: 49 days later the caller comes back and parks again.
static DWORD milliseconds_until(uint64_t deadline_ns)
{
    if (deadline_ns == TF_NEVER) {
        return INFINITE;
    }
    uint64_t now_ns = tf_clock_now();
    if (deadline_ns <= now_ns) {
        return 0;
    }
    uint64_t remaining_ns = deadline_ns - now_ns;
    uint64_t milliseconds = remaining_ns / TF_MILLISECOND + (remaining_ns % TF_MILLISECOND != 0);
    return milliseconds < INFINITE ? (DWORD)milliseconds : INFINITE - 1;
}

void tf_park(_Atomic uint32_t *word, uint32_t expected, uint64_t deadline_ns)
{
    TF_ASSERT(word != NULL);

    (void)WaitOnAddress(word, &expected, sizeof expected, milliseconds_until(deadline_ns));
}

// To the system it is an address and no more; the way round drops the qualifier without a warning.
static void *address_of(_Atomic uint32_t *word)
{
    return (void *)(uintptr_t)word;
}

void tf_unpark_one(_Atomic uint32_t *word)
{
    TF_ASSERT(word != NULL);

    WakeByAddressSingle(address_of(word));
}

void tf_unpark_all(_Atomic uint32_t *word)
{
    TF_ASSERT(word != NULL);

    WakeByAddressAll(address_of(word));
}

// SPDX-License-Identifier: MIT
#include "hostile/stall.h"

#include "hostile/measure.h"
#include "support/raw_peer.h"

// Only the I/O thread says that it stands, and only the test that it need not: nobody takes an old stall
// for a new one.
void stall_sink(void *context, const struct tofu_log_record *record)
{
    struct stall *stall = context;
    (void)record;
    while (atomic_load(&stall->state) != STALL_NONE) {
        enum stall_state wanted = STALL_WANTED;
        (void)atomic_compare_exchange_strong(&stall->state, &wanted, STALL_STANDING);
        interval_pass(MILLISECOND_NS);
    }
}

// Waits for a short time; returns whether the I/O thread stands.
static bool stands_soon(struct stall *stall)
{
    uint64_t deadline_ns = test_now() + 100 * MILLISECOND_NS;
    while (atomic_load(&stall->state) != STALL_STANDING && test_now() < deadline_ns) {
        interval_pass(MILLISECOND_NS);
    }
    return atomic_load(&stall->state) == STALL_STANDING;
}

// Tried again and again, because a kind of line is not logged more than a few times a second.
void stall_begin(struct stall *stall, const char *address)
{
    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    atomic_store(&stall->state, STALL_WANTED);
    do {
        assert_true_or(test_now() < deadline_ns, "the engine does not log, so it cannot stall");
        raw_close(raw_connect(address));
    } while (!stands_soon(stall));
}

void stall_end(struct stall *stall)
{
    atomic_store(&stall->state, STALL_NONE);
}

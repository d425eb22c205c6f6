// SPDX-License-Identifier: MIT
// Locks, which nobody ever has to wait for: only their use is checked. And no process ever forks.
#include "sim/os/lock.h"

#include "os/thread.h"
#include "sim/os/world.h"

#define MARK_OPEN UINT64_C(0x6c6f636b)

static struct {
    uint64_t open;
    uint64_t held;
} locks;

uint64_t sim_locks_held(void)
{
    return locks.held;
}

enum tofu_status tf_mutex_open(struct tf_mutex *mutex)
{
    mutex->storage[0] = MARK_OPEN;
    mutex->storage[1] = 0;
    locks.open++;
    return TOFU_OK;
}

static void check_is_open(const struct tf_mutex *mutex)
{
    if (mutex->storage[0] != MARK_OPEN) {
        sim_fail("a lock is used that is not open");
    }
}

void tf_mutex_close(struct tf_mutex *mutex)
{
    check_is_open(mutex);
    if (mutex->storage[1] != 0) {
        sim_fail("a lock is closed while it is held");
    }
    mutex->storage[0] = 0;
    locks.open--;
}

void tf_mutex_lock(struct tf_mutex *mutex)
{
    sim_preempt();
    check_is_open(mutex);
    if (mutex->storage[1] != 0) {
        sim_fail("deadlock: a lock is taken twice");
    }
    mutex->storage[1] = 1;
    locks.held++;
}

void tf_mutex_unlock(struct tf_mutex *mutex)
{
    check_is_open(mutex);
    if (mutex->storage[1] != 1) {
        sim_fail("a lock is released that nobody holds");
    }
    mutex->storage[1] = 0;
    locks.held--;
    sim_preempt();
}

uint32_t tf_process_generation(void)
{
    return 1;
}

void sim_locks_begin(void)
{
    locks.open = 0;
    locks.held = 0;
}

void sim_locks_end(void)
{
    if (locks.open != 0) {
        sim_fail("%llu locks were never closed", (unsigned long long)locks.open);
    }
}

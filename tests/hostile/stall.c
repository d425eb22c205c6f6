// SPDX-License-Identifier: MIT
#include "hostile/stall.h"

#include <errno.h>
#include <time.h>

#include "hostile/measure.h"
#include "support/raw_peer.h"

void stall_open(struct stall *stall)
{
    *stall = (struct stall){.is_wanted = false};
    assert_int_equal(pthread_mutex_init(&stall->lock, NULL), 0);
    assert_int_equal(pthread_cond_init(&stall->changed, NULL), 0);
}

void stall_close(struct stall *stall)
{
    assert_int_equal(pthread_cond_destroy(&stall->changed), 0);
    assert_int_equal(pthread_mutex_destroy(&stall->lock), 0);
}

void stall_sink(void *context, const struct tofu_log_record *record)
{
    struct stall *stall = context;
    (void)record;
    (void)pthread_mutex_lock(&stall->lock);
    stall->is_standing = stall->is_wanted;
    (void)pthread_cond_broadcast(&stall->changed);
    while (stall->is_wanted) {
        (void)pthread_cond_wait(&stall->changed, &stall->lock);
    }
    stall->is_standing = false;
    (void)pthread_mutex_unlock(&stall->lock);
}

// Waits for a short time; returns whether the I/O thread stands.
static bool stands_soon(struct stall *stall)
{
    struct timespec deadline;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &deadline), 0);
    deadline.tv_nsec += 100 * 1000000;
    if (deadline.tv_nsec >= 1000000000) {
        deadline.tv_nsec -= 1000000000;
        deadline.tv_sec++;
    }
    int error = 0;
    (void)pthread_mutex_lock(&stall->lock);
    while (!stall->is_standing && error != ETIMEDOUT) {
        error = pthread_cond_timedwait(&stall->changed, &stall->lock, &deadline);
    }
    bool is_standing = stall->is_standing;
    (void)pthread_mutex_unlock(&stall->lock);
    return is_standing;
}

// Tried again and again, because a kind of line is not logged more than a few times a second.
void stall_begin(struct stall *stall, const char *address)
{
    (void)pthread_mutex_lock(&stall->lock);
    stall->is_wanted = true;
    (void)pthread_mutex_unlock(&stall->lock);

    uint64_t deadline_ns = test_now() + TEST_DEADLINE_NS;
    do {
        assert_true_or(test_now() < deadline_ns, "the engine does not log, so it cannot stall");
        raw_close(raw_connect(address));
    } while (!stands_soon(stall));
}

void stall_end(struct stall *stall)
{
    (void)pthread_mutex_lock(&stall->lock);
    stall->is_wanted = false;
    (void)pthread_cond_broadcast(&stall->changed);
    (void)pthread_mutex_unlock(&stall->lock);
}

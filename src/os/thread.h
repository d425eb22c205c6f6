// SPDX-License-Identifier: MIT
// Threads and locks.
//
// A thread is a step function, called again and again until it says that it is done. The real system
// calls it on a thread of its own; the simulator calls it whenever its schedule says so, which is
// how the whole engine runs there without one line of its own.
#ifndef TF_OS_THREAD_H
#define TF_OS_THREAD_H

#include <stdbool.h>
#include <stdint.h>

#include <tofu/status.h>

struct tf_thread {
    uint64_t storage[6]; ///< the platform's; zero before start
};

/// Returns true to be called again.
typedef bool (*tf_thread_step)(void *context);

/// Starts a thread that calls `step(context)` until it returns false. Its signals are all blocked.
///
/// `thread` and `name` (may be NULL; cut to what the system takes) must live until the join.
/// @retval TOFU_NOTIFICATION_FAILED  the system refused.
TOFU_NODISCARD enum tofu_status tf_thread_start(
    struct tf_thread *thread, const char *name, tf_thread_step step, void *context);

/// Waits until the last step has returned. Once per started thread.
void tf_thread_join(struct tf_thread *thread);

/// Says whether the caller is inside a step of this thread. Threads: any, after the start returned
/// or inside the step.
bool tf_thread_is_current(const struct tf_thread *thread);

/// A lock for one process. Zero is not an open one.
struct tf_mutex {
    uint64_t storage[8];
};

TOFU_NODISCARD enum tofu_status tf_mutex_open(struct tf_mutex *mutex);
void tf_mutex_close(struct tf_mutex *mutex);
void tf_mutex_lock(struct tf_mutex *mutex);
void tf_mutex_unlock(struct tf_mutex *mutex);

/// Returns a number that is another one in a child after fork(), read without a system call. The
/// first call installs what is needed. Threads: any.
uint32_t tf_process_generation(void);

#endif

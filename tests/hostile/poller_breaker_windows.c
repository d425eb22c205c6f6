// SPDX-License-Identifier: MIT
// The library's table of NT functions gets another wait. It is mended so that the port can be emptied: the
// kernel may write to a request until its packet is taken, so an engine keeps the memory of one for which
// that cannot be done any more (poller_nt_test).
#include <stdatomic.h>

#include "hostile/poller_breaker.h"
#include "os/windows/nt.h"

#define NT_INVALID_HANDLE ((tf_nt_status)0xC0000008)

static __typeof__(((struct tf_nt *)0)->NtRemoveIoCompletionEx) real_remove;
static atomic_uint port_count;
static atomic_bool is_broken;

static tf_nt_status remove_or_fail(
    tf_nt_handle port,
    struct tf_nt_packet *packets,
    uint32_t capacity,
    uint32_t *count_out,
    int64_t *timeout,
    uint8_t is_alertable)
{
    if (atomic_load(&is_broken)) {
        return NT_INVALID_HANDLE;
    }
    return real_remove(port, packets, capacity, count_out, timeout, is_alertable);
}

const char *__real_tf_nt_open(struct tf_nt *nt);
const char *__wrap_tf_nt_open(struct tf_nt *nt);

// The linker sends the poller here (`--wrap`).
const char *__wrap_tf_nt_open(struct tf_nt *nt)
{
    const char *missing = __real_tf_nt_open(nt);
    real_remove = nt->NtRemoveIoCompletionEx;
    nt->NtRemoveIoCompletionEx = remove_or_fail;
    atomic_fetch_add(&port_count, 1);
    return missing;
}

bool poller_break(void)
{
    atomic_store(&is_broken, true);
    return atomic_load(&port_count) > 0;
}

void poller_mend(void)
{
    atomic_store(&is_broken, false);
}

// SPDX-License-Identifier: MIT
// An event is an eventfd: one descriptor that is readable while its count is not zero.
#include "os/event.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

enum tofu_status tf_event_open(struct tf_event *event)
{
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (descriptor < 0) {
        return TOFU_NOTIFICATION_FAILED;
    }
    *event = (struct tf_event){.descriptor = descriptor, .other = -1};
    return TOFU_OK;
}

void tf_event_close(struct tf_event *event)
{
    TF_ASSERT(event->descriptor >= 0);

    (void)close((int)event->descriptor);
    event->descriptor = -1;
}

// The count can only go from 0 to 1, so the write has nothing to wait for and cannot fail otherwise.
void tf_event_set(struct tf_event *event)
{
    TF_ASSERT(event->descriptor >= 0);

    uint64_t one = 1;
    while (write((int)event->descriptor, &one, sizeof one) < 0 && errno == EINTR) {
        // A signal came first.
    }
}

void tf_event_clear(struct tf_event *event)
{
    TF_ASSERT(event->descriptor >= 0);

    uint64_t count = 0;
    while (read((int)event->descriptor, &count, sizeof count) < 0 && errno == EINTR) {
        // A signal came first.
    }
}

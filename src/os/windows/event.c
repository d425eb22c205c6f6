// SPDX-License-Identifier: MIT
// An event is an event object that stays signalled until it is reset. Without security attributes its
// handle is not inherited.
#include "os/event.h"

#include <windows.h>

#include "base/assert.h"

enum tofu_status tf_event_open(struct tf_event *event)
{
    HANDLE handle = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (handle == NULL) {
        return TOFU_NOTIFICATION_FAILED;
    }
    *event = (struct tf_event){.descriptor = (intptr_t)handle, .other = -1};
    return TOFU_OK;
}

void tf_event_close(struct tf_event *event)
{
    TF_ASSERT(event->descriptor != -1);

    (void)CloseHandle((HANDLE)event->descriptor);
    event->descriptor = -1;
}

void tf_event_set(struct tf_event *event)
{
    TF_ASSERT(event->descriptor != -1);

    (void)SetEvent((HANDLE)event->descriptor);
}

void tf_event_clear(struct tf_event *event)
{
    TF_ASSERT(event->descriptor != -1);

    (void)ResetEvent((HANDLE)event->descriptor);
}

// SPDX-License-Identifier: MIT
// Events: one flag each. Numbers start where no socket and no small mistake lies.
#include "os/event.h"

#include "sim/os/schedule.h"
#include "sim/os/world.h"

#define EVENTS_MAX   64
#define FIRST_NUMBER 5000

enum flag { FLAG_CLOSED, FLAG_CLEAR, FLAG_SET };

static enum flag flags[EVENTS_MAX];

static enum flag *flag_of(intptr_t descriptor)
{
    intptr_t place = descriptor - FIRST_NUMBER;
    if (place < 0 || place >= EVENTS_MAX || flags[place] == FLAG_CLOSED) {
        sim_fail("event %lld is not open", (long long)descriptor);
    }
    return &flags[place];
}

enum tofu_status tf_event_open(struct tf_event *event)
{
    for (intptr_t i = 0; i < EVENTS_MAX; i++) {
        if (flags[i] == FLAG_CLOSED) {
            flags[i] = FLAG_CLEAR;
            event->descriptor = FIRST_NUMBER + i;
            event->other = -1;
            return TOFU_OK;
        }
    }
    return TOFU_NOTIFICATION_FAILED;
}

void tf_event_close(struct tf_event *event)
{
    *flag_of(event->descriptor) = FLAG_CLOSED;
}

void tf_event_set(struct tf_event *event)
{
    enum flag *flag = flag_of(event->descriptor);
    if (*flag == FLAG_SET) {
        sim_fail("an event is set twice");
    }
    *flag = FLAG_SET;
    sim_trace("event set", (uint64_t)event->descriptor, 0);
}

void tf_event_clear(struct tf_event *event)
{
    enum flag *flag = flag_of(event->descriptor);
    if (*flag == FLAG_CLEAR) {
        sim_fail("an event is cleared twice");
    }
    *flag = FLAG_CLEAR;
}

bool sim_event_is_set(intptr_t descriptor)
{
    return *flag_of(descriptor) == FLAG_SET;
}

bool sim_event_ends_sleep(intptr_t descriptor)
{
    return flags[descriptor - FIRST_NUMBER] != FLAG_CLEAR;
}

void sim_events_begin(void)
{
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        flags[i] = FLAG_CLOSED;
    }
}

void sim_events_end(void)
{
    for (size_t i = 0; i < EVENTS_MAX; i++) {
        if (flags[i] != FLAG_CLOSED) {
            sim_fail("event %zu was never closed", i + FIRST_NUMBER);
        }
    }
}

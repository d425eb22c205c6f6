// SPDX-License-Identifier: MIT
// WSAEventSelect and threads: an event per socket, and one call waits for 64 of them at most. The
// server's thread waits for its own sockets and one event more, by which it is called: by whoever
// wakes it, and by helper threads, one for each further 63 sockets, which hand over what is ready.
#include "events.h"

#include <stdatomic.h>
#include <stdlib.h>

const DWORD way_socket_flags = WSA_FLAG_OVERLAPPED;

enum { GROUP_MAX = MAXIMUM_WAIT_OBJECTS - 1 }; // sockets of a thread; the last event is its own

/// Sockets first ... first + count - 1, and the thread that waits for their events.
struct group {
    uint32_t first;
    DWORD count;
    HANDLE thread;                      // none for the first group: the server's thread waits
    HANDLE waits[MAXIMUM_WAIT_OBJECTS]; // [0] is the thread's own: being called, or stopping
};

static struct {
    HANDLE *events;
    uint32_t event_count;
    struct group *groups;
    uint32_t group_count;
    SRWLOCK lock; // for `ready` and its count
    uint32_t *ready;
    uint32_t ready_count;
    uint32_t ready_max;
    uint32_t *taken; // what the server is at; changes places with `ready`
    atomic_bool is_woken;
} way;

void way_probe(void)
{
    // Winsock has had this from the start.
}

/// Takes a socket whose event was set; the event clears itself.
typedef void (*take)(struct lab *lab, uint32_t index);

/// Waits for an event of the group and takes every socket whose event is set, each once, so that a
/// busy one is not in the way of those behind it.
/// @return true if the thread's own event was set.
static bool sweep(struct lab *lab, const struct group *group, take take_ready)
{
    bool is_called = false;
    DWORD timeout_ms = LAB_WAIT_MS;
    for (DWORD first = 0; first <= group->count;) {
        DWORD wait_count = group->count + 1 - first;
        DWORD set = WaitForMultipleObjects(wait_count, &group->waits[first], FALSE, timeout_ms);
        if (set == WAIT_TIMEOUT) {
            break;
        }
        if (set >= wait_count) {
            lab_fail("WaitForMultipleObjects", GetLastError());
        }
        if (first + set == 0) {
            is_called = true;
        } else {
            take_ready(lab, group->first + first + set - 1);
        }
        first += set + 1;
        timeout_ms = 0;
    }
    return is_called;
}

static void hand_over(struct lab *lab, uint32_t index)
{
    (void)lab;
    AcquireSRWLockExclusive(&way.lock);
    if (way.ready_count == way.ready_max) {
        lab_fail("more sockets are ready than there are", way.ready_max);
    }
    way.ready[way.ready_count++] = index;
    ReleaseSRWLockExclusive(&way.lock);
    SetEvent(way.groups[0].waits[0]);
}

static DWORD WINAPI help(void *group)
{
    while (!sweep(NULL, group, hand_over)) {
        // Being called means to stop.
    }
    return 0;
}

static void serve(struct lab *lab, uint32_t index)
{
    events_serve(lab, index, way.events[index]);
}

static void serve_handed_over(struct lab *lab)
{
    AcquireSRWLockExclusive(&way.lock);
    uint32_t *ready = way.ready;
    uint32_t ready_count = way.ready_count;
    way.ready = way.taken;
    way.ready_count = 0;
    ReleaseSRWLockExclusive(&way.lock);
    way.taken = ready;
    for (uint32_t at = 0; at < ready_count; at++) {
        // A socket may be handed over a second time while its end is being read.
        if (lab->sockets[ready[at]] != INVALID_SOCKET) {
            serve(lab, ready[at]);
        }
    }
}

static void open_group(const struct lab *lab, struct group *group, uint32_t number)
{
    group->first = number * GROUP_MAX;
    uint32_t left = lab->count - group->first;
    group->count = left < GROUP_MAX ? left : GROUP_MAX;
    group->waits[0] = CreateEventW(NULL, FALSE, FALSE, NULL);
    if (group->waits[0] == NULL) {
        lab_fail("CreateEventW", GetLastError());
    }
    for (DWORD at = 0; at < group->count; at++) {
        group->waits[at + 1] = way.events[group->first + at];
    }
    if (number > 0) {
        group->thread = CreateThread(NULL, 0, help, group, 0, NULL);
        if (group->thread == NULL) {
            lab_fail("CreateThread", GetLastError());
        }
    }
}

void way_open(struct lab *lab)
{
    InitializeSRWLock(&way.lock);
    way.events = events_open(lab, false);
    way.event_count = lab->count;
    // Something to read is told once until it was read, and the end once.
    way.ready_max = 2 * lab->count;
    way.ready = lab_alloc(way.ready_max, sizeof *way.ready);
    way.taken = lab_alloc(way.ready_max, sizeof *way.taken);
    way.group_count = (lab->count + GROUP_MAX - 1) / GROUP_MAX;
    way.groups = lab_alloc(way.group_count, sizeof *way.groups);
    for (uint32_t number = 0; number < way.group_count; number++) {
        open_group(lab, &way.groups[number], number);
    }
}

bool way_turn(struct lab *lab)
{
    if (!sweep(lab, &way.groups[0], serve)) {
        return false;
    }
    serve_handed_over(lab);
    return atomic_exchange(&way.is_woken, false);
}

void way_wake(void)
{
    atomic_store(&way.is_woken, true);
    SetEvent(way.groups[0].waits[0]);
}

bool way_rearm(struct lab *lab, uint32_t index)
{
    events_rearm(lab, index, way.events[index]);
    return true;
}

void way_close(void)
{
    for (uint32_t number = 0; number < way.group_count; number++) {
        struct group *group = &way.groups[number];
        SetEvent(group->waits[0]);
        if (number > 0 && WaitForSingleObject(group->thread, LAB_WAIT_MS) != WAIT_OBJECT_0) {
            lab_fail("a helper thread has not ended before the deadline", number);
        }
        CloseHandle(group->waits[0]);
    }
    events_close(way.events, way.event_count);
    free(way.groups);
    free(way.ready);
    free(way.taken);
}
